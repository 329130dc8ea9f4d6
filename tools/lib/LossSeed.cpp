//===- LossSeed.cpp - where a backward pass begins ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LossSeed.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Transforms/LayerNames.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <cmath>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Which loss
//===----------------------------------------------------------------------===//

std::string Loss::describe() const {
  return (model == OutputModel::Categorical ? "categorical:" : "gaussian:") +
         name;
}

/// Whether the module says that the last dimension are logits of tokens.
static bool isCategorical(mlir::ModuleOp module, const TensorSpec &output) {
  return llvm::StringRef(output.name).contains_insensitive("logits") ||
         (!output.shape.empty() &&
          getTableRows(module).contains(output.shape.back()));
}

llvm::Expected<Loss> lowbit::resolveLoss(mlir::ModuleOp module,
                                         const CalibrationOptions &options) {
  llvm::Expected<Signature> signature = getSignature(module);
  if (!signature)
    return signature.takeError();
  std::optional<Loss> found, logits;
  unsigned fitting = 0, categorical = 0;
  std::string names;
  for (auto [i, output] : llvm::enumerate(signature->outputs)) {
    if (output.type != ElementType::F32 || output.shape.empty())
      continue;
    names += (names.empty() ? "'" : ", '") + output.name + "'";
    if (!options.gradientsOf.empty() && options.gradientsOf != output.name)
      continue;
    ++fitting;
    found = Loss{static_cast<unsigned>(i), output.name, options.gradients};
    if (isCategorical(module, output)) {
      ++categorical;
      logits = found;
    }
  }
  // Beside logits, models return what they keep for the next tokens.
  if (fitting > 1 && categorical == 1) {
    found = logits;
    fitting = 1;
  }
  std::string known = names.empty() ? "none" : names;
  if (!options.gradientsOf.empty() && !found)
    return makeError("gradients require an output '" + options.gradientsOf +
                     "' of f32, found " + known);
  if (fitting != 1)
    return makeError("gradients require the name of an output where not just "
                     "one is f32, found " +
                     known + "; name it with --gradients-of");
  if (found->model == OutputModel::Automatic)
    found->model = isCategorical(module, signature->outputs[found->output])
                       ? OutputModel::Categorical
                       : OutputModel::Gaussian;
  return std::move(*found);
}

//===----------------------------------------------------------------------===//
// Drawing
//===----------------------------------------------------------------------===//

/// 64 random bits that depend on the arguments alone: the output function of
/// SplitMix64 (Steele, Lea and Flood, 2014), applied twice.
static uint64_t drawBits(uint64_t sample, uint64_t position) {
  auto mix = [](uint64_t z) {
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  return mix(mix(sample) ^ position);
}

/// Signs: their mean square is that of normal numbers, and that is all that the
/// mean of g g^T depends on, with less variance.
static void drawSigns(uint64_t sample, uint64_t row,
                      llvm::MutableArrayRef<float> signs) {
  for (size_t k = 0; k < signs.size(); ++k) {
    uint64_t index = row * signs.size() + k;
    signs[k] = drawBits(sample, index / 64) >> (index % 64) & 1 ? 1.0f : -1.0f;
  }
}

/// sqrt(p) s - p sum(sqrt(p) s) for p = softmax(logits) and signs s. Its mean
/// square is that of p - onehot(label) for labels drawn with probability p,
/// diag(p) - p p^T, but one draw tells as much about a label that is all but
/// certain as about others. Fails on numbers that aren't finite.
static bool seedCategorical(llvm::ArrayRef<float> logits, uint64_t sample,
                            uint64_t row, llvm::MutableArrayRef<float> seed) {
  double largest = *llvm::max_element(logits), total = 0;
  std::vector<double> shares(logits.size());
  for (auto [share, logit] : llvm::zip_equal(shares, logits))
    total += share = std::exp(double(logit) - largest);
  if (!std::isfinite(total) || total < 1)
    return false;
  drawSigns(sample, row, seed);
  double sum = 0;
  for (auto [share, sign] : llvm::zip_equal(shares, seed))
    sum += std::sqrt(share /= total) * sign;
  for (auto [share, number] : llvm::zip_equal(shares, seed))
    number = static_cast<float>(std::sqrt(share) * number - share * sum);
  return true;
}

//===----------------------------------------------------------------------===//
// LossSeed
//===----------------------------------------------------------------------===//

/// Drops all results but one, and what computes nothing else.
static void keepResult(mlir::func::FuncOp main, unsigned kept) {
  auto terminator =
      llvm::cast<mlir::func::ReturnOp>(main.getBody().front().getTerminator());
  for (unsigned i = main.getNumResults(); i-- > 0;)
    if (i != kept && mlir::succeeded(main.eraseResult(i)))
      terminator->eraseOperand(i);
  llvm::SmallVector<mlir::Operation *> operations;
  for (mlir::Operation &op : main.getBody().front().without_terminator())
    operations.push_back(&op);
  for (mlir::Operation *op : llvm::reverse(operations))
    if (mlir::isOpTriviallyDead(op))
      op->erase();
}

llvm::Expected<std::unique_ptr<LossSeed>>
LossSeed::create(mlir::ModuleOp module, Loss loss,
                 const CompileOptions &compile) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  keepResult(copy->lookupSymbol<mlir::func::FuncOp>(kMainFunction),
             loss.output);
  if (llvm::Error error =
          compileModule(*copy, Phase::Lower, compile, Phase::Fuse))
    return std::move(error);
  auto forward = Executable::create(*copy, {});
  if (!forward)
    return forward.takeError();
  return std::unique_ptr<LossSeed>(
      new LossSeed(module.getContext(), std::move(loss), std::move(*forward)));
}

llvm::Expected<HostTensor> LossSeed::get(llvm::ArrayRef<HostTensor> inputs,
                                         uint64_t sample) {
  auto outputs = forward->run(inputs);
  if (!outputs)
    return outputs.takeError();
  const HostTensor &output = outputs->front();
  HostTensor seed = HostTensor::allocate(ElementType::F32, output.getShape());
  uint64_t columns = output.getShape().back();
  if (!columns)
    return std::move(seed);
  std::vector<char> isGood(output.getNumElements() / columns, true);
  mlir::parallelFor(context, 0, isGood.size(), [&](size_t row) {
    auto to = seed.getMutableAs<float>().slice(row * columns, columns);
    if (loss.model == OutputModel::Gaussian)
      return drawSigns(sample, row, to);
    isGood[row] = seedCategorical(
        output.getAs<float>().slice(row * columns, columns), sample, row, to);
  });
  if (llvm::all_of(isGood, [](char good) { return good; }))
    return std::move(seed);
  return makeError("output '" + loss.name +
                   "' has numbers that are not finite");
}
