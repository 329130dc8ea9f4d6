//===- AssignPrecision.cpp - give each layer an encoding ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCosts.h"
#include "PrecisionRules.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Knapsack.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "llvm/Support/MemoryBuffer.h"

namespace lowbit {
#define GEN_PASS_DEF_ASSIGNPRECISIONPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Bits of a weight that a budget in percent is compared with.
static constexpr double kUnquantizedBits = 16;

/// What a budget is spent on where nothing is named: every width that pays, in
/// groups whose parameters cost half a bit.
static constexpr StringLiteral kDefaultCandidates[] = {
    "uint2-g64", "uint3-g64", "uint4-g64",
    "uint5-g64", "uint6-g64", "uint8-g64"};

/// The bytes that a budget allows for this many weights; nothing if it can't be
/// read.
static std::optional<int64_t> readBudget(StringRef text, double weights) {
  double number;
  if (text.consume_front("bpw=") && !text.getAsDouble(number) && number > 0)
    return static_cast<int64_t>(number * weights / 8);
  int64_t bytes;
  if (text.consume_front("bytes=") && !text.getAsInteger(10, bytes) &&
      bytes >= 0)
    return bytes;
  if (text.consume_front("reduction=") && text.consume_back("%") &&
      !text.getAsDouble(number) && number >= 0 && number < 100)
    return static_cast<int64_t>((1 - number / 100) * kUnquantizedBits *
                                weights / 8);
  return std::nullopt;
}

namespace {
struct AssignPrecisionPass
    : lowbit::impl::AssignPrecisionPassBase<AssignPrecisionPass> {
  using AssignPrecisionPassBase::AssignPrecisionPassBase;

  void runOnOperation() override {
    FailureOr<PrecisionRules> read = readRules();
    if (failed(read))
      return signalPassFailure();
    std::vector<PrecisionLayer> layers = collectLayers(getOperation());
    auto matched = read->match(getOperation().getLoc(), layers);
    if (failed(matched))
      return signalPassFailure();
    std::vector<PrecisionLayer> open;
    for (auto [layer, rule] : llvm::zip_equal(layers, *matched)) {
      bool isNamed = rule && rule->kind != PrecisionRule::Default;
      bool isInside = layer.component == LayerComponent::Attention ||
                      layer.component == LayerComponent::FeedForward;
      if (!budget.empty() && !isNamed && isInside)
        open.push_back(layer);
      else if (rule)
        assign(layer, rule->encoding);
    }
    if (!budget.empty() && failed(spendBudget(open)))
      signalPassFailure();
  }

private:
  InFlightDiagnostic error() { return emitError(getOperation().getLoc()); }

  FailureOr<PrecisionRules> readRules() {
    if (config.empty()) {
      // MLIR takes the braces off an option's value.
      std::string text = rules;
      if (text.empty() || text.front() == '"')
        text = "{" + text + "}";
      return PrecisionRules::parse(getOperation().getLoc(), "precision rules",
                                   text);
    }
    if (!rules.empty())
      return error() << "precision: requires rules or config, found both";
    auto file = llvm::MemoryBuffer::getFile(config, /*IsText=*/true);
    if (!file)
      return error() << "precision: " << config << ": "
                     << file.getError().message();
    return PrecisionRules::parse(getOperation().getLoc(), config,
                                 (*file)->getBuffer());
  }

  void assign(const PrecisionLayer &layer, EncodingAttr encoding) {
    if (encoding)
      layer.op->setAttr(kEncodingAttrName, encoding);
    else
      layer.op->setAttr(kKeepFloatAttrName, UnitAttr::get(&getContext()));
    ++numAssigned;
  }

  FailureOr<std::vector<EncodingAttr>> readCandidates() {
    SmallVector<std::string> names(candidates.begin(), candidates.end());
    if (names.empty())
      for (StringRef name : kDefaultCandidates)
        names.push_back(name.str());
    std::vector<EncodingAttr> encodings;
    for (const std::string &name : names) {
      auto method = parseQuantizationMethod(name, &getContext());
      if (!method)
        return error() << "precision: " << llvm::toString(method.takeError());
      if (!method->weights || method->feedback || method->activationBits)
        return error() << "precision: a candidate requires the encoding of a "
                          "weight alone, found '"
                       << name << "'";
      encodings.push_back(method->weights);
    }
    return encodings;
  }

  /// The choices of a layer, in the order of `encodings`.
  FailureOr<std::vector<numerics::KnapsackOption>>
  makeChoices(const PrecisionLayer &layer, ArrayRef<EncodingAttr> encodings,
              const LayerStatistics &statistics) {
    ConstantMatrix matrix = *matchConstantMatrix(layer.weight);
    std::optional<EntropyCost> entropy;
    if (strategy == "entropy")
      entropy.emplace(matrix);
    std::vector<numerics::KnapsackOption> choices;
    FailureOr<GradientCost> gradient = failure();
    if (strategy == "gradient" &&
        failed(gradient = GradientCost::create(layer, matrix, statistics)))
      return failure();
    for (EncodingAttr encoding : encodings) {
      numerics::KnapsackOption &choice = choices.emplace_back();
      choice.cost = numerics::storedBytes(encoding.getNumerics(), matrix.rows,
                                          matrix.columns);
      if (entropy) {
        choice.loss = entropy->get(encoding);
        continue;
      }
      FailureOr<double> cost =
          succeeded(gradient)
              ? gradient->get(encoding)
              : getOutputError(layer, matrix, encoding, statistics);
      if (failed(cost))
        return failure();
      choice.loss = *cost;
    }
    return choices;
  }

  LogicalResult spendBudget(ArrayRef<PrecisionLayer> layers) {
    if (strategy != "hessian" && strategy != "gradient" &&
        strategy != "entropy")
      return error() << "precision: requires the strategy hessian, gradient or "
                        "entropy, found '"
                     << strategy << "'";
    FailureOr<std::vector<EncodingAttr>> encodings = readCandidates();
    if (failed(encodings))
      return failure();
    double weights = 0;
    for (const PrecisionLayer &layer : layers)
      weights += static_cast<double>(
          cast<ShapedType>(layer.weight.getType()).getNumElements());
    std::optional<int64_t> bytes = readBudget(budget, weights);
    if (!bytes)
      return error()
             << "precision: requires a budget of bpw=N bits, bytes=N or "
                "reduction=N%, found '"
             << budget << "'";
    LayerStatistics statistics(getOperation());
    std::vector<std::vector<numerics::KnapsackOption>> choices;
    for (const PrecisionLayer &layer : layers) {
      auto made = makeChoices(layer, *encodings, statistics);
      if (failed(made))
        return failure();
      choices.push_back(std::move(*made));
    }
    std::vector<int32_t> best;
    numerics::Status status = numerics::solveKnapsack(choices, *bytes, best);
    if (!status.ok())
      return error() << "precision: " << status.message;
    for (size_t i = 0; i < layers.size(); ++i) {
      assign(layers[i], (*encodings)[best[i]]);
      numBytes += choices[i][best[i]].cost;
    }
    return success();
  }
};
} // namespace
