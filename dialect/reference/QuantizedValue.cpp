//===- QuantizedValue.cpp - a quantized tensor taken apart ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition of an encoding in IR: find the bits, decode, subtract the zero
// point, scale, add the minimum, each rounded as numerics::Encoding::value does
// it, so that results are equal bit by bit.
//
//===----------------------------------------------------------------------===//

#include "QuantizedValue.h"
#include "lowbit/Reference/BitAddress.h"
#include "lowbit/Reference/LowerToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static numerics::Layout getLayout(QuantizedTensorType type) {
  unsigned bits = type.getEncoding().getCodeBits();
  return type.getLayout() ? type.getLayout().getLayout(bits)
                          : numerics::Layout::dense(bits);
}

std::string lowbit::explainUnsupported(QuantizedTensorType type) {
  if (type.hasStaticShape())
    return {};
  if (getLayout(type).order == numerics::BlockOrder::ColumnMajor)
    return "requires static dimensions or a layout of row-major blocks";
  if (type.getEncoding().getMixed())
    return "requires static dimensions or columns of one format";
  return {};
}

/// The address function. Row-major blocks need no number of rows, so a dynamic
/// one may be anything.
static numerics::BoundLayout bindLayout(QuantizedTensorType type) {
  int64_t rows = type.hasStaticShape() ? type.getRows() : 1;
  return numerics::BoundLayout(getLayout(type),
                               type.getEncoding().getNumerics(), rows,
                               type.getColumns());
}

SmallVector<std::pair<StringRef, RankedTensorType>, 5>
lowbit::getReferenceComponents(QuantizedTensorType type) {
  if (type.hasStaticShape())
    return type.getComponents();
  EncodingAttr encoding = type.getEncoding();
  numerics::ParameterPlacement placement = getLayout(type).parameters;
  bool isInline = placement != numerics::ParameterPlacement::Separate;
  bool isAtom = placement == numerics::ParameterPlacement::Atom;
  SmallVector<std::pair<StringRef, RankedTensorType>, 5> components;
  components.emplace_back(
      type.getLayout() ? component::kBlob : component::kCodes,
      RankedTensorType::get({ShapedType::kDynamic},
                            IntegerType::get(type.getContext(), 8)));
  for (StringRef name : encoding.getParameterNames())
    if (!isInline || !EncodingAttr::isPlaced(name, isAtom))
      components.emplace_back(
          name, encoding.getParameterType(name, ShapedType::kDynamic,
                                          type.getColumns()));
  return components;
}

