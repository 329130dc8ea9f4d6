//===- BodyToWords.cpp - scalar code in 32-bit words ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyToWords.h"
#include "FloatBits.h"
#include "KernelModule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

/// Floats of 8 bits are their bits: they are data, which nothing computes with.
static bool isByteFloat(Type type) {
  auto number = dyn_cast<FloatType>(type);
  return number && number.getWidth() == 8;
}

bool lowbit::isHalf(Type type) { return type.isF16() || type.isBF16(); }

bool lowbit::isNarrowFloat(Type type) {
  return isHalf(type) || isByteFloat(type);
}

Type lowbit::getKernelType(Type type) {
  if (type.isInteger(1) || type.isIndex() || type.isF32())
    return type;
  if (auto integer = dyn_cast<IntegerType>(type))
    return integer.getWidth() <= 64 ? getWordType(type) : Type();
  return isNarrowFloat(type) ? getWordType(type) : Type();
}

static bool isNarrow(Type type) {
  return type.isInteger() && !type.isInteger(1) &&
         type.getIntOrFloatBitWidth() < 32;
}

Value BodyToWords::constant(int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

Value BodyToWords::extendSign(Value word, unsigned width) {
  if (width >= 32)
    return word;
  Value shift = constant(32 - width);
  return arith::ShRSIOp::create(b, arith::ShLIOp::create(b, word, shift),
                                shift);
}

Value BodyToWords::fromBits(Value word, Type type) {
  return isHalf(type) ? decodeFloat(word, cast<FloatType>(type)) : word;
}

/// An f32 as f16 rounds it. Decoding has no infinity, so one is chosen here:
/// from halfway between the largest number and what would follow it on.
Value BodyToWords::roundToHalf(Value number, Value bits, Value magnitude) {
  Value finite =
      decodeFloat(buildEncodeHalf(b, number), Float16Type::get(b.getContext()));
  Value sign = arith::SubIOp::create(b, bits, magnitude);
  Value infinity = arith::BitcastOp::create(
      b, b.getF32Type(), arith::OrIOp::create(b, sign, constant(0x7f800000)));
  Value isFinite = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                         magnitude, constant(0x477ff000));
  return arith::SelectOp::create(b, isFinite, finite, infinity);
}

Value BodyToWords::roundTo(Value number, Type type) {
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), number);
  Value magnitude = arith::AndIOp::create(b, bits, constant(0x7fffffff));
  Value rounded = type.isF16() ? roundToHalf(number, bits, magnitude)
                               : roundToUpperHalf(bits);
  // NaN is not rounded: its bits would carry into the sign, or pass for a
  // number that is too large.
  Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, magnitude,
                                      constant(0x7f800000));
  return arith::SelectOp::create(b, isNaN, number, rounded);
}

/// An f32, given as its bits, as bf16 rounds it.
Value BodyToWords::roundToUpperHalf(Value bits) {
  // The upper 16 bits of an f32: half of the step less one, and one more if
  // what stays is odd, carry into them where they are to be rounded up.
  Value odd = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, constant(16)), constant(1));
  Value carried = arith::AddIOp::create(
      b, arith::AddIOp::create(b, bits, constant(0x7fff)), odd);
  Value upper = arith::AndIOp::create(b, carried, constant(-65536));
  return arith::BitcastOp::create(b, b.getF32Type(), upper);
}

Value BodyToWords::decodeFloat(Value word, FloatType type) {
  return buildDecodeFloat(b, word, type);
}

Value BodyToWords::toElement(Value value, Type type) {
  if (type.isInteger(1))
    return arith::ExtUIOp::create(b, b.getI32Type(), value);
  if (type.isIndex())
    return arith::IndexCastOp::create(b, b.getI32Type(), value);
  return value;
}

Value BodyToWords::fromElement(Value word, Type type) {
  if (type.isInteger(1))
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, word,
                                 constant(0));
  if (type.isIndex())
    return arith::IndexCastOp::create(b, b.getIndexType(), word);
  return word;
}

Value BodyToWords::fromHost(Value given, Type type) {
  if (isHalf(type))
    return roundTo(given, type);
  return isNarrow(type) ? keepBits(given, type.getIntOrFloatBitWidth()) : given;
}

