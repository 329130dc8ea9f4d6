//===- LowbitFormats.cpp - what one code stands for -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect's element formats (SPEC.md, section E) and the tables through
// which quantizer, packer and reference lowering know any other.
//
//===----------------------------------------------------------------------===//

#include "ElementFormats.h"
#include "lowbit/Numerics/Lattice.h"
#include "lowbit/Numerics/Trellis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

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

static Value toFloat(OpBuilder &builder, Location loc, Value value) {
  return arith::SIToFPOp::create(builder, loc, builder.getF32Type(), value);
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
  Value offset = arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(window.getType(), bias));
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
// Small floats
//===----------------------------------------------------------------------===//

LogicalResult
SmallFloatAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                       FloatType type) {
  // E8
  if (type.getWidth() <= 8)
    return success();
  return emitError() << "requires a float of at most 8 bits (E8), found "
                     << type;
}

unsigned SmallFloatAttr::getCodeBits() const { return getType().getWidth(); }

void SmallFloatAttr::decode(uint64_t window,
                            MutableArrayRef<float> values) const {
  APFloat number(getType().getFloatSemantics(), APInt(getCodeBits(), window));
  values[0] = number.convertToFloat();
}

Attribute MinifloatAttr::parse(AsmParser &parser, Type) {
  llvm::SMLoc location = parser.getCurrentLocation();
  StringRef word;
  unsigned exponent, mantissa;
  if (parser.parseLess() || parser.parseKeyword(&word) || parser.parseGreater())
    return {};
  if (!word.consume_front("e") || word.consumeInteger(10, exponent) ||
      !word.consume_front("m") || word.consumeInteger(10, mantissa) ||
      !word.empty()) {
    parser.emitError(location) << "requires a form such as e2m2";
    return {};
  }
  return parser.getChecked<MinifloatAttr>(location, parser.getContext(),
                                          exponent, mantissa);
}

void MinifloatAttr::print(AsmPrinter &printer) const {
  printer << "<e" << getExponent() << 'm' << getMantissa() << '>';
}

LogicalResult
MinifloatAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                      unsigned exponent, unsigned mantissa) {
  // E12
  if (exponent >= 1 && exponent <= 7 && mantissa <= 7 - exponent)
    return success();
  return emitError() << "requires at least 1 bit of exponent and at most 7 of "
                        "both (E12), found e"
                     << exponent << 'm' << mantissa;
}

unsigned MinifloatAttr::getCodeBits() const {
  return 1 + getExponent() + getMantissa();
}

void MinifloatAttr::decode(uint64_t window,
                           MutableArrayRef<float> values) const {
  uint64_t unit = uint64_t(1) << getMantissa();
  int exponent = (window >> getMantissa()) & ((1u << getExponent()) - 1);
  float fraction = float(window % unit) + (exponent ? unit : 0);
  int bias = (1 << (getExponent() - 1)) - 1 + int(getMantissa());
  float magnitude = std::ldexp(fraction, std::max(exponent, 1) - bias);
  values[0] = window >> (getCodeBits() - 1) ? -magnitude : magnitude;
}

//===----------------------------------------------------------------------===//
// Codebooks
//===----------------------------------------------------------------------===//

LogicalResult
CodebookAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     DenseElementsAttr values) {
  // E9
  auto type = values.getType();
  bool isTable = type.getElementType().isF32() && type.getRank() >= 1 &&
                 type.getRank() <= 2 && type.getDimSize(0) >= 2 &&
                 llvm::isPowerOf2_64(type.getDimSize(0));
  if (isTable)
    return success();
  return emitError() << "requires a tensor of 2^b f32, or of 2^b vectors of "
                        "them (E9), found "
                     << type;
}

unsigned CodebookAttr::getCodeBits() const {
  return llvm::Log2_64(getValues().getType().getDimSize(0));
}

unsigned CodebookAttr::getValuesPerCode() const {
  ShapedType type = getValues().getType();
  return type.getRank() == 2 ? type.getDimSize(1) : 1;
}

void CodebookAttr::decode(uint64_t window,
                          MutableArrayRef<float> values) const {
  auto numbers = getValues().getValues<float>();
  for (auto [i, value] : llvm::enumerate(values))
    value = numbers[window * values.size() + i];
}

//===----------------------------------------------------------------------===//
// Trellises
//===----------------------------------------------------------------------===//

LogicalResult
TrellisAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    unsigned state, unsigned rate) {
  // E13
  if (state >= numerics::minTrellisState &&
      state <= numerics::maxTrellisState && rate >= 1 &&
      rate <= numerics::maxTrellisRate)
    return success();
  return emitError() << "requires a state of 8 to 12 bits and a rate of 1 to 6 "
                        "(E13), found "
                     << state << " and " << rate;
}