void lowbit::populateReferenceTypeConversions(TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion(
      [](QuantizedTensorType type,
         SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
        if (!explainUnsupported(type).empty())
          return failure();
        for (auto &[name, component] : getReferenceComponents(type))
          parts.push_back(component);
        parts.append(type.getNumDynamicDims(),
                     IndexType::get(type.getContext()));
        return success();
      });
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value lowbit::extendToF32(OpBuilder &builder, Location loc, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
}

Value lowbit::roundToType(OpBuilder &builder, Location loc, Value value,
                          Type type) {
  if (type.isF32())
    return value;
  return arith::TruncFOp::create(builder, loc, type, value);
}

Value QuantizedValue::getComponent(StringRef name) const {
  for (auto [index, entry] : llvm::enumerate(getReferenceComponents(type)))
    if (entry.first == name)
      return parts[index];
  return nullptr;
}

SmallVector<OpFoldResult> QuantizedValue::getShape(OpBuilder &builder) const {
  return getMixedValues(type.getShape(),
                        parts.take_back(type.getNumDynamicDims()), builder);
}

/// The numerics library's name of a parameter.
static numerics::Component getKind(StringRef name) {
  if (name == component::kZeroPoint)
    return numerics::Component::ZeroPoint;
  return name == component::kScale ? numerics::Component::Scale
                                   : numerics::Component::Minimum;
}

/// A stored parameter as f32: a float in its format, or an unsigned integer.
/// Few targets extend floats of 8 bits, so those are looked up.
static Value readNumber(OpBuilder &b, Location loc, Value stored) {
  auto type = dyn_cast<FloatType>(stored.getType());
  if (type && type.getWidth() == 8) {
    Value bits = arith::BitcastOp::create(b, loc, b.getI8Type(), stored);
    bits = arith::ExtUIOp::create(b, loc, b.getI32Type(), bits);
    return buildTableDecode(SmallFloatAttr::get(b.getContext(), type), b, loc,
                            bits, nullptr);
  }
  if (type)
    return extendToF32(b, loc, stored);
  if (!stored.getType().isInteger(32))
    stored = arith::ExtUIOp::create(b, loc, b.getI32Type(), stored);
  return arith::SIToFPOp::create(b, loc, b.getF32Type(), stored);
}

/// Gives the bits of a parameter, an i32, their stored type.
static Value castBits(OpBuilder &b, Location loc, Value bits, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (width < 32)
    bits = arith::TruncIOp::create(b, loc, b.getIntegerType(width), bits);
  return isa<FloatType>(type)
             ? Value(arith::BitcastOp::create(b, loc, type, bits))
             : bits;
}

/// Takes off what the layout adds to the bits of `component`.
static Value subtractAdded(OpBuilder &b, Location loc,
                           const numerics::BoundLayout &layout,
                           numerics::Component component, Value bits) {
  uint32_t added = layout.layout().added[static_cast<unsigned>(component)];
  if (!added)
    return bits;
  auto constant = [&](uint32_t value) {
    return arith::ConstantOp::create(
        b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  };
  int64_t width = layout.componentBits(component);
  auto mask = static_cast<uint32_t>((uint64_t(1) << width) - 1);
  bits = arith::SubIOp::create(b, loc, bits, constant(added));
  return arith::AndIOp::create(b, loc, bits, constant(mask));
}

/// The bits of a parameter that a layout places, an i32.
static Value loadPlaced(IndexBuilder &builder,
                        const numerics::BoundLayout &layout,
                        numerics::Component component, Value bytes, Index n,
                        Index g) {
  Value bits;
  if (const numerics::BoundLayout *own = layout.parameterLayout(component)) {
    bits = buildLoadCode(builder, *own, bytes, n, g);
  } else {
    Index address = buildParameterAddress(builder, layout, component, n, g);
    bits =
        buildLoadBits(builder, bytes, address, layout.componentBits(component));
  }
  return subtractAdded(builder.getBuilder(), builder.getLoc(), layout,
                       component, bits);
}

Value QuantizedValue::buildParameter(IndexBuilder &builder, StringRef name,
                                     Index n, Index g) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  EncodingAttr encoding = type.getEncoding();
  if (encoding.getGranularity().getKind() == numerics::Granularity::Tensor &&
      getLayout(type).parameters == numerics::ParameterPlacement::Separate)
    n = builder.constant(0);
  // Where parameters are placed with codes, each row has a copy.
  if (getLayout(type).parameters == numerics::ParameterPlacement::Separate)
    n = builder.divide(n, encoding.getGranularity().getGroupRows());
  bool isInteger = name == component::kZeroPoint &&
                   encoding.getZeroPoint() == ZeroPointKind::Integer;
  if (encoding.getStored() && !isInteger)
    return buildStoredParameter(builder, name, n, g);
  numerics::BoundLayout layout = bindLayout(type);
  Value tensor = getComponent(name);
  if (tensor && !layout.parameterLayout(getKind(name))) {
    Value stored = tensor::ExtractOp::create(
        b, loc, tensor,
        ValueRange{builder.materialize(n), builder.materialize(g)});
    return readNumber(b, loc, stored);
  }
  Value bits = loadPlaced(builder, layout, getKind(name),
                          tensor ? tensor : parts.front(), n, g);
  Type stored = encoding.getParameterType(name, 1, 1).getElementType();
  return readNumber(b, loc, castBits(b, loc, bits, stored));
}

/// A parameter that is a code: decoded, scaled, rounded to the scale's type.
Value QuantizedValue::buildStoredParameter(IndexBuilder &builder,
                                           StringRef name, Index n,
                                           Index g) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  EncodingAttr stored = type.getEncoding().getStored();
  numerics::BoundLayout layout = bindLayout(type);
  numerics::Encoding meaning = stored.getNumerics();
  // Parameters are counted row by row.
  Index place = builder.add(builder.multiply(n, layout.groupCount()), g);
  Value code;
  Value bytes = getComponent(name);
  if (bytes && !layout.parameterLayout(getKind(name))) {
    Index address = builder.multiply(place, stored.getCodeBits());
    code = buildLoadBits(builder, bytes, address, stored.getCodeBits());
    code = subtractAdded(b, loc, layout, getKind(name), code);
  } else {
    code = loadPlaced(builder, layout, getKind(name),
                      bytes ? bytes : parts.front(), n, g);
  }
  bool isGroup = meaning.granularity == numerics::Granularity::Group;
  auto readPart = [&](StringRef part) {
    if (Value tensor =
            getComponent((name + component::kSeparator + part).str())) {
      Index block = isGroup ? builder.divide(place, meaning.groupSize)
                            : builder.constant(0);
      return readNumber(b, loc,
                        tensor::ExtractOp::create(
                            b, loc, tensor,
                            ValueRange{builder.materialize(builder.constant(0)),
                                       builder.materialize(block)}));
    }
    // Blocks of scales end with rows where atoms keep their scales.
    auto kind = name == component::kMinimum
                    ? numerics::Component::ScaleOfMinima
                    : numerics::Component::ScaleOfScales;
    Value bits = loadPlaced(builder, layout, kind, parts.front(), n,
                            builder.divide(g, meaning.groupSize));
    return readNumber(b, loc, castBits(b, loc, bits, stored.getScale()));
  };
  Value number = stored.getElement().buildDecode(b, loc, code, nullptr);
  if (stored.getZeroPoint() != ZeroPointKind::None)
    number =
        arith::SubFOp::create(b, loc, number, readPart(component::kZeroPoint));
  number = arith::MulFOp::create(b, loc, number, readPart(component::kScale));
  if (stored.getMinimum())
    number =
        arith::AddFOp::create(b, loc, number, readPart(component::kMinimum));
  FloatType rounded = type.getEncoding().getScale();
  return extendToF32(b, loc, roundToType(b, loc, number, rounded));
}

