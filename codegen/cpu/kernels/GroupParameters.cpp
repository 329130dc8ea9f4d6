//===- GroupParameters.cpp - scales of a group, as kernels read them ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupParameters.h"
#include "lowbit/Transforms/ConstantMatrix.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;
using numerics::Component;

SmallVector<Type> cpu::getStoredTypes(EncodingAttr encoding) {
  EncodingAttr stored = encoding.getStored();
  if (!stored)
    return {};
  SmallVector<Type> types(encoding.getMinimum() ? 2 : 1,
                          flatBuffer(stored.getScale()));
  types.push_back(IndexType::get(encoding.getContext()));
  return types;
}

/// The bytes of a component, splats written out.
static std::vector<uint8_t> readRepeated(ElementsAttr elements) {
  ArrayRef<char> raw = getRawBytes(elements);
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense || !dense.isSplat())
    return {raw.begin(), raw.end()};
  std::vector<uint8_t> result;
  ArrayRef<char> one = dense.getRawData();
  for (int64_t i = 0; i < elements.getNumElements(); ++i)
    result.insert(result.end(), one.begin(), one.end());
  return result;
}

ElementsAttr cpu::arrangeStoredScales(QuantizedTensorType type,
                                      ElementsAttr scales, StringRef name) {
  std::vector<uint8_t> bytes = readRepeated(scales);
  Type element = scales.getElementType();
  int64_t size = element.getIntOrFloatBitWidth() / 8;
  numerics::BoundLayout layout = type.bindLayout();
  const numerics::Encoding &encoding = layout.encoding();
  int64_t rows = layout.layout().atom.rows, groups = layout.groupCount();
  int64_t runGroups = getRunGroups(encoding, type.getColumns());
  int64_t runs = groups / runGroups;
  int64_t count = layout.rowBlockCount() * runs * rows;
  std::vector<uint8_t> result(count * size);
  for (int64_t n = 0; n < type.getRows(); ++n)
    for (int64_t run = 0; run < runs; ++run) {
      int64_t from =
          (n * groups + run * runGroups) / encoding.stored->groupSize;
      int64_t to = (n / rows * runs + run) * rows + n % rows;
      llvm::copy(ArrayRef(bytes).slice(from * size, size),
                 result.begin() + to * size);
    }
  return makeElements(RankedTensorType::get({count}, element), name, result);
}

GroupParameters::GroupParameters(KernelBuilder &builder,
                                 const LinearKernelSpec &spec)
    : b(builder), spec(spec), encoding(spec.encoding.getNumerics()),
      layout(spec.layout.getLayout(encoding.element.codeBits())) {}

void GroupParameters::bindArguments(Value blob,
                                    Block::args_iterator &argument) {
  weights = blob;
  if (!encoding.stored)
    return;
  scales = *argument++;
  if (encoding.hasMinimum)
    minima = *argument++;
  runShift = *argument++;
}

void GroupParameters::setGroups(Value count) {
  if (encoding.stored)
    runs = arith::ShRUIOp::create(b, count, runShift);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

bool GroupParameters::isStored(Component component) const {
  return encoding.stored && component != Component::ZeroPoint;
}

int64_t GroupParameters::offsetOf(Component component) const {
  numerics::BoundLayout bound(layout, encoding, layout.atom.rows,
                              encoding.element.valuesPerCode());
  return bound.parameter(component, 0, 0).bit / 8;
}

int64_t GroupParameters::bytes() const {
  numerics::BoundLayout bound(layout, encoding, layout.atom.rows,
                              encoding.element.valuesPerCode());
  return bound.inlineParameterBits() / 8;
}

/// A parameter of a register's rows from `firstRow` on, as f32.
Value GroupParameters::load(Component component, const Place &place,
                            Value firstRow) {
  if (isStored(component))
    return loadStored(component, place, firstRow);
  FloatType type = spec.encoding.getScale();
  bool isByte = component == Component::ZeroPoint &&
                encoding.zeroPoint == numerics::ZeroPointKind::Integer;
  unsigned bits = isByte ? 8 : type.getWidth();
  Value offset = b.add(b.add(place.offset, offsetOf(component)),
                       b.mul(firstRow, bits / 8));
  Value value = b.load(weights, offset, lanes(b.getIntegerType(bits)));
  if (isByte)
    return arith::UIToFPOp::create(b, lanes(b.getF32Type()), value);
  return b.extendBits(value, type, spec.target->hasHalf);
}

/// Codes of 4, 6 or 8 bits of a register's rows, as 32-bit lanes. What is
/// loaded beyond them is the group's own codes.
Value GroupParameters::loadCodes(Value place) {
  unsigned bits = encoding.stored->element.codeBits();
  int64_t count = spec.target->lanes();
  VectorType words = lanes(b.getI32Type());
  if (bits == 8)
    return arith::ExtUIOp::create(b, words,
                                  b.load(weights, place, b.bytes(count)));
  int64_t loaded = llvm::PowerOf2Ceil(count * bits / 8);
  Value bytes = b.load(weights, place, b.bytes(loaded));
  SmallVector<int64_t> places;
  SmallVector<int32_t> shifts;
  for (int64_t lane = 0; lane < count; ++lane) {
    int64_t first = lane * bits / 8;
    int64_t next = std::min(first + 1, loaded - 1);
    places.append({first, next, next, next});
    shifts.push_back(lane * bits % 8);
  }
  Value codes =
      b.bitcast(vector::ShuffleOp::create(b, bytes, bytes, places), words);
  Value down = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words, ArrayRef<int32_t>(shifts)));
  return arith::AndIOp::create(b, arith::ShRUIOp::create(b, codes, down),
                               b.splat(words, (int64_t(1) << bits) - 1));
}

