//===- SeparateResults.cpp - each result is a buffer of its own -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The caller frees each result. Two results may have become one buffer: equal
// expressions are merged, and a reshape is a view. Upstream's deallocation
// tells results from arguments, but not from each other.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUSEPARATERESULTSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

/// A new buffer with the elements of `buffer`.
static Value copyOf(OpBuilder &b, Location loc, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<Value> extents;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(axis))
      extents.push_back(memref::DimOp::create(b, loc, buffer, axis));
  Value copy = memref::AllocOp::create(b, loc, type, extents);
  memref::CopyOp::create(b, loc, buffer, copy);
  return copy;
}

namespace {
struct CPUSeparateResultsPass
    : lowbit::impl::CPUSeparateResultsPassBase<CPUSeparateResultsPass> {
  using CPUSeparateResultsPassBase::CPUSeparateResultsPassBase;

  void runOnOperation() override {
    BufferViewFlowAnalysis views(getOperation());
    getOperation().walk([&](func::ReturnOp exit) {
      BufferViewFlowAnalysis::ValueSetT taken;
      OpBuilder b(exit);
      for (OpOperand &operand : exit->getOpOperands()) {
        if (!isa<MemRefType>(operand.get().getType()))
          continue;
        BufferViewFlowAnalysis::ValueSetT origins =
            views.resolveReverse(operand.get());
        if (llvm::any_of(origins, [&](Value v) { return taken.contains(v); })) {
          operand.set(copyOf(b, exit.getLoc(), operand.get()));
          ++numCopies;
        }
        taken.insert(origins.begin(), origins.end());
      }
    });
  }
};
} // namespace