/// What a code of the tensor's own table stands for.
Value QuantizedValue::buildLearned(IndexBuilder &builder, Index n,
                                   Value code) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  bool isPerRow = type.getEncoding().getElement().getTableOwner() ==
                  numerics::TableOwner::Row;
  Value row = builder.materialize(isPerRow ? n : builder.constant(0));
  Value place = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), code);
  Value number = tensor::ExtractOp::create(
      b, loc, getComponent(component::kTable), ValueRange{row, place});
  return arith::SIToFPOp::create(b, loc, b.getF32Type(), number);
}

/// The window of the code at (n, k): the code and, above it, the codes of the
/// rows before in its column.
Value QuantizedValue::buildWindow(IndexBuilder &builder, Index n,
                                  Index k) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  ElementFormatInterface element = type.getEncoding().getElement();
  numerics::BoundLayout layout = bindLayout(type);
  auto loadCode = [&](Index row, Index column) {
    return subtractAdded(
        b, loc, layout, numerics::Component::Code,
        buildLoadCode(builder, layout, parts.front(), row, column));
  };
  Value window = loadCode(n, k);
  unsigned codeBits = element.getCodeBits();
  unsigned windowBits = element.getWindowBits();
  if (windowBits == codeBits)
    return window;
  auto bits = [&](int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  };
  Value place = builder.materialize(n);
  for (int64_t i = 1; i * codeBits < windowBits; ++i) {
    Value distance = builder.materialize(builder.constant(i));
    Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge,
                                           place, distance);
    Value before = arith::SelectOp::create(
        b, loc, isInside, arith::SubIOp::create(b, loc, place, distance),
        builder.materialize(builder.constant(0)));
    Value code = loadCode(builder.value(before, n.limit), k);
    code = arith::SelectOp::create(b, loc, isInside, code, bits(0));
    code = arith::ShLIOp::create(b, loc, code, bits(i * codeBits));
    window = arith::OrIOp::create(b, loc, window, code);
  }
  return arith::AndIOp::create(b, loc, window, bits((1 << windowBits) - 1));
}

Value QuantizedValue::buildColumnScale(IndexBuilder &builder, Index k) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  EncodingAttr encoding = type.getEncoding().getColumnScaleEncoding();
  Value code = buildLoadBits(builder, getComponent(component::kColumnScale),
                             builder.multiply(k, encoding.getCodeBits()),
                             encoding.getCodeBits());
  Value number = encoding.getElement().buildDecode(b, loc, code, nullptr);
  Value zero = builder.materialize(builder.constant(0));
  Value scale = tensor::ExtractOp::create(
      b, loc, getComponent(component::kColumnScaleScale),
      ValueRange{zero, zero});
  return arith::MulFOp::create(b, loc, number, readNumber(b, loc, scale));
}