unsigned TrellisAttr::getCodeBits() const { return getRate(); }

unsigned TrellisAttr::getWindowBits() const { return getState(); }

void TrellisAttr::decode(uint64_t window, MutableArrayRef<float> values) const {
  values[0] = numerics::trellisTable(getState(), getRate()).values[window];
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

LogicalResult
LogAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                unsigned width, unsigned octave) {
  // E14
  if (width >= 1 && width <= 8 && octave >= 1 && octave <= 256)
    return success();
  return emitError()
         << "requires a width of 1 to 8 bits and 1 to 256 steps per "
            "octave (E14), found "
         << width << " and " << octave;
}

unsigned LogAttr::getCodeBits() const { return getWidth(); }

void LogAttr::decode(uint64_t window, MutableArrayRef<float> values) const {
  values[0] = numerics::logTable(getWidth(), getOctave()).values[window];
}

//===----------------------------------------------------------------------===//
// Formats of parts of the columns
//===----------------------------------------------------------------------===//

Attribute MixedAttr::parse(AsmParser &parser, Type) {
  llvm::SMLoc location = parser.getCurrentLocation();
  SmallVector<int64_t> columns;
  SmallVector<ElementFormatInterface> formats;
  auto parsePart = [&]() -> ParseResult {
    if (parser.parseInteger(columns.emplace_back()))
      return failure();
    formats.push_back(parseElementFormat(parser));
    return success(static_cast<bool>(formats.back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parsePart))
    return {};
  return parser.getChecked<MixedAttr>(location, parser.getContext(),
                                      ArrayRef(columns), ArrayRef(formats));
}

void MixedAttr::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleaveComma(llvm::zip_equal(getColumns(), getFormats()), printer,
                        [&](auto part) {
                          auto [columns, format] = part;
                          printer << columns << ' ';
                          printElementFormat(printer, format);
                        });
  printer << '>';
}

LogicalResult
MixedAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                  ArrayRef<int64_t> columns,
                  ArrayRef<ElementFormatInterface> formats) {
  // E15
  if (formats.size() < 2 || formats.size() > 256)
    return emitError() << "requires 2 to 256 formats (E15), found "
                       << formats.size();
  for (auto [count, format] : llvm::zip_equal(columns, formats)) {
    if (count < 1)
      return emitError() << "requires at least 1 column of each format (E15), "
                            "found "
                         << count;
    if (isa<MixedAttr>(format) || format.getCodeBits() > 8 ||
        format.getValuesPerCode() != 1 ||
        format.getTableOwner() != numerics::TableOwner::Format)
      return emitError() << "requires formats of at most 8 bits for one number "
                            "that the format gives (E15), found "
                         << format;
  }
  return success();
}

unsigned MixedAttr::getCodeBits() const {
  return getNumericsFormat(*this).codeBits();
}

unsigned MixedAttr::getWindowBits() const {
  return getNumericsFormat(*this).windowBits();
}

void MixedAttr::decode(uint64_t, MutableArrayRef<float>) const {
  llvm_unreachable("the formats of the parts decode");
}

static numerics::ElementFormat getParts(MixedAttr mixed) {
  auto parts = std::make_shared<std::vector<numerics::ColumnPart>>();
  for (auto [columns, format] :
       llvm::zip_equal(mixed.getColumns(), mixed.getFormats()))
    parts->push_back({format.getNumerics(), columns});
  return std::shared_ptr<const std::vector<numerics::ColumnPart>>(parts);
}

//===----------------------------------------------------------------------===//
// Lattices
//===----------------------------------------------------------------------===//

static numerics::LatticeFormat getFormat(LatticeAttr lattice) {
  return {lattice.getValues(), lattice.getBits()};
}

LogicalResult
LatticeAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    unsigned values, unsigned bits) {
  // E25
  if (numerics::LatticeFormat{values, bits}.isValid())
    return success();
  return emitError() << "requires 4 numbers in 7 to 14 bits or 8 in 11 to 16 "
                        "(E25), found "
                     << values << " in " << bits;
}

unsigned LatticeAttr::getCodeBits() const { return getBits(); }

unsigned LatticeAttr::getValuesPerCode() const { return getValues(); }

void LatticeAttr::decode(uint64_t window, MutableArrayRef<float> values) const {
  ArrayRef<float> numbers(numerics::latticeTable(getFormat(*this))->values);
  llvm::copy(numbers.slice(window * values.size(), values.size()),
             values.begin());
}

