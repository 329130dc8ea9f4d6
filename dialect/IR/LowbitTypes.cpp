//===- LowbitTypes.cpp - the quantized tensor type ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Spelling, verification (SPEC.md, section T) and components of the type.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

#define GET_TYPEDEF_CLASSES
#include "lowbit/IR/LowbitTypes.cpp.inc"

void LowbitDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "lowbit/IR/LowbitTypes.cpp.inc"
      >();
}

Type QuantizedTensorType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  EncodingAttr encoding;
  LayoutInterface layout;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(elementType) || parser.parseComma() ||
      parser.parseAttribute(encoding))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(layout))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<QuantizedTensorType>(parser.getContext(), shape,
                                                elementType, encoding, layout);
}

void QuantizedTensorType::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printDimensionList(getShape());
  printer << 'x' << getElementType() << ", " << getEncoding();
  if (getLayout())
    printer << ", " << getLayout();
  printer << '>';
}

/// Bits of the packed matrix, or somewhat more, without overflow.
static double estimateBits(const numerics::Layout &layout,
                           const numerics::Encoding &encoding, double rows,
                           int64_t columns) {
  double groups = encoding.groupCount(columns);
  double padded = columns + groups * layout.columnPadding;
  double parameters = layout.atom.rows * groups * 3 * 32;
  double block = padded / layout.atom.columns * layout.atom.bits + parameters +
                 layout.rowAlignment;
  double bits = (rows / layout.atom.rows + 1) * block + layout.tailBits;
  // Buffers of parameters that have a layout, as codes of one column per group.
  for (const auto &own : layout.own)
    if (own)
      bits += estimateBits(*own, numerics::Encoding(), rows,
                           encoding.groupCount(columns));
  return bits;
}

/// A layout must have a form for the encoding's codes and place every bit once,
/// at an address that fits 64 bits.
static LogicalResult
verifyLayout(llvm::function_ref<InFlightDiagnostic()> emitError,
             EncodingAttr encoding, LayoutInterface layout, double rows,
             int64_t columns) {
  if (failed(layout.verifyCodeBits(emitError, encoding.getCodeBits())))
    return failure();
  // L1
  numerics::Layout bits = layout.getLayout(encoding.getCodeBits());
  std::string problem = numerics::checkLayout(bits, encoding.getNumerics());
  if (!problem.empty())
    return emitError() << "requires a layout that places every bit once (L1): "
                       << problem;
  // L5
  if (estimateBits(bits, encoding.getNumerics(), rows, columns) > 0x1p60)
    return emitError() << "requires a layout of at most 2^60 bits (L5), found "
                       << layout;
  return success();
}

/// T6 and T7, of formats that columns have by turns.
static LogicalResult
verifyMixed(llvm::function_ref<InFlightDiagnostic()> emitError, MixedAttr mixed,
            int64_t width, LayoutInterface layout) {
  // T6
  double columns = 0;
  for (int64_t count : mixed.getColumns())
    columns += static_cast<double>(count);
  if (columns != static_cast<double>(width))
    return emitError() << "requires as many columns as the formats together "
                          "have (T6), found "
                       << width;
  // T7: a layout is of one width.
  if (layout)
    return emitError() << "requires mixed columns to be dense (T7), found "
                       << layout;
  return success();
}

/// The number of elements, of dimensions that are known; T5: an address in bits
/// must fit 64 bits, padding included.
static FailureOr<int64_t>
countElements(llvm::function_ref<InFlightDiagnostic()> emitError,
              ArrayRef<int64_t> shape) {
  constexpr int64_t limit = int64_t(1) << 48;
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (ShapedType::isDynamic(extent))
      continue;
    if (extent < 1 || extent > limit / elements)
      return emitError() << "requires positive dimensions with a product of at "
                            "most 2^48 (T5), found "
                         << extent,
             failure();
    elements *= extent;
  }
  return elements;
}

LogicalResult
QuantizedTensorType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                            ArrayRef<int64_t> shape, Type elementType,
                            EncodingAttr encoding, LayoutInterface layout) {
  // T1
  if (shape.empty())
    return emitError() << "requires at least one dimension (T1), found none";
  // T2
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "requires f32, f16 or bf16 as expressed type (T2), "
                          "found "
                       << elementType;
  // T3: the address function needs to know where groups end.
  if (ShapedType::isDynamic(shape.back()))
    return emitError() << "requires a static last dimension (T3), found '?'";
  // T4
  int64_t values = encoding.getElement().getValuesPerCode();
  if (shape.back() % values != 0)
    return emitError() << "requires a last dimension of a multiple of "
                       << values << ", the values per code (T4), found "
                       << shape.back();
  if (MixedAttr mixed = encoding.getMixed())
    if (failed(verifyMixed(emitError, mixed, shape.back(), layout)))
      return failure();
  FailureOr<int64_t> elements = countElements(emitError, shape);
  if (failed(elements))
    return failure();
  if (!layout)
    return success();
  if (failed(verifyLayout(emitError, encoding, layout, *elements / shape.back(),
                          shape.back())))
    return failure();
  // L7: blocks of scales are counted without regard to rows.
  numerics::Layout map = layout.getLayout(encoding.getCodeBits());
  if (encoding.getStored() &&
      map.parameters == numerics::ParameterPlacement::Atom &&
      shape.back() % (map.atom.columns * values) != 0)
    return emitError() << "requires rows of whole atoms of "
                       << map.atom.columns * values
                       << " columns where these keep quantized scales (L7), "
                          "found "
                       << shape.back();
  return success();
}