Value QuantizedValue::buildElement(IndexBuilder &builder, Index n,
                                   Index k) const {
  assert(!type.getEncoding().getMixed() && "parts are read one by one");
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  EncodingAttr encoding = type.getEncoding();
  if (Value permutation = getComponent(component::kPermutation)) {
    Value place =
        tensor::ExtractOp::create(b, loc, permutation, builder.materialize(k));
    k = builder.value(
        arith::IndexCastUIOp::create(b, loc, b.getIndexType(), place),
        type.getColumns());
  }
  unsigned values = encoding.getElement().getValuesPerCode();
  Value window = buildWindow(builder, n, builder.divide(k, values));
  Value index;
  if (values > 1)
    index = builder.materialize(builder.remainder(k, values));
  bool isLearned =
      encoding.getElement().getTableOwner() != numerics::TableOwner::Format;
  Value number = isLearned
                     ? buildLearned(builder, n, window)
                     : encoding.getElement().buildDecode(b, loc, window, index);
  Index g = builder.divide(
      k, encoding.getNumerics().columnsPerGroup(type.getColumns()));
  if (encoding.getZeroPoint() != ZeroPointKind::None)
    number = arith::SubFOp::create(
        b, loc, number, buildParameter(builder, component::kZeroPoint, n, g));
  number = arith::MulFOp::create(
      b, loc, number, buildParameter(builder, component::kScale, n, g));
  if (encoding.getMinimum())
    number = arith::AddFOp::create(
        b, loc, number, buildParameter(builder, component::kMinimum, n, g));
  if (Value outer = getComponent(component::kOuterScale)) {
    bool isShared = encoding.getOuterScale() == OuterScaleKind::Tensor;
    Value row = builder.materialize(isShared ? builder.constant(0) : n);
    number = arith::MulFOp::create(
        b, loc, number, tensor::ExtractOp::create(b, loc, outer, row));
  }
  if (encoding.getColumnScale())
    number =
        arith::MulFOp::create(b, loc, number, buildColumnScale(builder, k));
  return number;
}

Value QuantizedValue::buildElement(IndexBuilder &builder,
                                   ValueRange position) const {
  SmallVector<OpFoldResult> shape = getShape(builder.getBuilder());
  auto place = [&](unsigned i) {
    int64_t extent = type.getDimSize(i);
    return builder.value(position[i], ShapedType::isDynamic(extent)
                                          ? std::nullopt
                                          : std::optional<int64_t>(extent));
  };
  Index n = builder.constant(0);
  for (unsigned i = 0, last = position.size() - 1; i < last; ++i) {
    std::optional<int64_t> extent = getConstantIntValue(shape[i]);
    Index factor = extent ? builder.constant(*extent)
                          : builder.value(cast<Value>(shape[i]));
    n = builder.add(builder.multiply(n, factor), place(i));
  }
  return buildElement(builder, n, place(position.size() - 1));
}

//===----------------------------------------------------------------------===//
// Columns of several formats
//===----------------------------------------------------------------------===//

Value QuantizedValue::buildColumnPart(IndexBuilder &builder, Index k) const {
  unsigned bits = type.getEncoding().getNumerics().partBits();
  return buildLoadBits(builder, getComponent(component::kColumnPart),
                       builder.multiply(k, bits), bits);
}

/// Where each column stands in its part [K]: how many columns of the part are
/// before it.
Value QuantizedValue::buildPlaces(OpBuilder &builder, Location loc) const {
  int64_t columns = type.getColumns();
  auto resultType = RankedTensorType::get({columns}, builder.getI32Type());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value init = tensor::EmptyOp::create(builder, loc, resultType.getShape(),
                                       builder.getI32Type());
  init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
  // An operand that has the extent of the other columns, and no numbers.
  Value others = tensor::EmptyOp::create(builder, loc, resultType.getShape(),
                                         builder.getI8Type());
  AffineMap maps[] = {AffineMap::get(2, 0, builder.getAffineDimExpr(1)),
                      AffineMap::get(2, 0, builder.getAffineDimExpr(0))};
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    IndexBuilder indices(b, loc);
    Value place[2], part[2];
    for (unsigned i = 0; i < 2; ++i) {
      place[i] = linalg::IndexOp::create(b, loc, i);
      part[i] = buildColumnPart(indices, indices.value(place[i], columns));
    }
    Value counts = arith::AndIOp::create(
        b, loc,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, place[1],
                              place[0]),
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, part[0],
                              part[1]));
    counts = arith::ExtUIOp::create(b, loc, b.getI32Type(), counts);
    linalg::YieldOp::create(
        b, loc, arith::AddIOp::create(b, loc, values[1], counts).getResult());
  };
  return linalg::GenericOp::create(builder, loc, resultType, others, init, maps,
                                   ArrayRef{utils::IteratorType::parallel,
                                            utils::IteratorType::reduction},
                                   buildBody)
      .getResult(0);
}

