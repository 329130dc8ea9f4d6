//===- PickTokens.cpp - the likeliest token, found on the GPU -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgMaxKernel.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/LowbitGPUOps.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUPICKTOKENSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether the first result of a function with a cache is the logits of one
/// token, of words that a kernel tells apart.
static bool hasLogits(func::FuncOp function) {
  if (function.isExternal() || !function.getBody().hasOneBlock() ||
      function.getNumResults() == 0)
    return false;
  auto type = dyn_cast<RankedTensorType>(function.getResultTypes().front());
  bool hasState = false;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    hasState |= function.getArgAttr(i, kStateAttrName) != nullptr;
  return hasState && type && type.hasStaticShape() &&
         type.getElementType().isF32() && type.getRank() > 0 &&
         type.getNumElements() == type.getShape().back() &&
         type.getNumElements() > 0 &&
         type.getNumElements() <= kMostGPUArgMaxNumbers;
}

/// Dispatches one step: places, and of several parts their numbers.
static SmallVector<Value> dispatch(OpBuilder &b, KernelModule &kernels,
                                   const GPUArgMaxSpec &spec, Location loc,
                                   ValueRange inputs) {
  GPUKernel kernel = getGPUArgMaxKernel(kernels, spec, b.getContext());
  int64_t parts = spec.getParts();
  SmallVector<Value> inits{
      tensor::EmptyOp::create(b, loc, ArrayRef{parts}, b.getI32Type())};
  if (parts > 1)
    inits.push_back(
        tensor::EmptyOp::create(b, loc, ArrayRef{parts}, b.getF32Type()));
  auto op = DispatchOp::create(
      b, loc, ValueRange(inits).getTypes(), kernel.symbol,
      b.getDenseI64ArrayAttr(kernel.workgroups), inputs, inits);
  return llvm::to_vector_of<Value>(op.getResults());
}

/// Appends the token that follows to the results.
static void pickToken(func::FuncOp function, KernelModule &kernels) {
  Operation *end = function.getBody().front().getTerminator();
  OpBuilder b(end);
  Location loc = end->getLoc();
  Value logits = end->getOperand(0);
  GPUArgMaxSpec spec{cast<RankedTensorType>(logits.getType()).getNumElements()};
  SmallVector<Value> found = dispatch(b, kernels, spec, loc, logits);
  while (found.size() > 1) {
    spec = {spec.getParts(), /*hasPlaces=*/true};
    found = dispatch(b, kernels, spec, loc, {found[1], found[0]});
  }
  Value token = found.front();
  end->insertOperands(end->getNumOperands(), token);
  NamedAttrList attrs;
  attrs.set(kNameAttrName, b.getStringAttr("lowbit.token"));
  attrs.set(kGPUKindAttrName,
            b.getStringAttr(lowbit::getName(GPUBufferKind::Token)));
  (void)function.insertResult(function.getNumResults(), token.getType(),
                              attrs.getDictionary(b.getContext()));
}

namespace {
struct GPUPickTokensPass
    : lowbit::impl::GPUPickTokensPassBase<GPUPickTokensPass> {
  void runOnOperation() override {
    KernelModule kernels(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!hasLogits(function))
        continue;
      pickToken(function, kernels);
      ++numPicked;
    }
  }
};
} // namespace
