//===- LowerDot4.cpp - the four-way dot product on each target ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteDot.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
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

/// Gives a target operands that it multiplies: codes of the other signedness,
/// which are 128 more or less.
struct ChangeSignOfCodes : OpRewritePattern<Dot4Op> {
  ChangeSignOfCodes(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern(context), dot(target.dot()), lanes(target.lanes()) {}

  LogicalResult matchAndRewrite(Dot4Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getType().getNumElements() != lanes)
      return rewriter.notifyMatchFailure(op, "no register of the target");
    if (dot.multiplies(op))
      return rewriter.notifyMatchFailure(op, "the target multiplies this");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto bytes = cast<VectorType>(op.getCodes().getType());
    auto splat = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(bytes, b.getI8IntegerAttr(value)));
    };
    bool becomesSigned = !op.getSignedCodes();
    Value codes = arith::XOrIOp::create(b, op.getCodes(), splat(-128));
    auto result = Dot4Op::create(b, op.getType(), op.getAccumulator(), codes,
                                 op.getValues(), IntegerAttr(), becomesSigned);
    // 128 times the values' sum, in two halves that fit either way.
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(op.getType()));
    Value half = Dot4Op::create(b, op.getType(), zero, splat(64),
                                op.getValues(), b.getI32IntegerAttr(64), false);
    Value sum = arith::AddIOp::create(b, half, half);
    if (becomesSigned)
      rewriter.replaceOpWithNewOp<arith::AddIOp>(op, result, sum);
    else
      rewriter.replaceOpWithNewOp<arith::SubIOp>(op, result, sum);
    return success();
  }

  const ByteDot &dot;
  int64_t lanes;
};

/// Lowers a chain of ops, each adding to the one before, run by run.
struct LowerChain : OpRewritePattern<Dot4Op> {
  LowerChain(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern(context), dot(target.dot()), lanes(target.lanes()) {}

  LogicalResult matchAndRewrite(Dot4Op last,
                                PatternRewriter &rewriter) const override {
    if (last.getType().getNumElements() != lanes)
      return rewriter.notifyMatchFailure(last, "no register of the target");
    if (getNext(last))
      return rewriter.notifyMatchFailure(last, "another op continues it");
    SmallVector<Dot4Op> chain;
    for (Dot4Op op = last; op; op = getPrevious(op)) {
      if (!dot.multiplies(op))
        return rewriter.notifyMatchFailure(op, "its codes change sign first");
      chain.push_back(op);
    }
    std::reverse(chain.begin(), chain.end());
    for (size_t begin = 0; begin < chain.size();) {
      size_t end = begin + 1;
      unsigned sum = chain[begin].getLargestCode();
      while (end < chain.size() &&
             (sum += chain[end].getLargestCode()) <= dot.getRunCapacity())
        ++end;
      auto run = ArrayRef(chain).slice(begin, end - begin);
      Value result = dot.lower(rewriter, run);
      rewriter.replaceOp(run.back(), result);
      for (Dot4Op op : llvm::reverse(run.drop_back()))
        rewriter.eraseOp(op);
      begin = end;
    }
    return success();
  }

private:
  /// The op in the same block that alone adds to the result of `op`.
  static Dot4Op getNext(Dot4Op op) {
    if (!op->hasOneUse())
      return {};
    OpOperand &use = *op->use_begin();
    auto next = dyn_cast<Dot4Op>(use.getOwner());
    if (!next || next->getBlock() != op->getBlock() ||
        &use != &next.getAccumulatorMutable())
      return {};
    return next;
  }
  static Dot4Op getPrevious(Dot4Op op) {
    auto previous = op.getAccumulator().getDefiningOp<Dot4Op>();
    return previous && getNext(previous) == op ? previous : Dot4Op();
  }

  const ByteDot &dot;
  int64_t lanes;
};

/// Makes one operation of what KernelBuilder::dotPairs builds, where the target
/// has one that LLVM wouldn't find once it knows that an operand has no sign.
struct LowerDotPairs : OpRewritePattern<arith::AddIOp> {
  LowerDotPairs(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern(context), dot(target.dot()), lanes(target.lanes()) {}

  LogicalResult matchAndRewrite(arith::AddIOp op,
                                PatternRewriter &rewriter) const override {
    auto parts = op.getLhs().getDefiningOp<vector::DeinterleaveOp>();
    if (!parts || parts.getRes1() != op.getLhs() ||
        parts.getRes2() != op.getRhs())
      return rewriter.notifyMatchFailure(op, "no sum of neighbours");
    auto products = parts.getSource().getDefiningOp<arith::MulIOp>();
    if (!products)
      return rewriter.notifyMatchFailure(op, "no sum of products");
    auto x = products.getLhs().getDefiningOp<arith::ExtSIOp>();
    auto y = products.getRhs().getDefiningOp<arith::ExtSIOp>();
    auto words =
        VectorType::get({2 * lanes}, rewriter.getIntegerType(/*width=*/16));
    if (!x || !y || x.getIn().getType() != words ||
        y.getIn().getType() != words)
      return rewriter.notifyMatchFailure(op, "no products of words");
    Value sum = dot.multiplyWords(rewriter, op, x.getIn(), y.getIn());
    if (!sum)
      return rewriter.notifyMatchFailure(op, "the target has no such product");
    rewriter.replaceOp(op, sum);
    return success();
  }

private:
  const ByteDot &dot;
  int64_t lanes;
};

/// Makes one conversion of two whose bf16 numbers alternate, as pairs of
/// columns do: it takes as long as either.
struct ConvertPairs : OpRewritePattern<vector::InterleaveOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::InterleaveOp op,
                                PatternRewriter &rewriter) const override {
    auto low = op.getLhs().getDefiningOp<x86vector::CvtPackedF32ToBF16Op>();
    auto high = op.getRhs().getDefiningOp<x86vector::CvtPackedF32ToBF16Op>();
    constexpr int64_t kNumbers = 16;
    if (!low || !high || low.getType().getNumElements() != kNumbers)
      return rewriter.notifyMatchFailure(op, "no registers that are converted");
    SmallVector<int64_t> places;
    for (int64_t i = 0; i < kNumbers; ++i)
      places.append({i, i + kNumbers});
    // The second operand's numbers come first.
    Value both =
        LLVM::CallIntrinsicOp::create(
            rewriter, op.getLoc(), op.getType(),
            rewriter.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
            ValueRange{high.getA(), low.getA()})
            .getResult(0);
    rewriter.replaceOpWithNewOp<vector::ShuffleOp>(op, both, both, places);
    return success();
  }
};

struct LowerDot4Pass : lowbit::impl::LowerDot4PassBase<LowerDot4Pass> {
  void runOnOperation() override {
    getOperation()->walk([&](Dot4Op) { ++numLowered; });
    const CPUDescription &target = getCPUDescription(getOperation());
    RewritePatternSet patterns(&getContext());
    populateLowerDot4Patterns(patterns, target);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](Dot4Op op) {
      op.emitOpError() << "requires " << target.lanes()
                       << " lanes for the target " << target.name << ", found "
                       << op.getType().getNumElements();
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

void lowbit::populateLowerDot4Patterns(RewritePatternSet &patterns,
                                       const CPUDescription &target) {
  patterns.add<ChangeSignOfCodes, LowerChain, LowerDotPairs>(
      patterns.getContext(), target);
  patterns.add<ConvertPairs>(patterns.getContext());
}
