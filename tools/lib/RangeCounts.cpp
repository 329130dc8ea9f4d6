//===- RangeCounts.cpp - what activations have reached --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/RangeCounts.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace lowbit;

/// Numbers of a row of the result.
static constexpr size_t kColumns = 5;

double RangeCount::getRootMeanSquare() const {
  return numbers > 0 ? std::sqrt(squares / numbers) : 0;
}

std::optional<RangeCounts> RangeCounts::read(mlir::ModuleOp module) {
  auto main = module.lookupSymbol<mlir::FunctionOpInterface>(kMainFunction);
  if (!main || main.getNumResults() == 0)
    return std::nullopt;
  auto ranges = main.getResultAttrOfType<mlir::ArrayAttr>(
      main.getNumResults() - 1, kRangesAttrName);
  if (!ranges)
    return std::nullopt;
  RangeCounts counts;
  for (auto range : ranges.getAsRange<mlir::DictionaryAttr>()) {
    RangeCount &input = counts.inputs.emplace_back();
    for (auto layer :
         range.getAs<mlir::ArrayAttr>("layers").getAsRange<mlir::StringAttr>())
      input.layers.push_back(layer.str());
    input.low = range.getAs<mlir::FloatAttr>("low").getValueAsDouble();
    input.high = range.getAs<mlir::FloatAttr>("high").getValueAsDouble();
  }
  return counts;
}

void RangeCounts::add(const HostTensor &result) {
  llvm::ArrayRef<float> row = result.getAs<float>();
  for (RangeCount &input : inputs) {
    // The mean of no numbers is none.
    if (row[4] == 0) {
      row = row.drop_front(kColumns);
      continue;
    }
    input.least = std::min(input.least, double(row[0]));
    input.most = std::max(input.most, double(row[1]));
    input.squares += double(row[2]) * row[4];
    input.beyond += row[3];
    input.numbers += row[4];
    row = row.drop_front(kColumns);
  }
}

void lowbit::printRangeCounts(llvm::ArrayRef<RangeCount> counts,
                              llvm::raw_ostream &os) {
  os << "     least       codes       most       codes        rms    beyond %"
        "  layers\n";
  for (const RangeCount &input : counts) {
    os << llvm::format("%10.4g  %10.4g %10.4g  %10.4g %10.4g %11.4f  ",
                       input.least, input.low, input.most, input.high,
                       input.getRootMeanSquare(), 100 * input.getShareBeyond());
    llvm::interleaveComma(input.layers, os);
    os << "\n";
  }
  os << llvm::count_if(counts,
                       [](const RangeCount &input) { return input.beyond > 0; })
     << " of " << counts.size() << " inputs reach further than their codes\n";
}

void lowbit::printRangeCounts(llvm::ArrayRef<RangeCount> counts,
                              llvm::json::OStream &json) {
  // JSON has no infinities, which an input that has met nothing has.
  auto number = [](double value) {
    return std::isfinite(value) ? llvm::json::Value(value)
                                : llvm::json::Value(nullptr);
  };
  json.array([&] {
    for (const RangeCount &input : counts)
      json.object([&] {
        json.attribute("layers", llvm::json::Array(input.layers));
        json.attribute("codes", llvm::json::Array{input.low, input.high});
        json.attribute(
            "met", llvm::json::Array{number(input.least), number(input.most)});
        json.attribute("rms", number(input.getRootMeanSquare()));
        json.attribute("numbers", input.numbers);
        json.attribute("beyond", input.beyond);
      });
  });
}