/// The table of magnitudes alone, and signs by arithmetic.
Value LatticeAttr::buildDecode(OpBuilder &builder, Location loc, Value window,
                               Value index) const {
  numerics::LatticeFormat format = getFormat(*this);
  Type word = window.getType();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(word, value));
  };
  const std::vector<int8_t> &magnitudes = numerics::latticeMagnitudes(format);
  int64_t count = int64_t(1) << format.indexBits();
  auto type =
      RankedTensorType::get({count, format.values}, builder.getI8Type());
  Value table = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef(magnitudes)));
  Value row = arith::AndIOp::create(builder, loc, window, constant(count - 1));
  row = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), row);
  Value number =
      tensor::ExtractOp::create(builder, loc, table, ValueRange{row, index});
  number = toFloat(builder, loc, number);
  Value bits = arith::ShRUIOp::create(builder, loc, window,
                                      constant(format.indexBits()));
  Value signs = arith::XOrIOp::create(
      builder, loc, bits,
      arith::ShLIOp::create(builder, loc, bits, constant(1)));
  Value place = arith::IndexCastUIOp::create(builder, loc, word, index);
  Value sign = arith::AndIOp::create(
      builder, loc, arith::ShRUIOp::create(builder, loc, signs, place),
      constant(1));
  Value isNegated = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::ne, sign, constant(0));
  return arith::SelectOp::create(builder, loc, isNegated,
                                 arith::NegFOp::create(builder, loc, number),
                                 number);
}

//===----------------------------------------------------------------------===//
// Learned tables
//===----------------------------------------------------------------------===//

Attribute LearnedAttr::parse(AsmParser &parser, Type) {
  unsigned width;
  bool perChannel = false;
  if (parser.parseLess() || parser.parseInteger(width))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("channel"))
      return {};
    perChannel = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<LearnedAttr>(parser.getContext(), width, perChannel);
}

void LearnedAttr::print(AsmPrinter &printer) const {
  printer << '<' << getWidth();
  if (getPerChannel())
    printer << ", channel";
  printer << '>';
}

LogicalResult
LearnedAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    unsigned width, bool) {
  // E22
  if (width >= 1 && width <= 8)
    return success();
  return emitError()
         << "requires a learned table's codes of 1 to 8 bits (E22), "
            "found "
         << width;
}

unsigned LearnedAttr::getCodeBits() const { return getWidth(); }

numerics::TableOwner LearnedAttr::getTableOwner() const {
  return getPerChannel() ? numerics::TableOwner::Row
                         : numerics::TableOwner::Tensor;
}

void LearnedAttr::decode(uint64_t, MutableArrayRef<float> values) const {
  llvm_unreachable("the numbers are the tensor's");
}

Value LearnedAttr::buildDecode(OpBuilder &, Location, Value, Value) const {
  llvm_unreachable("the numbers are the tensor's");
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static std::shared_ptr<const numerics::CodeTable>
makeTable(ElementFormatInterface format) {
  auto table = std::make_shared<numerics::CodeTable>();
  table->codeBits = format.getCodeBits();
  table->windowBits = format.getWindowBits();
  table->valuesPerCode = format.getValuesPerCode();
  table->owner = format.getTableOwner();
  if (table->owner != numerics::TableOwner::Format)
    return table;
  size_t windows = size_t(1) << table->windowBits;
  table->values.resize(windows * table->valuesPerCode);
  MutableArrayRef<float> values(table->values);
  for (size_t window = 0; window < windows; ++window)
    format.decode(window, values.slice(window * table->valuesPerCode,
                                       table->valuesPerCode));
  return table;
}

std::shared_ptr<const numerics::CodeTable>
LowbitDialect::getTable(Attribute format) {
  std::lock_guard<std::mutex> lock(tablesMutex);
  auto &table = tables[format];
  if (!table)
    table = makeTable(cast<ElementFormatInterface>(format));
  return table;
}

numerics::ElementFormat lowbit::getNumericsFormat(Attribute format) {
  if (auto lattice = dyn_cast<LatticeAttr>(format))
    return numerics::latticeTable(getFormat(lattice));
  if (auto mixed = dyn_cast<MixedAttr>(format))
    return getParts(mixed);
  if (auto integer = cast<ElementFormatInterface>(format).getIntegerFormat())
    return *integer;
  return format.getContext()->getOrLoadDialect<LowbitDialect>()->getTable(
      format);
}

Value lowbit::buildTableDecode(Attribute format, OpBuilder &builder,
                               Location loc, Value window, Value index) {
  numerics::ElementFormat numbers = getNumericsFormat(format);
  const numerics::CodeTable &table = *numbers.table();
  SmallVector<int64_t> shape{int64_t(1) << table.windowBits};
  if (index)
    shape.push_back(table.valuesPerCode);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  Value constant = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(type, ArrayRef(table.values)));
  SmallVector<Value> place{arith::IndexCastUIOp::create(
      builder, loc, builder.getIndexType(), window)};
  if (index)
    place.push_back(index);
  return tensor::ExtractOp::create(builder, loc, constant, place);
}