Value GroupParameters::loadIntegerCodes(Component component, const Place &place,
                                        Value firstRow) {
  unsigned bits = encoding.stored->element.codeBits();
  Value offset = b.add(b.add(place.offset, offsetOf(component)),
                       b.div(b.mul(firstRow, bits), 8));
  return loadCodes(offset);
}

/// What a quantized parameter's code stands for: less the format's offset.
Value GroupParameters::loadIntegers(Component component, const Place &place,
                                    Value firstRow) {
  Value code = loadIntegerCodes(component, place, firstRow);
  if (int32_t least = encoding.stored->element.integer()->decode(0))
    code = b.add(code, b.splat(lanes(b.getI32Type()), int64_t(least)));
  return code;
}

Value GroupParameters::loadNegatedWords(const Place &place, Value firstRow) {
  Value codes = loadIntegerCodes(Component::Scale, place, firstRow);
  int32_t least = encoding.stored->element.integer()->decode(0);
  VectorType type = lanes(b.getI32Type());
  VectorType words = b.vector(2 * spec.target->lanes(), b.getI16Type());
  // The upper word of a code is 0, as is that of what it is taken from.
  return b.sub(b.bitcast(b.splat(type, int64_t(-least)), words),
               b.bitcast(codes, words));
}

/// The scale of a quantized parameter's run.
Value GroupParameters::loadFactor(Component component, const Place &place,
                                  Value firstRow) {
  Value run = b.add(b.mul(place.tile, runs),
                    arith::ShRUIOp::create(b, place.group, runShift));
  Value row = b.add(b.mul(run, layout.atom.rows), firstRow);
  Value factors = component == Component::Scale ? scales : minima;
  FloatType type = spec.encoding.getStored().getScale();
  Value factor = vector::LoadOp::create(b, lanes(type), factors, row);
  return type.isF16() ? b.extendHalf(factor, spec.target->hasHalf) : factor;
}

/// A quantized parameter, rounded.
Value GroupParameters::loadStored(Component component, const Place &place,
                                  Value firstRow) {
  Value integers = loadIntegers(component, place, firstRow);
  Value factor = loadFactor(component, place, firstRow);
  Value number = b.mulf(b.toFloat(integers), factor);
  if (spec.encoding.getScale().isF16())
    number = b.roundToHalf(number, spec.target->hasHalf);
  return number;
}

//===----------------------------------------------------------------------===//
// The end of a group
//===----------------------------------------------------------------------===//

GroupParameters::Numbers GroupParameters::load(const Place &place,
                                               Value firstRow) {
  Numbers numbers;
  if (encoding.zeroPoint != numerics::ZeroPointKind::None)
    numbers.zeroPoint = load(Component::ZeroPoint, place, firstRow);
  numbers.scale = load(Component::Scale, place, firstRow);
  if (encoding.hasMinimum)
    numbers.minimum = load(Component::Minimum, place, firstRow);
  return numbers;
}

GroupParameters::Numbers GroupParameters::loadOfScaled(const Place &place,
                                                       Value firstRow) {
  Numbers numbers;
  numbers.scale = loadFactor(Component::Scale, place, firstRow);
  return numbers;
}

Value GroupParameters::apply(const Numbers &numbers, Value product, Value sum,
                             Value outer) {
  if (numbers.zeroPoint)
    product = b.fma(arith::NegFOp::create(b, numbers.zeroPoint), sum, product);
  Value result = b.fma(numbers.scale, product, outer);
  return numbers.minimum ? b.fma(numbers.minimum, sum, result) : result;
}
