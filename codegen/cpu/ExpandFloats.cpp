//===- ExpandFloats.cpp - what a target's floats lack ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MathApproximation.h"

#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUEXPANDFLOATSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

//===----------------------------------------------------------------------===//
// Fused multiply-adds
//===----------------------------------------------------------------------===//

/// `type` with another element.
static Type withElement(Type type, Type element) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.clone(element) : element;
}

namespace {

struct ExpandVectorFMA : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::FMAOp op,
                                PatternRewriter &rewriter) const override {
    Value product =
        arith::MulFOp::create(rewriter, op.getLoc(), op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getAcc());
    return success();
  }
};

/// A product of f32 is exact in f64. The sum is rounded to f64 before it is to
/// f32, which matters where it is then half way between two numbers: an error
/// of half a unit in the last place becomes one of a little more.
struct ExpandMathFMA : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type type = op.getType();
    bool isWidened = op->hasAttr(lowbit::kRoundsOnceAttrName) &&
                     getElementTypeOrSelf(type).isF32();
    auto widen = [&](Value value) -> Value {
      if (!isWidened)
        return value;
      return arith::ExtFOp::create(b, withElement(type, b.getF64Type()), value);
    };
    Value x = widen(op.getA()), y = widen(op.getB());
    Value product = arith::MulFOp::create(b, x, y);
    Value z = widen(op.getC());
    Value sum = arith::AddFOp::create(b, product, z);
    rewriter.replaceOp(
        op,
        isWidened ? arith::TruncFOp::create(b, type, sum).getResult() : sum);
    return success();
  }
};

/// The larger or smaller of two numbers, or the one that is no NaN: `first`
/// takes the other's place if it is one, and a comparison with a NaN is false.
template <typename Op, arith::CmpFPredicate kIsBehind>
struct ExpandExtremum : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value first = op.getLhs(), second = op.getRhs();
    Value isNaN =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, first, first);
    first = arith::SelectOp::create(b, isNaN, second, first);
    Value isBehind = arith::CmpFOp::create(b, kIsBehind, first, second);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isBehind, second, first);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Half precision
//===----------------------------------------------------------------------===//

/// Arithmetic on the bits of floats of one shape.
class BitBuilder : public ImplicitLocOpBuilder {
public:
  BitBuilder(PatternRewriter &rewriter, Location loc, Type shape)
      : ImplicitLocOpBuilder(loc, rewriter), shape(shape) {}

  Type words() { return withElement(shape, getI32Type()); }
  Type shorts() { return withElement(shape, getI16Type()); }
  Type floats() { return withElement(shape, getF32Type()); }
  Value word(uint32_t value) {
    return arith::ConstantOp::create(*this, splat(getI32IntegerAttr(value)));
  }
  Value number(float value) {
    return arith::ConstantOp::create(*this, splat(getF32FloatAttr(value)));
  }
  Value asFloats(Value value) {
    return arith::BitcastOp::create(*this, floats(), value);
  }
  Value asWords(Value value) {
    return arith::BitcastOp::create(*this, words(), value);
  }
  template <typename Op> Value binary(Value a, Value b) {
    return Op::create(*this, a, b);
  }
  Value isBelow(Value a, uint32_t bound) {
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ult, a,
                                 word(bound));
  }
  Value choose(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }

private:
  TypedAttr splat(TypedAttr value) {
    auto shaped = dyn_cast<ShapedType>(shape);
    return shaped ? DenseElementsAttr::get(shaped.clone(value.getType()), value)
                  : value;
  }

  Type shape;
};