LogicalResult BodyToWords::copyConstant(Operation &op) {
  auto constant = cast<arith::ConstantOp>(op);
  Type type = constant.getType();
  TypedAttr value = constant.getValue();
  if (auto integer = dyn_cast<IntegerAttr>(value);
      integer && !type.isIndex() && !type.isInteger(1)) {
    APInt bits = integer.getValue();
    // The ends of the range, with which searches for the largest or smallest
    // number begin, are those of words.
    if (bits.isMaxSignedValue() && bits.getBitWidth() > 32)
      bits = APInt::getSignedMaxValue(32);
    else if (bits.isMinSignedValue() && bits.getBitWidth() > 32)
      bits = APInt::getSignedMinValue(32);
    if (!bits.isSignedIntN(32))
      return op.emitError("GPU kernels require integers of 32 bits, found ")
             << value;
    bits = isNarrow(type) ? bits.zext(32) : bits.sextOrTrunc(32);
    value = b.getIntegerAttr(b.getI32Type(), bits);
  }
  if (auto number = dyn_cast<FloatAttr>(value); number && isByteFloat(type))
    value =
        b.getI32IntegerAttr(number.getValue().bitcastToAPInt().getZExtValue());
  else if (number && !type.isF32())
    value = b.getF32FloatAttr(number.getValueAsDouble());
  mapping.map(constant.getResult(), arith::ConstantOp::create(b, value));
  return success();
}

/// The low `width` bits of a word, zeros above.
Value BodyToWords::keepBits(Value word, unsigned width) {
  return width >= 32 ? word
                     : arith::AndIOp::create(
                           b, word, constant((int64_t(1) << width) - 1));
}

/// An integer of another width, `source` being its word; null if `op` is
/// something else.
Value BodyToWords::copyIntegerCast(Operation &op, Value source) {
  Type from = op.getOperand(0).getType(), to = op.getResult(0).getType();
  Type word = getKernelType(to);
  bool keepsSign = isa<arith::ExtSIOp, arith::IndexCastOp>(op);
  Value number = isNarrow(from) && keepsSign
                     ? extendSign(source, from.getIntOrFloatBitWidth())
                     : source;
  if (isa<arith::ExtSIOp, arith::ExtUIOp>(op)) {
    if (from.isInteger(1))
      number = keepsSign ? arith::ExtSIOp::create(b, word, source).getResult()
                         : arith::ExtUIOp::create(b, word, source).getResult();
    return keepsSign ? keepBits(number, to.getIntOrFloatBitWidth()) : number;
  }
  if (isa<arith::TruncIOp>(op)) {
    Value bits = keepBits(source, to.getIntOrFloatBitWidth());
    return to.isInteger(1) ? fromElement(bits, to) : bits;
  }
  bool isIndexCast = isa<arith::IndexCastOp, arith::IndexCastUIOp>(op);
  if (isIndexCast && !from.isInteger(1) && !to.isInteger(1))
    return arith::IndexCastOp::create(b, word, number);
  return {};
}

/// The same of a float, or between floats and integers.
Value BodyToWords::copyFloatCast(Operation &op, Value source) {
  Type from = op.getOperand(0).getType(), to = op.getResult(0).getType();
  Type word = getKernelType(to);
  if (isa<arith::SIToFPOp>(op) && !from.isInteger(1) &&
      (to.isF32() || isHalf(to))) {
    Value number = isNarrow(from)
                       ? extendSign(source, from.getIntOrFloatBitWidth())
                       : source;
    Value result = arith::SIToFPOp::create(b, word, number);
    return isHalf(to) ? roundTo(result, to) : result;
  }
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op) && isNarrow(to) &&
      !isByteFloat(from)) {
    // What doesn't fit is poison, so bits above are those of the sign.
    Value number = isa<arith::FPToSIOp>(op)
                       ? arith::FPToSIOp::create(b, word, source).getResult()
                       : arith::FPToUIOp::create(b, word, source).getResult();
    return keepBits(number, to.getIntOrFloatBitWidth());
  }
  if (isa<arith::ExtFOp>(op) && isHalf(from) && to.isF32())
    return source;
  if (isa<arith::ExtFOp>(op) && isByteFloat(from) && to.isF32())
    return decodeFloat(source, cast<FloatType>(from));
  if (isa<arith::BitcastOp>(op) && (isByteFloat(from) || isByteFloat(to)))
    return source;
  if (isa<arith::TruncFOp>(op) && from.isF32() && isHalf(to))
    return roundTo(source, to);
  return {};
}

/// Conversions between types, most of which say nothing in words.
bool BodyToWords::copyCast(Operation &op) {
  if (op.getNumOperands() != 1 || op.getNumResults() != 1)
    return false;
  Value source = mapping.lookupOrDefault(op.getOperand(0));
  Value result = copyIntegerCast(op, source);
  if (!result)
    result = copyFloatCast(op, source);
  if (!result)
    return false;
  mapping.map(op.getResult(0), result);
  return true;
}

/// Whether floats that `op` yields are among its operands, but for their sign.
static bool isExact(Operation &op) {
  return isa<arith::SelectOp, arith::NegFOp, arith::MaximumFOp,
             arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp,
             math::AbsFOp, math::CopySignOp>(op);
}

