//===- LowbitEncoding.cpp - what codes mean -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verification of the encoding (SPEC.md, section E), and its numerics.
//
//===----------------------------------------------------------------------===//

#include "ElementFormats.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

/// The numerics' name of a scale's type, or nothing.
static std::optional<numerics::ScaleFormat> getScaleFormat(FloatType type) {
  using Result = std::optional<numerics::ScaleFormat>;
  return TypeSwitch<Type, Result>(type)
      .Case([](Float32Type) { return numerics::ScaleFormat::F32; })
      .Case([](Float16Type) { return numerics::ScaleFormat::F16; })
      .Case([](BFloat16Type) { return numerics::ScaleFormat::BF16; })
      .Case([](Float8E8M0FNUType) { return numerics::ScaleFormat::E8M0; })
      .Case([](Float8E4M3FNType) { return numerics::ScaleFormat::E4M3; })
      .Default([](Type) { return Result(); });
}

static FloatType getScaleType(MLIRContext *context,
                              numerics::ScaleFormat format) {
  switch (format) {
  case numerics::ScaleFormat::F32:
    return Float32Type::get(context);
  case numerics::ScaleFormat::F16:
    return Float16Type::get(context);
  case numerics::ScaleFormat::BF16:
    return BFloat16Type::get(context);
  case numerics::ScaleFormat::E8M0:
    return Float8E8M0FNUType::get(context);
  case numerics::ScaleFormat::E4M3:
    return Float8E4M3FNType::get(context);
  }
  llvm_unreachable("all formats are listed");
}

/// Whether codes of `element` have at most 8 bits and stand for one number
/// each, the same in every tensor.
static bool isPlainFormat(ElementFormatInterface element) {
  return element.getCodeBits() <= 8 && element.getValuesPerCode() == 1 &&
         element.getWindowBits() == element.getCodeBits() &&
         element.getTableOwner() == numerics::TableOwner::Format;
}

/// E17: factors of columns are a row of numbers that share one scale.
static LogicalResult
verifyColumnScale(llvm::function_ref<InFlightDiagnostic()> emitError,
                  Attribute attribute) {
  auto encoding = dyn_cast<EncodingAttr>(attribute);
  if (!encoding)
    return emitError() << "requires an encoding of column scales (E17), found "
                       << attribute;
  if (isPlainFormat(encoding.getElement()) &&
      encoding.getGranularity().getKind() == numerics::Granularity::Tensor &&
      encoding.getParameterNames().size() == 1)
    return success();
  return emitError()
         << "requires column scales of at most 8 bits with one scale "
            "and nothing else (E17), found "
         << encoding;
}

/// E20: `stored` is how numbers of `format` are stored that are scales.
static LogicalResult
verifyStored(llvm::function_ref<InFlightDiagnostic()> emitError,
             numerics::ScaleFormat format, Attribute stored) {
  auto encoding = dyn_cast<EncodingAttr>(stored);
  if (!encoding)
    return emitError() << "requires an encoding of scales (E20), found "
                       << stored;
  if (numerics::scaleBits(format) == 8)
    return emitError() << "requires quantized scales to stand for f32, f16 or "
                          "bf16 (E20), found "
                       << numerics::describeScale(format);
  if (!isPlainFormat(encoding.getElement()) || encoding.getStored() ||
      encoding.getPermuted() || encoding.getColumnScale() ||
      encoding.getOuterScale() != OuterScaleKind::None)
    return emitError() << "requires scales of at most 8 bits for one number "
                          "each, with plain parameters (E20), found "
                       << encoding;
  return success();
}

namespace {
/// What an encoding is to be made of.
struct EncodingParts {
  ElementFormatInterface element;
  ZeroPointKind zeroPoint;
  bool minimum;
  GranularityInterface granularity;
  FloatType scale;
  bool permuted;
  OuterScaleKind outer;
  Attribute stored;

  bool hasZeroPoint() const { return zeroPoint != ZeroPointKind::None; }
  bool hasOuterScale() const { return outer != OuterScaleKind::None; }
};
using EmitError = llvm::function_ref<InFlightDiagnostic()>;
} // namespace

