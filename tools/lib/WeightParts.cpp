//===- WeightParts.cpp - weights under the names that users know ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/PackedData.h"

using namespace lowbit;

llvm::SmallVector<WeightPart, 1> lowbit::getWeightParts(GlobalOp global) {
  auto type = llvm::cast<mlir::ShapedType>(global.getType());
  llvm::SmallVector<WeightPart, 1> whole = {
      {global.getSymName().str(), 0, 1, type.getDimSize(0)}};
  auto fields = global->getAttrOfType<mlir::DictionaryAttr>(kPartsAttrName);
  auto names = fields ? fields.getAs<mlir::ArrayAttr>("names") : nullptr;
  auto rows = fields ? fields.getAs<mlir::DenseI64ArrayAttr>("rows") : nullptr;
  if (!names || !rows || names.size() != size_t(rows.size()) ||
      llvm::sum_of(rows.asArrayRef()) != type.getDimSize(0))
    return whole;
  bool alternates = fields.contains("alternating");
  llvm::SmallVector<WeightPart, 1> parts;
  int64_t first = 0;
  for (auto [name, count] : llvm::zip_equal(names, rows.asArrayRef())) {
    auto text = llvm::dyn_cast<mlir::StringAttr>(name);
    if (!text || count < 0 || (alternates && count != rows[0]))
      return whole;
    parts.push_back(
        {text.str(), first, alternates ? int64_t(names.size()) : 1, count});
    first += alternates ? 1 : count;
  }
  return parts;
}

llvm::FailureOr<QuantizedWeight> QuantizedWeight::read(GlobalOp global) {
  llvm::FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (llvm::failed(matrix))
    return llvm::failure();
  QuantizedWeight weight;
  weight.matrix = std::move(*matrix);
  if (mlir::ElementsAttr order = global.getComponent(component::kPermutation)) {
    // The verifier has seen a permutation of i32, without splats.
    llvm::ArrayRef<char> raw = getRawBytes(order);
    if (!raw.empty()) {
      weight.permutation.resize(raw.size() / sizeof(int32_t));
      std::memcpy(weight.permutation.data(), raw.data(), raw.size());
    }
  }
  return weight;
}

void QuantizedWeight::readRow(int64_t row, float *result) const {
  if (permutation.empty()) {
    numerics::dequantizeRows(matrix, row, row + 1, result);
    return;
  }
  std::vector<float> stored(matrix.columns);
  numerics::dequantizeRows(matrix, row, row + 1, stored.data());
  for (int64_t k = 0; k < matrix.columns; ++k)
    result[k] = stored[permutation[k]];
}

FloatWeights::FloatWeights(mlir::ModuleOp raised) {
  auto add = [&](mlir::Value weight) {
    if (llvm::isa<QuantizedTensorType>(weight.getType()))
      return;
    if (std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight)) {
      llvm::StringRef name =
          names.try_emplace(matrix->name(), '\0').first->getKey();
      weights.insert({name, std::move(*matrix)});
    }
  };
  raised.walk([&](EmbeddingOp op) { add(op.getWeight()); });
  raised.walk([&](LinearOp op) { add(op.getWeight()); });
}

const ConstantMatrix *FloatWeights::lookup(llvm::StringRef name, int64_t rows,
                                           int64_t columns) const {
  auto found = weights.find(name);
  if (found == weights.end() || found->second.rows != rows ||
      found->second.columns != columns)
    return nullptr;
  return &found->second;
}
