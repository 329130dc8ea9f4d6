//===- WeightReader.cpp - numbers of packed weights in a kernel -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightReader.h"
#include "FloatBits.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lowbit;

static constexpr int64_t kStep = 4;

int64_t lowbit::findSharedSteps(const numerics::Encoding &encoding,
                                int64_t columns, int64_t atomColumns) {
  int64_t group = encoding.columnsPerGroup(columns);
  if (encoding.groupCount(columns) <= 1 || group % atomColumns == 0)
    return atomColumns / kStep;
  return atomColumns % group == 0 && group % kStep == 0 ? group / kStep : 0;
}

/// Whether fields `count` steps on are as far on for each step of an atom.
static bool isPeriod(ArrayRef<SmallVector<WordField>> fields, size_t count) {
  if (fields.size() % count != 0)
    return false;
  for (size_t step = count; step + count < fields.size(); ++step)
    for (size_t i = 0; i < fields[step].size(); ++i) {
      const WordField &before = fields[step - count][i],
                      &field = fields[step][i],
                      &after = fields[step + count][i];
      if (after.word - field.word != field.word - before.word ||
          after.shift - field.shift != field.shift - before.shift)
        return false;
    }
  return true;
}

bool lowbit::needsGPUTable(EncodingAttr encoding) {
  return !encoding.getElement().getIntegerFormat();
}

WeightReader::WeightReader(ImplicitLocOpBuilder &builder,
                           const GPULinearSpec &spec,
                           const WeightBuffers &buffers)
    : b(builder), indices(builder, builder.getLoc()), spec(spec),
      buffers(buffers), encoding(spec.encoding.getNumerics()) {
  unsigned bits = spec.encoding.getCodeBits();
  numerics::Layout layout = spec.layout.getLayout(bits);
  fields = findWordFields(layout, bits);
  atomWords = layout.atom.bits / 32;
  atomColumns = layout.atom.columns;
  atoms = llvm::divideCeil(spec.k, atomColumns);
  sharedSteps = findSharedSteps(encoding, spec.k, atomColumns);
  period = 1;
  while (!isPeriod(fields, period))
    ++period;
  floats = VectorType::get({kStep}, b.getF32Type());
  ints = VectorType::get({kStep}, b.getI32Type());
}

Value WeightReader::word(int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

Value WeightReader::constant(float number) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(floats, b.getF32FloatAttr(number)));
}

Value WeightReader::splat(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(
      b, VectorType::get({kStep}, scalar.getType()), scalar);
}

void WeightReader::loadTable(Value thread, Value threads) {
  if (!buffers.table)
    return;
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  int64_t size = encoding.element.codeCount();
  table = memref::AllocOp::create(
      b, MemRefType::get({size}, b.getF32Type(), AffineMap(), space));
  Value end = arith::ConstantIndexOp::create(b, size);
  auto loop = scf::ForOp::create(b, thread, end, threads);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number =
        memref::LoadOp::create(b, buffers.table, loop.getInductionVar());
    memref::StoreOp::create(b, number, table, loop.getInductionVar());
  }
  gpu::BarrierOp::create(b);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

Index WeightReader::getFirstWord(const Index &row, const Index &atom) {
  return indices.multiply(indices.add(indices.multiply(row, atoms), atom),
                          atomWords);
}

SmallVector<Value> WeightReader::loadWords(const Index &row,
                                           const Index &atom) {
  Index first = getFirstWord(row, atom);
  SmallVector<Value> words;
  for (int64_t i = 0; i < atomWords; ++i)
    words.push_back(memref::LoadOp::create(
        b, buffers.codes,
        indices.materialize(indices.add(first, indices.constant(i)))));
  return words;
}

