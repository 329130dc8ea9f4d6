//===- LowbitAttributes.cpp - formats, granularity, encodings -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element formats, granularity, the encoding and the activation: parsing,
// verification (SPEC.md, sections E and G) and meaning.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

#define GET_ATTRDEF_CLASSES
#include "lowbit/IR/LowbitAttributes.cpp.inc"

void LowbitDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lowbit/IR/LowbitAttributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Integer formats
//===----------------------------------------------------------------------===//

/// E1: widths 1 to 8, or 16 for activations.
static LogicalResult
verifyWidth(llvm::function_ref<InFlightDiagnostic()> emitError,
            unsigned width) {
  if ((width >= 1 && width <= 8) || width == 16)
    return success();
  return emitError() << "requires a width of 1 to 8 or 16 bits (E1), found "
                     << width;
}

/// Converts integer values (scalar or vector of i32) to f32 of the same shape.
static Value toFloat(OpBuilder &builder, Location loc, Value value) {
  Type type = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  return arith::SIToFPOp::create(builder, loc, type, value);
}

/// A splat of `value` in the type of `like`.
static Value constantLike(OpBuilder &builder, Location loc, Value like,
                          int64_t value) {
  Type type = like.getType();
  auto element = builder.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto shaped = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(shaped, element));
  return arith::ConstantOp::create(builder, loc, element);
}

Attribute IntAttr::parse(AsmParser &parser, Type) {
  unsigned width;
  bool restricted = false;
  if (parser.parseLess() || parser.parseInteger(width))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("restricted"))
      return {};
    restricted = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<IntAttr>(parser.getContext(), width, restricted);
}

void IntAttr::print(AsmPrinter &printer) const {
  printer << '<' << getWidth();
  if (getRestricted())
    printer << ", restricted";
  printer << '>';
}

LogicalResult
IntAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                unsigned width, bool restricted) {
  if (failed(verifyWidth(emitError, width)))
    return failure();
  // E2: one bit is {-1, +1}; without its lower code nothing would be left.
  if (restricted && width == 1)
    return emitError() << "a restricted range requires at least 2 bits (E2), "
                          "found 1";
  return success();
}

unsigned IntAttr::getCodeBits() const { return getWidth(); }

std::optional<numerics::IntegerFormat> IntAttr::getIntegerFormat() const {
  return numerics::IntegerFormat{
      getWidth(), getRestricted() ? numerics::IntegerKind::SignedRestricted
                                  : numerics::IntegerKind::Signed};
}

void IntAttr::decode(uint64_t window, MutableArrayRef<float> values) const {
  values[0] = static_cast<float>(getIntegerFormat()->decode(window));
}

Value IntAttr::buildDecode(OpBuilder &builder, Location loc, Value window,
                           Value index) const {
  int64_t bias = getWidth() == 1 ? 1 : int64_t(1) << (getWidth() - 1);
  if (getWidth() == 1)
    window = arith::AddIOp::create(builder, loc, window, window);
  Value offset = constantLike(builder, loc, window, bias);
  return toFloat(builder, loc,
                 arith::SubIOp::create(builder, loc, window, offset));
}

LogicalResult
UIntAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                 unsigned width) {
  return verifyWidth(emitError, width);
}

unsigned UIntAttr::getCodeBits() const { return getWidth(); }

std::optional<numerics::IntegerFormat> UIntAttr::getIntegerFormat() const {
  return numerics::IntegerFormat{getWidth(), numerics::IntegerKind::Unsigned};
}

void UIntAttr::decode(uint64_t window, MutableArrayRef<float> values) const {
  values[0] = static_cast<float>(window);
}

Value UIntAttr::buildDecode(OpBuilder &builder, Location loc, Value window,
                            Value index) const {
  return toFloat(builder, loc, window);
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

std::array<int64_t, 2> PerTensorAttr::getParameterShape(int64_t,
                                                        int64_t) const {
  return {1, 1};
}
numerics::Granularity PerTensorAttr::getKind() const {
  return numerics::Granularity::Tensor;
}

std::array<int64_t, 2> PerChannelAttr::getParameterShape(int64_t rows,
                                                         int64_t) const {
  return {rows, 1};
}
numerics::Granularity PerChannelAttr::getKind() const {
  return numerics::Granularity::Channel;
}

LogicalResult
PerGroupAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     int64_t size) {
  // G1: far beyond any dimension, and sums with it can't overflow.
  constexpr int64_t limit = int64_t(1) << 31;
  if (size >= 1 && size < limit)
    return success();
  return emitError() << "requires a group of 1 to " << limit - 1
                     << " columns (G1), found " << size;
}

std::array<int64_t, 2> PerGroupAttr::getParameterShape(int64_t rows,
                                                       int64_t columns) const {
  if (ShapedType::isDynamic(columns))
    return {rows, ShapedType::kDynamic};
  return {rows, static_cast<int64_t>(llvm::divideCeil(columns, getSize()))};
}
int64_t PerGroupAttr::getGroupSize() const { return getSize(); }
numerics::Granularity PerGroupAttr::getKind() const {
  return numerics::Granularity::Group;
}
