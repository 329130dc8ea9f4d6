//===- SeparateResults.cpp - each result is a buffer of its own -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The caller frees each result, and reads it in row-major order. Two results
// may have become one buffer: equal expressions are merged, and a reshape is a
// view. Upstream's deallocation tells results from arguments, but not from each
// other. A slice is a view whose rows are apart; bufferization casts it to the
// type of the result as if they were not.
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

/// A new buffer of `type` with the elements of `buffer`.
static Value copyOf(OpBuilder &b, Location loc, Value buffer, MemRefType type) {
  SmallVector<Value> extents;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(axis))
      extents.push_back(memref::DimOp::create(b, loc, buffer, axis));
  Value copy = memref::AllocOp::create(b, loc, type, extents);
  memref::CopyOp::create(b, loc, buffer, copy);
  return copy;
}

/// What a result was before a cast that promises too much of it, or null.
static Value findScattered(Value result) {
  auto cast = result.getDefiningOp<memref::CastOp>();
  if (!cast || !isa<MemRefType>(cast.getSource().getType()))
    return {};
  Value source = cast.getSource();
  return mlir::cast<MemRefType>(source.getType()).getLayout().isIdentity()
             ? Value()
             : source;
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
        auto type = dyn_cast<MemRefType>(operand.get().getType());
        if (!type)
          continue;
        if (Value scattered = findScattered(operand.get())) {
          operand.set(copyOf(b, exit.getLoc(), scattered, type));
          ++numCopies;
          continue;
        }
        BufferViewFlowAnalysis::ValueSetT origins =
            views.resolveReverse(operand.get());
        if (llvm::any_of(origins, [&](Value v) { return taken.contains(v); })) {
          operand.set(copyOf(b, exit.getLoc(), operand.get(), type));
          ++numCopies;
        }
        taken.insert(origins.begin(), origins.end());
      }
    });
  }
};
} // namespace