/// Part `index` by itself, its numbers in f32.
Value QuantizedValue::buildPart(OpBuilder &builder, Location loc,
                                size_t index) const {
  QuantizedTensorType part = type.getPart(index);
  part = QuantizedTensorType::get(part.getShape(), builder.getF32Type(),
                                  part.getEncoding());
  SmallVector<Value> components;
  for (auto &[name, component] : part.getComponents()) {
    Value data = getComponent(name);
    if (name == component::kCodes)
      data = tensor::ExtractSliceOp::create(
          builder, loc, component, data,
          ArrayRef<OpFoldResult>{
              builder.getIndexAttr(type.getPartOffset(index))},
          ArrayRef<OpFoldResult>{
              builder.getIndexAttr(component.getNumElements())},
          ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
    components.push_back(data);
  }
  return QuantizedValue(part, components).buildDequantize(builder, loc);
}

/// The element at `position` of the parts that `parts` [..., K_p] are.
Value QuantizedValue::buildMixedElement(IndexBuilder &builder,
                                        ArrayRef<Value> parts, Value places,
                                        SmallVector<Value> position) const {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  Index k = builder.value(position.back(), type.getColumns());
  Value part = buildColumnPart(builder, k);
  Value place = arith::IndexCastUIOp::create(
      b, loc, b.getIndexType(),
      tensor::ExtractOp::create(b, loc, places, position.back()));
  Value number;
  for (auto [i, values] : llvm::enumerate(parts)) {
    // Where the column is of another part, any place that there is.
    int64_t last =
        cast<RankedTensorType>(values.getType()).getShape().back() - 1;
    position.back() = arith::MinUIOp::create(
        b, loc, place, builder.materialize(builder.constant(last)));
    Value found = tensor::ExtractOp::create(b, loc, values, position);
    Value isPart = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::eq, part,
        arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(i)));
    number =
        number ? arith::SelectOp::create(b, loc, isPart, found, number) : found;
  }
  if (!type.getEncoding().getColumnScale())
    return number;
  return arith::MulFOp::create(b, loc, number, buildColumnScale(builder, k));
}

Value QuantizedValue::buildDequantize(OpBuilder &builder, Location loc) const {
  SmallVector<Value> mixed;
  Value places;
  if (MixedAttr formats = type.getEncoding().getMixed()) {
    places = buildPlaces(builder, loc);
    for (size_t i = 0; i < formats.getFormats().size(); ++i)
      mixed.push_back(buildPart(builder, loc, i));
  }
  unsigned rank = type.getRank();
  Value init = tensor::EmptyOp::create(builder, loc, getShape(builder),
                                       type.getElementType());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange) {
    SmallVector<Value> position;
    for (unsigned i = 0; i < rank; ++i)
      position.push_back(linalg::IndexOp::create(b, loc, i));
    IndexBuilder indices(b, loc);
    Value number = places ? buildMixedElement(indices, mixed, places, position)
                          : buildElement(indices, position);
    linalg::YieldOp::create(b, loc,
                            roundToType(b, loc, number, type.getElementType()));
  };
  auto generic = linalg::GenericOp::create(
      builder, loc, init.getType(), ValueRange{}, init,
      builder.getMultiDimIdentityMap(rank), iterators, buildBody);
  return generic.getResult(0);
}

Value lowbit::buildExpressed(OpBuilder &builder, Location loc,
                             Type originalType, ValueRange parts) {
  if (auto type = dyn_cast<QuantizedTensorType>(originalType))
    return QuantizedValue(type, parts).buildDequantize(builder, loc);
  return parts.front();
}