ShapedType
QuantizedTensorType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                               Type elementType) const {
  return get(shape.value_or(getShape()), elementType, getEncoding(),
             getLayout());
}

bool QuantizedTensorType::hasRank() const { return true; }

int64_t QuantizedTensorType::getRows() const {
  int64_t rows = 1;
  for (int64_t extent : getShape().drop_back()) {
    if (ShapedType::isDynamic(extent))
      return ShapedType::kDynamic;
    rows *= extent;
  }
  return rows;
}

int64_t QuantizedTensorType::getColumns() const { return getShape().back(); }

RankedTensorType QuantizedTensorType::getExpressedType() const {
  return RankedTensorType::get(getShape(), getElementType());
}

QuantizedTensorType
QuantizedTensorType::withLayout(LayoutInterface layout) const {
  return get(getShape(), getElementType(), getEncoding(), layout);
}

QuantizedTensorType QuantizedTensorType::getPart(size_t index) const {
  EncodingAttr encoding = getEncoding();
  MixedAttr mixed = encoding.getMixed();
  auto uniform = EncodingAttr::get(
      getContext(), mixed.getFormats()[index], encoding.getZeroPoint(),
      encoding.getMinimum(), encoding.getGranularity(), encoding.getScale(),
      encoding.getPermuted(), encoding.getOuterScale());
  SmallVector<int64_t> shape(getShape());
  shape.back() = mixed.getColumns()[index];
  return get(shape, getElementType(), uniform);
}

int64_t QuantizedTensorType::getPartOffset(size_t index) const {
  int64_t offset = 0;
  for (size_t i = 0; i < index; ++i)
    offset += getPart(i).getCodeBytes();
  return offset;
}

int64_t QuantizedTensorType::getCodeBytes() const {
  if (MixedAttr mixed = getEncoding().getMixed())
    return getPartOffset(mixed.getFormats().size());
  return bindLayout().bufferBytes(0);
}

numerics::BoundLayout QuantizedTensorType::bindLayout() const {
  numerics::Layout layout =
      getLayout() ? getLayout().getLayout(getEncoding().getCodeBits())
                  : numerics::Layout::dense(getEncoding().getCodeBits());
  return numerics::BoundLayout(layout, getEncoding().getNumerics(), getRows(),
                               getColumns());
}

/// The buffer of parameter `name` if a layout of its own places it; else 0.
static unsigned getPlacedBuffer(const numerics::BoundLayout &layout,
                                StringRef name) {
  for (auto [kind, component] :
       {std::pair(component::kScale, numerics::Component::Scale),
        std::pair(component::kZeroPoint, numerics::Component::ZeroPoint),
        std::pair(component::kMinimum, numerics::Component::Minimum)})
    if (name == kind && layout.parameterLayout(component))
      return static_cast<unsigned>(component);
  return 0;
}

SmallVector<std::pair<StringRef, RankedTensorType>, 5>
QuantizedTensorType::getComponents() const {
  SmallVector<std::pair<StringRef, RankedTensorType>, 5> result;
  Type byte = IntegerType::get(getContext(), 8);
  if (getEncoding().getMixed()) {
    // Dense, part behind part.
    result.emplace_back(component::kCodes,
                        RankedTensorType::get({getCodeBytes()}, byte));
    for (StringRef name : getEncoding().getParameterNames())
      result.emplace_back(
          name, getEncoding().getParameterType(name, getRows(), getColumns()));
    return result;
  }
  numerics::BoundLayout bound = bindLayout();
  numerics::ParameterPlacement placement = bound.layout().parameters;
  bool isInline = placement != numerics::ParameterPlacement::Separate;
  bool isAtom = placement == numerics::ParameterPlacement::Atom;
  result.emplace_back(getLayout() ? component::kBlob : component::kCodes,
                      RankedTensorType::get({bound.bufferBytes(0)}, byte));
  for (StringRef name : getEncoding().getParameterNames()) {
    bool isPlaced = EncodingAttr::isPlaced(name, isAtom);
    if (isInline && isPlaced)
      continue;
    auto type = getEncoding().getParameterType(name, getRows(), getColumns());
    if (unsigned buffer = getPlacedBuffer(bound, name))
      type = RankedTensorType::get({bound.bufferBytes(buffer)}, byte);
    result.emplace_back(name, type);
  }
  return result;
}

int64_t QuantizedTensorType::getStoredBytes() const {
  int64_t bytes = 0;
  for (auto &[name, type] : getComponents())
    bytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return bytes;
}
