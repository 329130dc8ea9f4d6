//===- LowerLinalg.cpp - linalg on buffers to GPU kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DimensionNames.h"
#include "ElementKernel.h"
#include "LoopKernel.h"
#include "WordKernel.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {
#define GEN_PASS_DEF_GPULOWERLINALGPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// What buffers begin with that reductions overwrite.
static BufferFills takeFills(func::FuncOp function) {
  SmallVector<linalg::LinalgOp> ops;
  function.walk([&](linalg::LinalgOp op) {
    if (op.getNumReductionLoops())
      ops.push_back(op);
  });
  BufferFills fills;
  for (linalg::LinalgOp op : ops)
    for (OpOperand &init : op.getDpsInitsMutable())
      if (Value fill = takeFill(op, init))
        fills[&init] = fill;
  return fills;
}

static LogicalResult lowerCopy(KernelModule &kernels, memref::CopyOp op) {
  // A slice that was written in its place needs no copy to it.
  if (op.getSource() == op.getTarget()) {
    op.erase();
    return success();
  }
  LinalgKernel kernel(kernels, op);
  if (failed(kernel.addBuffer(op.getSource(), false)) ||
      failed(kernel.addBuffer(op.getTarget(), true)))
    return failure();
  ArrayRef<int64_t> extents =
      cast<MemRefType>(op.getTarget().getType()).getShape();
  if (llvm::is_contained(extents, 0)) {
    op.erase();
    return success();
  }
  if (kernel.getElementsPerWord(op.getTarget()) != 1)
    return writeWords(kernel, "copy", op.getTarget(),
                      [&](ArrayRef<Index> at) -> FailureOr<Value> {
                        return kernel.load(op.getSource(), at);
                      });
  auto point = kernel.begin(withShape("copy", extents), extents);
  if (failed(point))
    return failure();
  kernel.store(kernel.load(op.getSource(), *point), op.getTarget(), *point);
  kernel.finish();
  return success();
}

static LogicalResult lower(KernelModule &kernels, Operation *op,
                           const BufferFills &fills) {
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return lowerCopy(kernels, copy);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return lowerLoops(kernels, loop);
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return lowerStore(kernels, store);
  return lowerElements(kernels, cast<linalg::LinalgOp>(op), fills);
}

/// Operations of the function that become kernels: loops with what is in them.
static SmallVector<Operation *> findWork(func::FuncOp function) {
  SmallVector<Operation *> work;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<linalg::LinalgOp, memref::CopyOp, memref::StoreOp, scf::ForOp>(
            op)) {
      work.push_back(op);
      return WalkResult::skip();
    }
    return WalkResult::advance();
  });
  return work;
}

namespace {
struct GPULowerLinalgPass
    : lowbit::impl::GPULowerLinalgPassBase<GPULowerLinalgPass> {
  void runOnOperation() override {
    KernelModule kernels(getOperation());
    int64_t before = kernels.getCount();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // Before anything is lowered: what fills buffers goes.
      BufferFills fills = takeFills(function);
      for (Operation *op : findWork(function)) {
        if (failed(lower(kernels, op, fills)))
          return signalPassFailure();
        ++numDispatches;
      }
    }
    numKernels += kernels.getCount() - before;
  }
};
} // namespace