/// The exponent's bias is changed by a multiplication, which also normalizes
/// subnormal numbers; infinities and NaN get the exponent that they have in
/// f32.
struct ExpandHalfToFloat : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF16())
      return rewriter.notifyMatchFailure(op, "no f16");
    BitBuilder b(rewriter, op.getLoc(), op.getType());
    Value bits = arith::ExtUIOp::create(
        b, b.words(), arith::BitcastOp::create(b, b.shorts(), op.getIn()));
    Value magnitude = b.binary<arith::AndIOp>(bits, b.word(0x7FFF));
    Value sign = b.binary<arith::ShLIOp>(
        b.binary<arith::XOrIOp>(bits, magnitude), b.word(16));
    Value scaled = b.binary<arith::MulFOp>(
        b.asFloats(b.binary<arith::ShLIOp>(magnitude, b.word(13))),
        b.number(0x1p112f));
    Value exponent =
        b.choose(b.isBelow(magnitude, 0x7C00), b.word(0), b.word(0x7F800000));
    Value result = b.binary<arith::OrIOp>(
        b.binary<arith::OrIOp>(b.asWords(scaled), exponent), sign);
    result = b.asFloats(result);
    if (getElementTypeOrSelf(op.getType()).isF64())
      result = arith::ExtFOp::create(b, op.getType(), result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// 13 bits of the significand go, to nearest even. Below the smallest normal
/// half, a sum with 0.5 leaves multiples of 2^-24. From 2^16 on there is
/// infinity alone, and NaN.
struct ExpandFloatToHalf : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF16() ||
        !getElementTypeOrSelf(op.getIn()).isF32())
      return rewriter.notifyMatchFailure(op, "no f32 to f16");
    BitBuilder b(rewriter, op.getLoc(), op.getType());
    Value bits = b.asWords(op.getIn());
    Value magnitude = b.binary<arith::AndIOp>(bits, b.word(0x7FFFFFFF));
    Value sign = b.binary<arith::ShRUIOp>(
        b.binary<arith::XOrIOp>(bits, magnitude), b.word(16));
    Value isOdd = b.binary<arith::AndIOp>(
        b.binary<arith::ShRUIOp>(magnitude, b.word(13)), b.word(1));
    // The bias of f32 is 112 more, and half a unit less one bit rounds.
    Value normal =
        b.binary<arith::AddIOp>(b.binary<arith::AddIOp>(magnitude, isOdd),
                                b.word(0xFFFu - (112u << 23)));
    normal = b.binary<arith::ShRUIOp>(normal, b.word(13));
    Value small = b.asWords(
        b.binary<arith::AddFOp>(b.asFloats(magnitude), b.number(0.5f)));
    small = b.binary<arith::SubIOp>(small, b.word(0x3F000000));
    Value special = b.choose(b.isBelow(magnitude, 0x7F800001), b.word(0x7C00),
                             b.word(0x7E00));
    Value result =
        b.choose(b.isBelow(magnitude, 0x38800000), small,
                 b.choose(b.isBelow(magnitude, 0x47800000), normal, special));
    result = arith::TruncIOp::create(b, b.shorts(),
                                     b.binary<arith::OrIOp>(result, sign));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), result);
    return success();
  }
};

} // namespace

/// Computes in f32 what is of f16 or bf16: rounded once more, a result is that
/// of the narrow type, for f32 has more than twice its bits.
static LogicalResult widenHalves(ModuleOp module) {
  MLIRContext *context = module.getContext();
  Type f16 = Float16Type::get(context), bf16 = BFloat16Type::get(context);
  Type f32 = Float32Type::get(context), f64 = Float64Type::get(context);
  RewritePatternSet patterns(context);
  ConversionTarget target(*context);
  TypeConverter arithmetic, math;
  arith::populateEmulateUnsupportedFloatsConversions(arithmetic, {f16, bf16},
                                                     f32);
  arith::populateEmulateUnsupportedFloatsPatterns(patterns, arithmetic);
  arith::populateEmulateUnsupportedFloatsLegality(target, arithmetic);
  SetVector<Type> wide;
  wide.insert(f32);
  wide.insert(f64);
  math::populateExtendToSupportedTypesTypeConverter(math, wide, f32);
  math::populateExtendToSupportedTypesPatterns(patterns, math);
  math::populateExtendToSupportedTypesConversionTarget(target, math);
  return applyPartialConversion(module, target, std::move(patterns));
}

namespace {

struct CPUExpandFloatsPass
    : lowbit::impl::CPUExpandFloatsPassBase<CPUExpandFloatsPass> {
  void runOnOperation() override {
    const lowbit::CPUDescription &target =
        lowbit::getCPUDescription(getOperation());
    MLIRContext *context = &getContext();
    // Conversions are expanded below.
    if (!target.hasHalf && failed(widenHalves(getOperation())))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    // Targets without the one are without the other, too.
    if (!target.hasFMA)
      patterns.add<ExpandVectorFMA, ExpandMathFMA,
                   ExpandExtremum<arith::MaxNumFOp, arith::CmpFPredicate::OLT>,
                   ExpandExtremum<arith::MinNumFOp, arith::CmpFPredicate::OGT>>(
          context);
    if (!target.hasHalf)
      patterns.add<ExpandHalfToFloat, ExpandFloatToHalf>(context);
    // Few processors of x86 round to bf16, and LLVM calls a function for
    // others.
    if (!target.hasHalf || target.arch == llvm::Triple::x86_64)
      arith::populateExpandBFloat16Patterns(patterns);
    getOperation()->walk([&](Operation *op) {
      numProducts += !target.hasFMA && isa<vector::FMAOp, math::FmaOp>(op);
      numConversions += !target.hasHalf &&
                        isa<arith::ExtFOp, arith::TruncFOp>(op) &&
                        (getElementTypeOrSelf(op->getOperand(0)).isF16() ||
                         getElementTypeOrSelf(op->getResult(0)).isF16());
    });
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