/// The fields of four bytes of `word`, at bit `codeBit` of four codes.
Value WeightReader::extract(Value word, Value shift, int64_t width,
                            int64_t codeBit) {
  auto constants = [&](ArrayRef<int32_t> values) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(ints, values));
  };
  int32_t mask = (1 << width) - 1;
  Value shifted = splat(arith::ShRUIOp::create(b, word, shift));
  Value codes = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, shifted, constants({0, 8, 16, 24})),
      constants({mask, mask, mask, mask}));
  if (codeBit == 0)
    return codes;
  int32_t by = codeBit;
  return arith::ShLIOp::create(b, codes, constants({by, by, by, by}));
}

Value WeightReader::toNumbers(Value codes) {
  const numerics::IntegerFormat *integer = encoding.element.integer();
  if (!integer) {
    SmallVector<Value> numbers;
    for (int64_t i = 0; i < kStep; ++i)
      numbers.push_back(memref::LoadOp::create(
          b, table,
          ValueRange{arith::IndexCastOp::create(
              b, b.getIndexType(), vector::ExtractOp::create(b, codes, i))}));
    return vector::FromElementsOp::create(b, floats, numbers);
  }
  Value numbers = arith::UIToFPOp::create(b, floats, codes);
  if (int32_t step = integer->step(); step != 1)
    numbers = arith::MulFOp::create(b, numbers, constant(step));
  if (int32_t first = integer->decode(0))
    numbers = arith::AddFOp::create(b, numbers, constant(first));
  return numbers;
}

/// The same in the bytes of a word.
Value WeightReader::extractBytes(Value from, Value shift, int64_t width,
                                 int64_t codeBit) {
  Value codes =
      arith::AndIOp::create(b, arith::ShRUIOp::create(b, from, shift),
                            word(((int64_t(1) << width) - 1) * 0x01010101));
  if (codeBit == 0)
    return codes;
  return arith::ShLIOp::create(b, codes, word(codeBit));
}

Value WeightReader::joinFields(ArrayRef<Value> words, int64_t step,
                               Extract extract) {
  Value codes;
  for (const WordField &field : fields[step]) {
    Value part = (this->*extract)(words[field.word], word(field.shift),
                                  field.width, field.codeBit);
    codes = codes ? arith::OrIOp::create(b, codes, part).getResult() : part;
  }
  return codes;
}

Value WeightReader::joinEither(const Index &row, const Index &atom,
                               int64_t first, int64_t second, Value isSecond,
                               Extract extract) {
  Value base = indices.materialize(getFirstWord(row, atom));
  Value codes;
  for (auto [one, other] : llvm::zip_equal(fields[first], fields[second])) {
    auto choose = [&](Value lhs, Value rhs) -> Value {
      return arith::SelectOp::create(b, isSecond, rhs, lhs);
    };
    Value place = choose(arith::ConstantIndexOp::create(b, one.word),
                         arith::ConstantIndexOp::create(b, other.word));
    Value shift = choose(word(one.shift), word(other.shift));
    Value bits = memref::LoadOp::create(
        b, buffers.codes, ValueRange{arith::AddIOp::create(b, base, place)});
    Value part = (this->*extract)(bits, shift, one.width, one.codeBit);
    codes = codes ? arith::OrIOp::create(b, codes, part).getResult() : part;
  }
  return codes;
}

Value WeightReader::decode(ArrayRef<Value> words, int64_t step) {
  return toNumbers(joinFields(words, step, &WeightReader::extract));
}

Value WeightReader::decodeEither(const Index &row, const Index &atom,
                                 int64_t first, int64_t second,
                                 Value isSecond) {
  return toNumbers(
      joinEither(row, atom, first, second, isSecond, &WeightReader::extract));
}

Value WeightReader::decodeTurn(const Index &row, const Index &atom,
                               int64_t step, const Index &turn) {
  if (encoding.element.integer())
    return bytesToNumbers(
        joinTurn(row, atom, step, turn, &WeightReader::extractBytes));
  return toNumbers(joinTurn(row, atom, step, turn, &WeightReader::extract));
}