/// What is added to codes, beside scales of `format`.
static LogicalResult verifyOffset(EmitError emitError,
                                  numerics::ScaleFormat format,
                                  const EncodingParts &parts) {
  // E10: 8 bits are too coarse for a sum.
  if (numerics::scaleBits(format) == 8 &&
      (parts.minimum || parts.zeroPoint == ZeroPointKind::Fractional))
    return emitError() << "requires a fractional zero point or minimum of at "
                          "least 16 bits (E10), found a scale of "
                       << parts.scale;
  // E4: both would shift the same code.
  if (parts.minimum && parts.hasZeroPoint())
    return emitError() << "requires either a zero point or a minimum (E4), "
                          "found both";
  return success();
}

/// Codes by themselves, and in groups.
static LogicalResult verifyCodes(EmitError emitError,
                                 const EncodingParts &parts) {
  ElementFormatInterface element = parts.element;
  // E6: what a table of all windows can hold.
  unsigned codeBits = element.getCodeBits();
  unsigned windowBits = element.getWindowBits();
  unsigned values = element.getValuesPerCode();
  if (codeBits < 1 || windowBits < codeBits || windowBits > 16 || values < 1 ||
      values > 64)
    return emitError()
           << "requires codes of 1 to 16 bits, windows of a code to "
              "16 bits and 1 to 64 values per code (E6), found "
           << codeBits << ", " << windowBits << " and " << values;
  // E7
  if (parts.zeroPoint == ZeroPointKind::Integer && !element.getIntegerFormat())
    return emitError() << "requires integer codes for an integer zero point "
                          "(E7), found "
                       << element;
  // E5: a group must end between codes.
  int64_t group = parts.granularity.getGroupSize();
  if (group % values != 0)
    return emitError() << "requires a group of a multiple of " << values
                       << " columns, the values per code (E5), found " << group;
  return success();
}

/// E11: an outer scale is one of scales.
static LogicalResult verifyOuterScale(EmitError emitError,
                                      const EncodingParts &parts) {
  numerics::Granularity kind = parts.granularity.getKind();
  bool isShared = kind == numerics::Granularity::Group ||
                  (kind == numerics::Granularity::Channel &&
                   parts.outer != OuterScaleKind::Channel);
  if (!parts.hasOuterScale() || isShared)
    return success();
  return emitError() << "requires scales of smaller parts beside a "
                     << stringifyOuterScaleKind(parts.outer) << " (E11), found "
                     << parts.granularity;
}

/// E16: parts share what belongs to a row, and the order is theirs.
static LogicalResult verifyMixed(EmitError emitError,
                                 const EncodingParts &parts) {
  bool isGrouped = parts.granularity.getKind() == numerics::Granularity::Group;
  if (!isa<MixedAttr>(parts.element) ||
      !(isGrouped || parts.minimum || parts.permuted || parts.hasZeroPoint()))
    return success();
  return emitError() << "requires one scale for each row of mixed columns, and "
                        "neither zero points, minima nor a permutation (E16), "
                        "found more";
}

/// E21: what is beside a table that belongs to the tensor.
static LogicalResult verifyLearned(EmitError emitError,
                                   const EncodingParts &parts) {
  numerics::TableOwner owner = parts.element.getTableOwner();
  if (owner != numerics::TableOwner::Format &&
      (parts.minimum || parts.stored || parts.hasZeroPoint() ||
       parts.granularity.getGroupRows() != 1))
    return emitError() << "requires plain scales alone beside a learned table "
                          "(E21), found a zero point, a minimum, quantized "
                          "scales or blocks of rows";
  if (owner == numerics::TableOwner::Row &&
      parts.granularity.getKind() == numerics::Granularity::Tensor)
    return emitError() << "requires scales for each channel beside a learned "
                          "table for each (E21), found "
                       << parts.granularity;
  return success();
}

/// Where scales must be plain ones.
static LogicalResult verifyPlainScales(EmitError emitError,
                                       const EncodingParts &parts) {
  // E24: blocks of rows share what is stored as it is.
  if (parts.granularity.getGroupRows() != 1 &&
      (parts.stored || parts.hasOuterScale()))
    return emitError() << "requires plain scales for blocks of rows (E24), "
                          "found quantized ones or an outer scale";
  // E23: path searches choose scales as they are.
  if (parts.stored &&
      parts.element.getWindowBits() != parts.element.getCodeBits())
    return emitError() << "requires plain scales beside codes that overlap or "
                          "mixed columns (E23), found quantized ones";
  return success();
}