/// Whether `op` takes its operands for numbers with a sign.
static bool readsSigns(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return arith::CmpIPredicate::slt <= compare.getPredicate() &&
           compare.getPredicate() <= arith::CmpIPredicate::sge;
  return isa<arith::CeilDivSIOp, arith::DivSIOp, arith::FloorDivSIOp,
             arith::MaxSIOp, arith::MinSIOp, arith::RemSIOp, arith::ShRSIOp,
             math::AbsIOp>(op);
}

/// Whether `op` on words gives a narrow number's bits, and others above.
static bool fillsBitsAbove(Operation &op) {
  return readsSigns(op) ||
         isa<arith::AddIOp, arith::MulIOp, arith::ShLIOp, arith::SubIOp>(op);
}

/// Whether `op` on narrow numbers is one on words, but for bits above.
static bool isSameInWords(Operation &op) {
  return fillsBitsAbove(op) ||
         isa<arith::AndIOp, arith::CeilDivUIOp, arith::CmpIOp, arith::DivUIOp,
             arith::MaxUIOp, arith::MinUIOp, arith::OrIOp, arith::RemUIOp,
             arith::SelectOp, arith::ShRUIOp, arith::UIToFPOp, arith::XOrIOp>(
             op);
}

/// Whether words can hold what `op` reads and yields, and compute it.
static bool hasWordForm(Operation &op) {
  if (op.getNumRegions() != 0 ||
      !isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op.getDialect()))
    return false;
  auto fits = [&](Type type) {
    return getKernelType(type) && !isByteFloat(type) &&
           !(isHalf(type) && isa<arith::BitcastOp>(op)) &&
           (!isNarrow(type) || isSameInWords(op));
  };
  return llvm::all_of(op.getOperandTypes(), fits) &&
         llvm::all_of(op.getResultTypes(), fits);
}

/// A remainder with the sign of `number`, by what it is: Vulkan leaves OpSRem
/// of negative numbers undefined, and what upstream makes of one takes the
/// least i32 for positive.
Value BodyToWords::remainder(Value number, Value by) {
  Value quotient = arith::DivSIOp::create(b, number, by);
  return arith::SubIOp::create(b, number,
                               arith::MulIOp::create(b, quotient, by));
}

/// `op` on other operands. That narrow numbers don't overflow says nothing of
/// words.
Operation *BodyToWords::cloneOn(Operation &op, ValueRange operands,
                                bool isOfNarrow) {
  Operation *copy = b.clone(op, mapping);
  copy->setOperands(operands);
  auto flags = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(copy);
  if (isOfNarrow && flags)
    copy->setAttr(flags.getIntegerOverflowAttrName(),
                  arith::IntegerOverflowFlagsAttr::get(
                      op.getContext(), arith::IntegerOverflowFlags::none));
  return copy;
}

/// The same operation on words. Of narrow integers, operands get their signs
/// where these count, and results lose what came to be above their bits.
void BodyToWords::copyToWords(Operation &op) {
  SmallVector<Value> operands;
  bool keepsSigns = readsSigns(op), isOfNarrow = false;
  for (Value operand : op.getOperands()) {
    Type type = operand.getType();
    Value word = mapping.lookupOrDefault(operand);
    isOfNarrow |= isNarrow(type);
    operands.push_back(isNarrow(type) && keepsSigns
                           ? extendSign(word, type.getIntOrFloatBitWidth())
                           : word);
  }
  Operation *copy =
      isa<arith::RemSIOp>(op) && operands.front().getType().isInteger(32)
          ? remainder(operands[0], operands[1]).getDefiningOp()
          : cloneOn(op, operands, isOfNarrow);
  for (auto [from, to] : llvm::zip_equal(op.getResults(), copy->getResults())) {
    Type type = from.getType();
    to.setType(getKernelType(type));
    mapping.map(from, to);
    if (isNarrow(type) && fillsBitsAbove(op))
      mapping.map(from, keepBits(to, type.getIntOrFloatBitWidth()));
    else if (isHalf(type) && !isExact(op))
      mapping.map(from, roundTo(to, type));
  }
}

LogicalResult BodyToWords::copy(Operation &op) {
  if (isa<arith::ConstantOp>(op) && getKernelType(op.getResult(0).getType()))
    return copyConstant(op);
  if (copyCast(op))
    return success();
  if (hasWordForm(op)) {
    copyToWords(op);
    return success();
  }
  InFlightDiagnostic error = op.emitError("GPU kernels have no form of '")
                             << op.getName() << "' in 32-bit words";
  if (op.getNumResults())
    error << ", of type " << op.getResult(0).getType();
  return error;
}
