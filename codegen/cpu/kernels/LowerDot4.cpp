//===- LowerDot4.cpp - the four-way dot product on each target ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_LOWERDOT4PASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

namespace {

/// vpdpbusd of AVX-512 VNNI, in the register width of the operands.
struct Dot4ToVNNI : OpRewritePattern<Dot4Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(Dot4Op op,
                                PatternRewriter &rewriter) const override {
    int64_t bits = 32 * op.getType().getNumElements();
    auto name =
        rewriter.getStringAttr("llvm.x86.avx512.vpdpbusd." + Twine(bits));
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(), name,
        ValueRange{op.getAccumulator(), op.getCodes(), op.getValues()});
    return success();
  }
};

/// Four products of bytes cut out of 32-bit lanes.
struct Dot4ToArith : OpRewritePattern<Dot4Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(Dot4Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    VectorType type = op.getType();
    auto splat = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
    };
    Value codes = vector::BitCastOp::create(b, type, op.getCodes());
    Value values = vector::BitCastOp::create(b, type, op.getValues());
    Value sum = op.getAccumulator(), top = splat(24);
    for (int64_t byte = 0; byte < 4; ++byte) {
      Value up = splat(24 - 8 * byte);
      Value code =
          arith::ShRUIOp::create(b, arith::ShLIOp::create(b, codes, up), top);
      Value value =
          arith::ShRSIOp::create(b, arith::ShLIOp::create(b, values, up), top);
      sum =
          arith::AddIOp::create(b, sum, arith::MulIOp::create(b, code, value));
    }
    rewriter.replaceOp(op, sum);
    return success();
  }
};

struct LowerDot4Pass : lowbit::impl::LowerDot4PassBase<LowerDot4Pass> {
  void runOnOperation() override {
    CPUTable table = CPUTable::Portable;
    if (auto target =
            getOperation()->getAttrOfType<CPUTargetAttr>(kTargetAttrName))
      table = target.getTable();
    getOperation()->walk([&](Dot4Op) { ++numLowered; });
    RewritePatternSet patterns(&getContext());
    populateLowerDot4Patterns(patterns, table);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void lowbit::populateLowerDot4Patterns(RewritePatternSet &patterns,
                                       CPUTable table) {
  if (table == CPUTable::AVX512VNNI)
    patterns.add<Dot4ToVNNI>(patterns.getContext());
  else
    patterns.add<Dot4ToArith>(patterns.getContext());
}