LogicalResult
EncodingAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     ElementFormatInterface element, ZeroPointKind zeroPoint,
                     bool minimum, GranularityInterface granularity,
                     FloatType scale, bool permuted, OuterScaleKind outer,
                     Attribute stored, Attribute columnScale) {
  // E3
  std::optional<numerics::ScaleFormat> format = getScaleFormat(scale);
  if (!format)
    return emitError() << "requires a scale of type f32, f16, bf16, f8E8M0FNU "
                          "or f8E4M3FN (E3), found "
                       << scale;
  EncodingParts parts{element, zeroPoint, minimum, granularity,
                      scale,   permuted,  outer,   stored};
  if (failed(verifyOffset(emitError, *format, parts)) ||
      failed(verifyCodes(emitError, parts)) ||
      failed(verifyOuterScale(emitError, parts)) ||
      failed(verifyMixed(emitError, parts)) ||
      failed(verifyLearned(emitError, parts)) ||
      failed(verifyPlainScales(emitError, parts)))
    return failure();
  if (stored && failed(verifyStored(emitError, *format, stored)))
    return failure();
  return columnScale ? verifyColumnScale(emitError, columnScale) : success();
}

EncodingAttr EncodingAttr::getStored() const {
  return cast_or_null<EncodingAttr>(getStoredScale());
}

EncodingAttr EncodingAttr::getColumnScaleEncoding() const {
  return cast_or_null<EncodingAttr>(getColumnScale());
}

MixedAttr EncodingAttr::getMixed() const {
  return dyn_cast<MixedAttr>(getElement());
}

EncodingAttr EncodingAttr::withoutPermutation() const {
  return get(getContext(), getElement(), getZeroPoint(), getMinimum(),
             getGranularity(), getScale(), /*permuted=*/false, getOuterScale(),
             getStoredScale(), getColumnScale());
}

EncodingAttr EncodingAttr::getExpanded() const {
  ElementFormatInterface element = getElement();
  if (element.getTableOwner() != numerics::TableOwner::Format)
    element = IntAttr::get(getContext(), 8, /*restricted=*/false);
  return get(getContext(), element, getZeroPoint(), getMinimum(),
             getGranularity(), getScale(), getPermuted(), getOuterScale(),
             /*storedScale=*/Attribute(), getColumnScale());
}

EncodingAttr EncodingAttr::get(MLIRContext *context,
                               ElementFormatInterface element,
                               ZeroPointKind zeroPoint, bool minimum,
                               GranularityInterface granularity,
                               FloatType scale, bool permuted,
                               OuterScaleKind outer) {
  return get(context, element, zeroPoint, minimum, granularity, scale, permuted,
             outer, Attribute(), Attribute());
}

EncodingAttr
EncodingAttr::getChecked(llvm::function_ref<InFlightDiagnostic()> emitError,
                         MLIRContext *context, ElementFormatInterface element,
                         ZeroPointKind zeroPoint, bool minimum,
                         GranularityInterface granularity, FloatType scale,
                         bool permuted, OuterScaleKind outer) {
  return getChecked(emitError, context, element, zeroPoint, minimum,
                    granularity, scale, permuted, outer, Attribute(),
                    Attribute());
}

EncodingAttr EncodingAttr::get(MLIRContext *context,
                               ElementFormatInterface element,
                               ZeroPointKind zeroPoint, bool minimum,
                               GranularityInterface granularity,
                               FloatType scale, bool permuted) {
  return get(context, element, zeroPoint, minimum, granularity, scale, permuted,
             OuterScaleKind::None);
}

EncodingAttr EncodingAttr::getChecked(
    llvm::function_ref<InFlightDiagnostic()> emitError, MLIRContext *context,
    ElementFormatInterface element, ZeroPointKind zeroPoint, bool minimum,
    GranularityInterface granularity, FloatType scale, bool permuted) {
  return getChecked(emitError, context, element, zeroPoint, minimum,
                    granularity, scale, permuted, OuterScaleKind::None);
}

