//===- SegmentSums.cpp - the end of a segment -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From accumulators to the segment's sums as f32: fields and chains are joined,
// the format's offset is subtracted, levels are added up and scaled.
//
//===----------------------------------------------------------------------===//

#include "SegmentProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// From the in-place form's accumulators of a row of activations to sums of
/// whole codes, one for each sub-block and part.
SegmentProducts::Values
SegmentProducts::gatherPlaces(ValueRange sums, int64_t chains, int64_t slices) {
  Values result(registerCount(slices) * parts());
  for (int64_t i = 0; i < slices * parts(); ++i) {
    int64_t slice = i / parts(), part = i % parts();
    Values joined;
    for (size_t place = 0; place < places.size(); ++place) {
      Value sum = sums[accumulator(0, part, place, slice, slices)];
      for (int64_t chain = 1; chain < chains; ++chain)
        sum = b.add(sum, sums[accumulator(chain, part, place, slice, slices)]);
      joined.push_back(sum);
    }
    for (auto [place, sum] : llvm::enumerate(joined)) {
      if (isDifferential && place + 1 < places.size())
        sum = b.sub(sum, joined[place + 1]);
      sum = b.shift(sum, -places[place].shift);
      int64_t at = places[place].subBlock * slices + slice;
      Value &total = result[at * parts() + part];
      total = total ? b.add(total, sum) : sum;
    }
  }
  return result;
}

/// The same of all rows.
SegmentProducts::Values
SegmentProducts::gatherRows(ValueRange sums, size_t rows, int64_t slices) {
  size_t each = placeCount(rows, slices);
  Values result;
  for (size_t r = 0; r < rows; ++r)
    llvm::append_range(result, gatherPlaces(sums.slice(r * each, each),
                                            getChains(rows, slices), slices));
  return result;
}

/// The sums of chains, added up.
SegmentProducts::Values
SegmentProducts::joinChains(ValueRange sums, size_t rows, int64_t slices) {
  int64_t chains = getDecodedChains(rows, slices);
  Values result;
  for (size_t i = 0; i < sums.size(); i += chains) {
    Value sum = sums[i];
    for (int64_t chain = 1; chain < chains; ++chain)
      sum = b.add(sum, sums[i + chain]);
    result.push_back(sum);
  }
  return result;
}

namespace {
/// number = factor * byte - offset
struct ByteMeaning {
  int64_t factor, offset;
};
} // namespace

static ByteMeaning getIntegerMeaning(const numerics::IntegerFormat &format,
                                     bool isSigned) {
  int64_t less = isSigned ? 128 : 0;
  if (format.kind == numerics::IntegerKind::Unsigned)
    return {1, -less};
  if (format.width == 1)
    return {2, 1};
  return {1, (int64_t(1) << (format.width - 1)) - less};
}

/// Codes of 8 bits without a sign; all others are signed once their offset is
/// subtracted.
bool SegmentProducts::hasUnsignedBytes() const {
  const auto &integer = encoding.element.integer();
  return !isTable() && integer->width == 8 &&
         integer->kind == numerics::IntegerKind::Unsigned;
}

/// What bytes stand for, their offset subtracted, in the same 8 bits.
Value SegmentProducts::toNumbers(Value bytes) {
  ByteMeaning meaning{1, tables.offset};
  if (!isTable())
    meaning = getIntegerMeaning(*encoding.element.integer(), isSigned());
  if (meaning.factor == 2)
    bytes = b.add(bytes, bytes);
  if (meaning.offset == 0)
    return bytes;
  auto type = cast<VectorType>(bytes.getType());
  return b.sub(bytes, b.splat(type, int64_t(int8_t(meaning.offset))));
}

