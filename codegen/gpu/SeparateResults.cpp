//===- SeparateResults.cpp - each result is a buffer of its own -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two results may have become one buffer (equal expressions are merged, a
// reshape is a view), or an input or weight, or a slice, whose elements are
// apart and which bufferization casts as if they were not. Outputs are buffers
// that the host reads in row-major order.
//
//===----------------------------------------------------------------------===//

#include "Fills.h"
#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUSEPARATERESULTSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// What a result was before casts that promise too much of it.
static Value skipCasts(Value result) {
  while (auto cast = result.getDefiningOp<memref::CastOp>())
    result = cast.getSource();
  return result;
}

static bool isPlain(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  return type && type.getLayout().isIdentity();
}

namespace {
struct GPUSeparateResultsPass
    : lowbit::impl::GPUSeparateResultsPassBase<GPUSeparateResultsPass> {
  void runOnOperation() override {
    getOperation().walk([&](func::ReturnOp exit) {
      llvm::SmallDenseSet<Value> taken;
      for (OpOperand &operand : exit->getOpOperands()) {
        auto type = dyn_cast<MemRefType>(operand.get().getType());
        // Later passes refuse extents that are no numbers.
        if (!type || !type.hasStaticShape())
          continue;
        Value source = skipCasts(operand.get()), base = getBaseBuffer(source);
        if (base.getDefiningOp<memref::AllocOp>() && isPlain(source) &&
            taken.insert(base).second)
          continue;
        OpBuilder b(exit);
        Value copy = memref::AllocOp::create(b, exit.getLoc(), type);
        memref::CopyOp::create(b, exit.getLoc(), source, copy);
        operand.set(copy);
        ++numCopies;
      }
    });
  }
};
} // namespace