/// The attribute of a format: `trellis` for windows, `codebook` for other
/// tables.
static ElementFormatInterface
getElementFormat(MLIRContext *context, const numerics::ElementFormat &format) {
  if (const numerics::IntegerFormat *integer = format.integer()) {
    if (integer->kind == numerics::IntegerKind::Unsigned)
      return UIntAttr::get(context, integer->width);
    return IntAttr::get(context, integer->width,
                        integer->kind ==
                            numerics::IntegerKind::SignedRestricted);
  }
  const numerics::CodeTable &table = *format.table();
  if (table.owner != numerics::TableOwner::Format)
    return LearnedAttr::get(context, table.codeBits,
                            table.owner == numerics::TableOwner::Row);
  if (table.latticeIndexBits)
    return LatticeAttr::get(context, table.valuesPerCode, table.codeBits);
  if (table.windowBits > table.codeBits)
    return TrellisAttr::get(context, table.windowBits, table.codeBits);
  SmallVector<int64_t> shape{int64_t(1) << table.codeBits};
  if (table.valuesPerCode > 1)
    shape.push_back(table.valuesPerCode);
  auto type = RankedTensorType::get(shape, Float32Type::get(context));
  return CodebookAttr::get(
      context, DenseElementsAttr::get(type, ArrayRef(table.values)));
}

EncodingAttr EncodingAttr::get(MLIRContext *context,
                               numerics::Encoding encoding) {
  ElementFormatInterface element = getElementFormat(context, encoding.element);
  GranularityInterface granularity = PerChannelAttr::get(context);
  if (encoding.granularity == numerics::Granularity::Tensor)
    granularity = PerTensorAttr::get(context);
  else if (encoding.granularity == numerics::Granularity::Group)
    granularity = encoding.groupRows == 1
                      ? GranularityInterface(
                            PerGroupAttr::get(context, encoding.groupSize))
                      : PerBlockAttr::get(context, encoding.groupRows,
                                          encoding.groupSize);
  return get(context, element, static_cast<ZeroPointKind>(encoding.zeroPoint),
             encoding.hasMinimum, granularity,
             getScaleType(context, encoding.scale), /*permuted=*/false,
             static_cast<OuterScaleKind>(encoding.outer),
             encoding.stored ? get(context, *encoding.stored) : EncodingAttr(),
             encoding.columnScale ? get(context, *encoding.columnScale)
                                  : EncodingAttr());
}

unsigned EncodingAttr::getCodeBits() const {
  return getElement().getCodeBits();
}

numerics::Encoding EncodingAttr::getNumerics() const {
  numerics::Encoding encoding;
  encoding.element = getElement().getNumerics();
  encoding.zeroPoint = static_cast<numerics::ZeroPointKind>(getZeroPoint());
  encoding.hasMinimum = getMinimum();
  encoding.granularity = getGranularity().getKind();
  encoding.groupSize = getGranularity().getGroupSize();
  encoding.groupRows = getGranularity().getGroupRows();
  encoding.scale = *getScaleFormat(getScale());
  encoding.outer = static_cast<numerics::OuterScale>(getOuterScale());
  if (EncodingAttr columnScale = getColumnScaleEncoding())
    encoding.columnScale =
        std::make_shared<const numerics::Encoding>(columnScale.getNumerics());
  if (EncodingAttr stored = getStored())
    encoding.stored =
        std::make_shared<const numerics::Encoding>(stored.getNumerics());
  return encoding;
}

/// Columns of an activation group next to weights of `encoding`: a group of the
/// weights, or a divisor of it where groups are long.
static int64_t activationGroup(const numerics::Encoding &encoding) {
  // Long enough that scales cost little, short enough that they are local.
  constexpr int64_t kUngrouped = 128, kLongest = 256, kStep = 16;
  if (encoding.granularity != numerics::Granularity::Group)
    return kUngrouped;
  if (encoding.groupSize <= kLongest)
    return encoding.groupSize;
  for (int64_t columns = kLongest; columns >= kStep; columns -= kStep)
    if (encoding.groupSize % columns == 0)
      return columns;
  return encoding.groupSize;
}

EncodingAttr EncodingAttr::getActivationEncoding(unsigned width) const {
  return getActivationEncoding(
      IntAttr::get(getContext(), width, /*restricted=*/false),
      /*perToken=*/false);
}

EncodingAttr EncodingAttr::getActivationEncoding(ElementFormatInterface element,
                                                 bool perToken) const {
  MLIRContext *context = getContext();
  GranularityInterface granularity = PerChannelAttr::get(context);
  if (!perToken)
    granularity = PerGroupAttr::get(context, activationGroup(getNumerics()));
  return EncodingAttr::get(context, element, ZeroPointKind::None,
                           /*minimum=*/false, granularity,
                           Float32Type::get(context), /*permuted=*/false);
}