/// A byte c stands for f c - o. Two of them in a word, c + 256 c', times f s,
/// less o s of either, are the products with s in both bytes but for what the
/// low one borrows. 128 more, and it borrows nothing.
ByteFactor SegmentProducts::prepareFactor(Value integers) {
  ByteMeaning meaning{1, tables.offset};
  if (!isTable())
    meaning = getIntegerMeaning(*encoding.element.integer(), isSigned());
  auto type = cast<VectorType>(integers.getType());
  VectorType words = b.vector(2 * kLanes, b.getI16Type());
  auto constant = [&](int64_t value) {
    return b.splat(words, int64_t(int16_t(value)));
  };
  Value low =
      arith::AndIOp::create(b, integers, b.splat(type, int64_t(0xFFFF)));
  Value both = arith::OrIOp::create(b, low, b.shift(integers, 16));
  both = b.bitcast(both, words);
  Value offsets = b.mul(both, constant(meaning.offset + 256 * meaning.offset));
  return {meaning.factor == 2 ? b.add(both, both) : both,
          b.sub(constant(128), offsets)};
}

Value SegmentProducts::scaleBytes(Value bytes, const ByteFactor &factor) {
  // A byte below 0 would take from the one beside it.
  assert(!isSigned());
  auto words = cast<VectorType>(factor.words.getType());
  Value products = b.mul(b.bitcast(bytes, words), factor.words);
  products = arith::XOrIOp::create(b, b.add(products, factor.addend),
                                   b.splat(words, int64_t(128)));
  return b.bitcast(products, b.bytes(kVectorBytes));
}

void SegmentProducts::unpack(
    const SegmentOperands &operands, Value atom,
    llvm::function_ref<void(int64_t, int64_t, int64_t, Value)> store) {
  // Rows of windows are not in order yet, and have no factors.
  assert(operands.factors.empty() || !windows);
  Values vectors = loadAtom(operands, atom);
  int64_t registers = registerCount(operands.slices.count);
  for (int64_t step = 0; step < fields.steps * values(); ++step) {
    SmallVector<Values> bytes(digits());
    for (int64_t i = 0; i < registers; ++i)
      for (auto [digit, value] :
           llvm::enumerate(decode(vectors, operands, step, i))) {
        Value numbers = operands.factors.empty()
                            ? toNumbers(value)
                            : scaleBytes(value, operands.factors[i]);
        bytes[digit].push_back(b.bitcast(numbers, lanes(b.getI32Type())));
      }
    for (auto [digit, rows] : llvm::enumerate(bytes)) {
      sortRows(rows);
      for (auto [i, value] : llvm::enumerate(rows))
        store(step, i, digit, b.bitcast(value, b.bytes(kVectorBytes)));
    }
  }
}

/// Subtracts what the bytes' offset contributed to a level.
Value SegmentProducts::subtractOffset(Value sum, Value panel, Value row,
                                      int64_t level) {
  if (isTiled)
    return sum;
  ByteMeaning meaning{1, tables.offset};
  if (!isTable())
    meaning = getIntegerMeaning(*encoding.element.integer(), isSigned());
  auto load = [&](int64_t part, Type element) {
    return b.loadSplat(panel, b.add(row, 4 + 4 * part), element,
                       target.lanes());
  };
  if (isFloat()) {
    if (meaning.factor == 2)
      sum = arith::AddFOp::create(b, sum, sum);
    if (meaning.offset == 0 || isGathered())
      return sum;
    Value offset = b.splat(lanes(b.getF32Type()), -double(meaning.offset));
    return b.fma(offset, load(0, b.getF32Type()), sum);
  }
  if (meaning.factor == 2)
    sum = b.add(sum, sum);
  if (meaning.offset == 0)
    return sum;
  Value total;
  for (int64_t part = 0; part < parts(); ++part)
    if (level >= part && level - part < digits()) {
      Value activations = load(part, b.getI32Type());
      total = total ? b.add(total, activations) : activations;
    }
  int64_t magnitude = std::abs(meaning.offset);
  total = b.shift(total, llvm::Log2_64(magnitude));
  return meaning.offset > 0 ? b.sub(sum, total) : b.add(sum, total);
}