/// The numbers of codes that are the bytes of a word. Each is masked where it
/// is, and a power of two moves it: processors shift vectors of words by
/// different counts one word at a time.
Value WeightReader::bytesToNumbers(Value codes) {
  const numerics::IntegerFormat &integer = *encoding.element.integer();
  unsigned bits = spec.encoding.getCodeBits();
  SmallVector<int32_t> masks;
  SmallVector<float> factors;
  for (int64_t i = 0; i < kStep; ++i) {
    masks.push_back(((1u << bits) - 1) << (8 * i));
    factors.push_back(std::ldexp(static_cast<float>(integer.step()), -8 * i));
  }
  Value masked = arith::AndIOp::create(
      b, splat(codes),
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(ints, ArrayRef<int32_t>(masks))));
  // With fewer bits than 8 the last one's word has no sign.
  Value numbers = bits < 8
                      ? arith::SIToFPOp::create(b, floats, masked).getResult()
                      : arith::UIToFPOp::create(b, floats, masked).getResult();
  Value scaled = arith::MulFOp::create(
      b, numbers,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(floats, ArrayRef<float>(factors))));
  if (int32_t first = integer.decode(0))
    scaled = arith::AddFOp::create(b, scaled, constant(first));
  return scaled;
}

Value WeightReader::decodeTurnBytes(const Index &row, const Index &atom,
                                    int64_t step, const Index &turn) {
  return toBytes(joinTurn(row, atom, step, turn, &WeightReader::extractBytes));
}

Value WeightReader::joinTurn(const Index &row, const Index &atom, int64_t step,
                             const Index &turn, Extract extract) {
  Index first = getFirstWord(row, atom);
  bool hasNext = step + period < getSteps();
  Value codes;
  for (auto [i, field] : llvm::enumerate(fields[step])) {
    const WordField &next = hasNext ? fields[step + period][i] : field;
    Index place = indices.add(indices.constant(field.word),
                              indices.multiply(turn, next.word - field.word));
    Value shift = word(field.shift);
    if (next.shift != field.shift)
      shift = arith::AddIOp::create(
          b, shift,
          arith::MulIOp::create(
              b,
              arith::IndexCastOp::create(b, b.getI32Type(),
                                         indices.materialize(turn)),
              word(int64_t(next.shift) - int64_t(field.shift))));
    Value bits = memref::LoadOp::create(
        b, buffers.codes, indices.materialize(indices.add(first, place)));
    Value part = (this->*extract)(bits, shift, field.width, field.codeBit);
    codes = codes ? arith::OrIOp::create(b, codes, part).getResult() : part;
  }
  return codes;
}

/// Unsigned codes of 8 bits are no signed bytes: 128 less, they are.
Value WeightReader::toBytes(Value codes) {
  if (spec.encoding.getCodeBits() < 8)
    return codes;
  return arith::XOrIOp::create(b, codes, word(0x80808080));
}

Value WeightReader::decodeBytes(ArrayRef<Value> words, int64_t step) {
  return toBytes(joinFields(words, step, &WeightReader::extractBytes));
}

Value WeightReader::decodeEitherBytes(const Index &row, const Index &atom,
                                      int64_t first, int64_t second,
                                      Value isSecond) {
  return toBytes(joinEither(row, atom, first, second, isSecond,
                            &WeightReader::extractBytes));
}

