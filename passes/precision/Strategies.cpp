//===- Strategies.cpp - what encodings cost, by the module alone ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCosts.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lowbit;

PrecisionStrategy::~PrecisionStrategy() = default;

// What the losses of each strategy are.
static constexpr StringLiteral kUniformMeaning = "bits saved";
static constexpr StringLiteral kHessianMeaning =
    "sum of layers' squared output errors over their outputs' norms";
static constexpr StringLiteral kGradientMeaning =
    "divergence in nats, to second order, by gradients of outputs";
static constexpr StringLiteral kEntropyMeaning =
    "least squared error that the weights' entropy allows";

namespace {

/// The same encoding for all: the more bits, the better.
class UniformStrategy : public PrecisionStrategy {
public:
  StringRef getName() const override { return "uniform"; }
  StringRef getMeaning() const override { return kUniformMeaning; }
  bool isUniform() const override { return true; }

  FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            ArrayRef<EncodingAttr> encodings) override {
    auto type = cast<ShapedType>(layer.weight.getType());
    std::vector<double> losses;
    for (EncodingAttr encoding : encodings)
      losses.push_back(-double(numerics::storedBytes(
          encoding.getNumerics(), type.getDimSize(0), type.getDimSize(1))));
    return losses;
  }
};

/// The cost of each of `encodings`; fails where one has none.
static FailureOr<std::vector<double>>
collectCosts(ArrayRef<EncodingAttr> encodings,
             llvm::function_ref<FailureOr<double>(EncodingAttr)> getCost) {
  std::vector<double> costs;
  for (EncodingAttr encoding : encodings) {
    FailureOr<double> cost = getCost(encoding);
    if (failed(cost))
      return failure();
    costs.push_back(*cost);
  }
  return costs;
}

/// Errors of outputs on calibration data.
class HessianStrategy : public PrecisionStrategy {
public:
  explicit HessianStrategy(ModuleOp module) : statistics(module) {}

  StringRef getName() const override { return "hessian"; }
  StringRef getMeaning() const override { return kHessianMeaning; }

  FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            ArrayRef<EncodingAttr> encodings) override {
    ConstantMatrix matrix = *matchConstantMatrix(layer.weight);
    return collectCosts(encodings, [&](EncodingAttr encoding) {
      return getOutputError(layer, matrix, encoding, statistics);
    });
  }

private:
  LayerStatistics statistics;
};

/// What errors of outputs cost the model, by gradients.
class GradientStrategy : public PrecisionStrategy {
public:
  explicit GradientStrategy(ModuleOp module) : statistics(module) {}

  StringRef getName() const override { return "gradient"; }
  StringRef getMeaning() const override { return kGradientMeaning; }

  FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            ArrayRef<EncodingAttr> encodings) override {
    ConstantMatrix matrix = *matchConstantMatrix(layer.weight);
    FailureOr<GradientCost> gradient =
        GradientCost::create(layer, matrix, statistics);
    if (failed(gradient))
      return failure();
    return collectCosts(encodings, [&](EncodingAttr encoding) {
      return gradient->get(encoding);
    });
  }

private:
  LayerStatistics statistics;
};

/// Errors that rate-distortion theory allows.
class EntropyStrategy : public PrecisionStrategy {
public:
  StringRef getName() const override { return "entropy"; }
  StringRef getMeaning() const override { return kEntropyMeaning; }

  FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            ArrayRef<EncodingAttr> encodings) override {
    EntropyCost entropy(*matchConstantMatrix(layer.weight));
    std::vector<double> losses;
    for (EncodingAttr encoding : encodings)
      losses.push_back(entropy.get(encoding));
    return losses;
  }
};

} // namespace

llvm::Expected<std::unique_ptr<PrecisionStrategy>>
lowbit::createPrecisionStrategy(StringRef name, ModuleOp module) {
  std::unique_ptr<PrecisionStrategy> result;
  if (name == "uniform")
    result = std::make_unique<UniformStrategy>();
  else if (name == "hessian")
    result = std::make_unique<HessianStrategy>(module);
  else if (name == "gradient")
    result = std::make_unique<GradientStrategy>(module);
  else if (name == "entropy")
    result = std::make_unique<EntropyStrategy>();
  else
    return llvm::createStringError(
        "requires the strategy uniform, entropy, hessian or gradient, found '" +
        name + "'");
  return result;
}