/// Whether the two levels of codes that are single bytes fit into 32 bits when
/// they are joined: codeBits bits, or 8 of those that were scaled, times 16 for
/// each column.
bool SegmentProducts::joinsLevels() const {
  int64_t columns = spec.panel.columns * (isTiled ? spec.getRunSegments() : 1);
  unsigned bits =
      isTiled && spec.scaledSegments ? 8 : encoding.element.codeBits();
  return !isFloat() && !isTable() && levels() == 2 &&
         columns << bits <= 1 << 16;
}

/// Both levels as one integer, the format's offset subtracted. What overflows
/// on the way comes back.
Value SegmentProducts::joinLevels(ArrayRef<Value> sums, Value panel,
                                  Value row) {
  ByteMeaning meaning =
      getIntegerMeaning(*encoding.element.integer(), isSigned());
  Value sum = b.add(b.shift(sums[0], 8), sums[1]);
  if (isTiled)
    return sum;
  if (meaning.factor == 2)
    sum = b.add(sum, sum);
  if (meaning.offset == 0)
    return sum;
  auto load = [&](int64_t part) {
    return b.loadSplat(panel, b.add(row, 4 + 4 * part), b.getI32Type(),
                       target.lanes());
  };
  Value total = b.shift(b.add(b.shift(load(0), 8), load(1)),
                        llvm::Log2_64(std::abs(meaning.offset)));
  return meaning.offset > 0 ? b.sub(sum, total) : b.add(sum, total);
}

/// What the lowest level that is kept stands for.
double SegmentProducts::levelStep() const {
  int64_t rest = digits() + parts() - 1 - levels();
  double step = isTable() && !isGathered() ? tables.step : 1;
  return isFloat() ? step : step * double(int64_t(1) << (8 * rest));
}

/// The levels of one sum as f32, scaled where segments have scales of their
/// own.
Value SegmentProducts::finish(ArrayRef<Value> sums, Value panel, Value row) {
  bool isJoined = joinsLevels();
  Value number = isJoined ? joinLevels(sums, panel, row)
                          : subtractOffset(sums[0], panel, row, 0);
  VectorType floats = lanes(b.getF32Type());
  if (!isFloat())
    number = b.toFloat(number);
  Value base = b.splat(floats, 256.0);
  for (int64_t level = 1; level < levels() && !isJoined; ++level)
    number = b.fma(number, base,
                   b.toFloat(subtractOffset(sums[level], panel, row, level)));
  if (isFloat() || (leavesScale() && !leavesStep()))
    return levelStep() == 1 ? number
                            : b.mulf(number, b.splat(floats, levelStep()));
  if (leavesScale())
    return number;
  return b.mulf(number, loadScale(panel, row, levelStep()));
}

/// The scale in a header, times `step`.
Value SegmentProducts::loadScale(Value panel, Value row, double step) {
  Value scale = b.loadSplat(panel, row, b.getF32Type(), target.lanes());
  if (step == 1)
    return scale;
  return b.mulf(scale, b.splat(lanes(b.getF32Type()), step));
}

Value SegmentProducts::leftScale(Value panel, Value row) {
  return loadScale(panel, row, leavesStep() ? levelStep() : 1);
}

Value SegmentProducts::activationSum(Value panel, Value offset) {
  if (isFloat())
    return b.loadSplat(panel, b.add(offset, 4), b.getF32Type(), target.lanes());
  auto load = [&](int64_t part) {
    return b.toFloat(b.loadSplat(panel, b.add(offset, 4 + 4 * part),
                                 b.getI32Type(), target.lanes()));
  };
  Value sum = load(0);
  if (parts() == 2)
    sum = b.fma(sum, b.splat(lanes(b.getF32Type()), 256.0), load(1));
  return leavesScale() ? sum : b.mulf(sum, loadScale(panel, offset));
}

Value SegmentProducts::prepareTable(Value table) {
  if (!table || isSigned())
    return table;
  auto type = cast<VectorType>(table.getType());
  return arith::XOrIOp::create(b, table, b.splat(type, -kLearnedOffset));
}