std::pair<float, float> WeightReader::getByteCodes() const {
  const numerics::IntegerFormat &integer = *encoding.element.integer();
  float bias = spec.encoding.getCodeBits() < 8 ? 0 : 128;
  return {integer.step(), integer.decode(0) + bias * integer.step()};
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// Element `at`, of `bits` bits, of a packed buffer.
Value WeightReader::loadBits(Value buffer, const Index &at, int64_t bits) {
  int64_t perWord = 32 / bits;
  Value loaded = memref::LoadOp::create(
      b, buffer, indices.materialize(indices.divide(at, perWord)));
  if (perWord == 1)
    return loaded;
  Value shift =
      arith::IndexCastOp::create(b, b.getI32Type(),
                                 indices.materialize(indices.multiply(
                                     indices.remainder(at, perWord), bits)));
  return arith::AndIOp::create(b, arith::ShRUIOp::create(b, loaded, shift),
                               word((int64_t(1) << bits) - 1));
}

WeightParameters WeightReader::loadGroup(const Index &row, const Index &group) {
  Index at = indices.constant(0);
  if (encoding.granularity != numerics::Granularity::Tensor)
    at = indices.add(indices.multiply(indices.divide(row, encoding.groupRows),
                                      encoding.groupCount(spec.k)),
                     group);
  FloatType format = spec.encoding.getScale();
  auto loadFloat = [&](Value buffer) -> Value {
    Value bits = loadBits(buffer, at, format.getWidth());
    if (!spec.hasNormalHalves)
      return buildDecodeFloat(b, bits, format);
    auto pair = VectorType::get({2}, b.getF32Type());
    return vector::ExtractOp::create(b, UnpackHalvesOp::create(b, pair, bits),
                                     0);
  };
  WeightParameters parameters;
  parameters.scale = named(loadFloat(buffers.scales), "scale");
  if (buffers.zeroPoints)
    parameters.zeroPoint =
        encoding.zeroPoint == numerics::ZeroPointKind::Integer
            ? arith::UIToFPOp::create(b, b.getF32Type(),
                                      loadBits(buffers.zeroPoints, at, 8))
                  .getResult()
            : loadFloat(buffers.zeroPoints);
  if (parameters.zeroPoint)
    named(parameters.zeroPoint, "zero_point");
  if (buffers.minima)
    parameters.minimum = named(loadFloat(buffers.minima), "minimum");
  return parameters;
}

WeightParameters WeightReader::loadParameters(const Index &row,
                                              const Index &atom,
                                              const Index &step) {
  int64_t size = encoding.columnsPerGroup(spec.k);
  int64_t last = encoding.groupCount(spec.k) - 1;
  if (last <= 0)
    return loadGroup(row, indices.constant(0));
  auto groupOf = [&](const Index &column) {
    Index group = indices.divide(column, size);
    // Columns that pad a row have no group of their own.
    if (atoms * atomColumns > (last + 1) * size)
      group = indices.value(
          arith::MinUIOp::create(b, indices.materialize(group),
                                 arith::ConstantIndexOp::create(b, last)),
          last + 1);
    return group;
  };
  Index column = indices.add(indices.multiply(atom, atomColumns),
                             indices.multiply(step, kStep));
  if (sharedSteps)
    return loadGroup(row, groupOf(column));
  SmallVector<Value> scales, zeroPoints, minima;
  for (int64_t i = 0; i < kStep; ++i) {
    WeightParameters one =
        loadGroup(row, groupOf(indices.add(column, indices.constant(i))));
    scales.push_back(one.scale);
    zeroPoints.push_back(one.zeroPoint);
    minima.push_back(one.minimum);
  }
  auto join = [&](ArrayRef<Value> values) -> Value {
    return values.front()
               ? vector::FromElementsOp::create(b, floats, values).getResult()
               : Value();
  };
  return {join(scales), join(zeroPoints), join(minima)};
}

Value WeightReader::centre(Value numbers, const WeightParameters &parameters) {
  if (!parameters.zeroPoint)
    return numbers;
  return arith::SubFOp::create(b, numbers, splat(parameters.zeroPoint));
}

Value WeightReader::apply(Value numbers, const WeightParameters &parameters) {
  Value scaled = arith::MulFOp::create(b, centre(numbers, parameters),
                                       splat(parameters.scale));
  if (!parameters.minimum)
    return scaled;
  return arith::AddFOp::create(b, scaled, splat(parameters.minimum));
}

Value WeightReader::loadOuterScale(const Index &row) {
  if (!buffers.outerScales)
    return {};
  Index at = encoding.outer == numerics::OuterScale::Tensor
                 ? indices.constant(0)
                 : row;
  return memref::LoadOp::create(b, buffers.outerScales,
                                indices.materialize(at));
}
