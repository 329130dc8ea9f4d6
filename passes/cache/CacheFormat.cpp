//===- CacheFormat.cpp - how a KV cache stores its rows -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything is linalg, so that each target fuses the reading of a cache into
// its attention, and a compiler that knows nothing of caches still runs it.
//
//===----------------------------------------------------------------------===//

#include "CacheFormat.h"

#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

using Body = function_ref<Value(OpBuilder &, Location, ValueRange)>;

static SmallVector<OpFoldResult> repeat(OpBuilder &b, int64_t number,
                                        int64_t count) {
  return SmallVector<OpFoldResult>(count, b.getIndexAttr(number));
}

/// `rows` written to `state` from row `position` on; `rowDim` runs along rows.
/// Where they have fewer columns, those begin at `column`.
static Value insertRows(OpBuilder &b, Location loc, Value rows, Value state,
                        OpFoldResult position, int64_t rowDim,
                        int64_t column = 0) {
  int64_t rank = cast<RankedTensorType>(state.getType()).getRank();
  SmallVector<OpFoldResult> offsets = repeat(b, 0, rank);
  offsets.back() = b.getIndexAttr(column);
  offsets[rowDim] = position;
  return tensor::InsertSliceOp::create(b, loc, rows, state, offsets,
                                       tensor::getMixedSizes(b, loc, rows),
                                       repeat(b, 1, rank));
}

/// The first `length` rows.
static Value takeRows(OpBuilder &b, Location loc, Value state,
                      OpFoldResult length, int64_t rowDim) {
  int64_t rank = cast<RankedTensorType>(state.getType()).getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, state);
  sizes[rowDim] = length;
  return tensor::ExtractSliceOp::create(b, loc, state, repeat(b, 0, rank),
                                        sizes, repeat(b, 1, rank));
}

/// An elementwise operation over `sizes`; the result is read by the identity.
static Value mapped(OpBuilder &b, Location loc, ValueRange inputs,
                    ArrayRef<AffineMap> maps, ArrayRef<OpFoldResult> sizes,
                    Type element, Body body) {
  Value init = tensor::EmptyOp::create(b, loc, sizes, element);
  SmallVector<AffineMap> all(maps);
  all.push_back(b.getMultiDimIdentityMap(sizes.size()));
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, all, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc, body(b, loc, values));
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

namespace {
class FloatFormat : public CacheFormat {
public:
  explicit FloatFormat(bool isHalf) : isHalf(isHalf) {}

  SmallVector<CacheState> getStates(RankedTensorType rows) const override {
    return {{"", cast<RankedTensorType>(
                     rows.clone(getElement(rows.getContext())))}};
  }

  SmallVector<Value> insert(OpBuilder &b, Location loc, Value rows,
                            ValueRange states,
                            OpFoldResult position) const override {
    int64_t rank = cast<RankedTensorType>(rows.getType()).getRank();
    Value stored = convertFloats(b, loc, rows, getElement(b.getContext()));
    return {insertRows(b, loc, stored, states[0], position, rank - 2)};
  }

  Value read(OpBuilder &b, Location loc, ValueRange states,
             OpFoldResult length) const override {
    int64_t rank = cast<RankedTensorType>(states[0].getType()).getRank();
    return convertFloats(b, loc, takeRows(b, loc, states[0], length, rank - 2),
                         b.getF32Type());
  }

private:
  Type getElement(MLIRContext *context) const {
    return isHalf ? Type(Float16Type::get(context))
                  : Type(Float32Type::get(context));
  }

  bool isHalf;
};

} // namespace

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// `fold` of the numbers of each row, beginning at `start`.
static Value reduceRows(OpBuilder &b, Location loc, Value rows, float start,
                        Body fold) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  sizes.pop_back();
  int64_t rank = sizes.size() + 1;
  Value number = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(start));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value filled = linalg::FillOp::create(b, loc, number, init).getResult(0);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  return linalg::GenericOp::create(
             b, loc, filled.getType(), rows, filled,
             ArrayRef{identity, identity.getMajorSubMap(rank - 1)}, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc, fold(b, loc, values));
             })
      .getResult(0);
}

/// number / scale, rounded and kept within codes, as an i32; the least code
/// that is 0 or above where the scale is 0.
static Value roundToCode(OpBuilder &b, Location loc, Value number, Value scale,
                         int64_t least, int64_t largest) {
  Value wide = arith::ExtFOp::create(b, loc, b.getF32Type(), scale);
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value quotient = arith::DivFOp::create(b, loc, number, wide);
  Value isZero =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, wide, zero);
  Value safe = arith::SelectOp::create(b, loc, isZero, zero, quotient);
  Value rounded = math::RoundEvenOp::create(b, loc, safe);
  auto limit = [&](double value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  };
  Value upper = arith::MinNumFOp::create(b, loc, rounded, limit(largest));
  Value lower = arith::MaxNumFOp::create(b, loc, upper, limit(least));
  return arith::FPToSIOp::create(b, loc, b.getI32Type(), lower);
}

namespace {
/// Codes of 8 bits with a scale for each row.
class ByteFormat : public CacheFormat {
public:
  SmallVector<CacheState> getStates(RankedTensorType rows) const override {
    MLIRContext *context = rows.getContext();
    auto scales = RankedTensorType::get(rows.getShape().drop_back(),
                                        Float16Type::get(context));
    return {{"", cast<RankedTensorType>(
                     rows.clone(Type(IntegerType::get(context, 8))))},
            {".scale", scales}};
  }

  SmallVector<Value> insert(OpBuilder &b, Location loc, Value rows,
                            ValueRange states,
                            OpFoldResult position) const override {
    Value floats = convertFloats(b, loc, rows, b.getF32Type());
    int64_t rank = cast<RankedTensorType>(rows.getType()).getRank();
    Value scales = findScales(b, loc, floats);
    Value codes = encode(b, loc, floats, scales);
    return {insertRows(b, loc, codes, states[0], position, rank - 2),
            insertRows(b, loc, scales, states[1], position, rank - 2)};
  }

  Value read(OpBuilder &b, Location loc, ValueRange states,
             OpFoldResult length) const override;

private:
  static constexpr int64_t kLargest = 127;

  static Value findScales(OpBuilder &b, Location loc, Value rows);
  static Value encode(OpBuilder &b, Location loc, Value rows, Value scales);
};

/// Codes of 4 bits with a scale and a minimum for each half of a row: keys have
/// columns far from zero, and half a head of the usual sizes is 32 or 64
/// numbers, as other caches group them. Code j of a row lies in a byte with
/// code j + width / 2, so that both halves are vectors. Of each row, one tensor
/// has both scales and then both minima: with two of them, and those of values,
/// attention on a GPU would have more buffers than it can bind.
class NibbleFormat : public CacheFormat {
public:
  std::optional<std::string> refuses(int64_t width) const override {
    if (width % 2 == 0)
      return std::nullopt;
    return "requires rows of an even number of numbers, found " +
           std::to_string(width);
  }

  SmallVector<CacheState> getStates(RankedTensorType rows) const override {
    SmallVector<int64_t> shape(rows.getShape());
    MLIRContext *context = rows.getContext();
    int64_t bytes = shape.back() / 2;
    shape.back() = 4;
    auto parameters = RankedTensorType::get(shape, Float16Type::get(context));
    shape.back() = bytes;
    return {{"", RankedTensorType::get(shape, IntegerType::get(context, 8))},
            {".parameters", parameters}};
  }

  SmallVector<Value> insert(OpBuilder &b, Location loc, Value rows,
                            ValueRange states,
                            OpFoldResult position) const override;
  Value read(OpBuilder &b, Location loc, ValueRange states,
             OpFoldResult length) const override;

private:
  static constexpr int64_t kLargest = 15;

  static std::pair<Value, Value> findParameters(OpBuilder &b, Location loc,
                                                Value halves);
  static Value encode(OpBuilder &b, Location loc, Value halves, Value scales,
                      Value minima);
};
} // namespace

/// The largest magnitude of each row over the largest code.
Value ByteFormat::findScales(OpBuilder &b, Location loc, Value rows) {
  Value largest = reduceRows(
      b, loc, rows, 0, [](OpBuilder &b, Location loc, ValueRange values) {
        Value magnitude = math::AbsFOp::create(b, loc, values[0]);
        return Value(arith::MaxNumFOp::create(b, loc, magnitude, values[1]));
      });
  int64_t rank = cast<RankedTensorType>(largest.getType()).getRank();
  return mapped(b, loc, largest, b.getMultiDimIdentityMap(rank),
                tensor::getMixedSizes(b, loc, largest), b.getF16Type(),
                [](OpBuilder &b, Location loc, ValueRange values) -> Value {
                  Value codes = arith::ConstantOp::create(
                      b, loc, b.getF32FloatAttr(kLargest));
                  Value scale = arith::DivFOp::create(b, loc, values[0], codes);
                  return arith::TruncFOp::create(b, loc, b.getF16Type(), scale);
                });
}

Value ByteFormat::encode(OpBuilder &b, Location loc, Value rows, Value scales) {
  int64_t rank = cast<RankedTensorType>(rows.getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  return mapped(b, loc, {rows, scales},
                {identity, identity.getMajorSubMap(rank - 1)},
                tensor::getMixedSizes(b, loc, rows), b.getI8Type(),
                [](OpBuilder &b, Location loc, ValueRange values) -> Value {
                  Value code = roundToCode(b, loc, values[0], values[1],
                                           -kLargest, kLargest);
                  return arith::TruncIOp::create(b, loc, b.getI8Type(), code);
                });
}

Value ByteFormat::read(OpBuilder &b, Location loc, ValueRange states,
                       OpFoldResult length) const {
  int64_t rank = cast<RankedTensorType>(states[0].getType()).getRank();
  Value codes = takeRows(b, loc, states[0], length, rank - 2);
  Value scales = takeRows(b, loc, states[1], length, rank - 2);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  return mapped(
      b, loc, {codes, scales}, {identity, identity.getMajorSubMap(rank - 1)},
      tensor::getMixedSizes(b, loc, codes), b.getF32Type(),
      [](OpBuilder &b, Location loc, ValueRange values) -> Value {
        Value wide = arith::ExtFOp::create(b, loc, b.getF32Type(), values[1]);
        Value number =
            arith::SIToFPOp::create(b, loc, b.getF32Type(), values[0]);
        return arith::MulFOp::create(b, loc, number, wide);
      });
}

/// Of each half: a fifteenth of its range, and its least number.
std::pair<Value, Value> NibbleFormat::findParameters(OpBuilder &b, Location loc,
                                                     Value halves) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Value least = reduceRows(
      b, loc, halves, kInfinity,
      [](OpBuilder &b, Location loc, ValueRange values) {
        return Value(arith::MinNumFOp::create(b, loc, values[0], values[1]));
      });
  Value largest = reduceRows(
      b, loc, halves, -kInfinity,
      [](OpBuilder &b, Location loc, ValueRange values) {
        return Value(arith::MaxNumFOp::create(b, loc, values[0], values[1]));
      });
  int64_t rank = cast<RankedTensorType>(least.getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, least);
  Value scales = mapped(
      b, loc, {least, largest}, {identity, identity}, sizes, b.getF16Type(),
      [](OpBuilder &b, Location loc, ValueRange values) -> Value {
        Value range = arith::SubFOp::create(b, loc, values[1], values[0]);
        Value steps =
            arith::ConstantOp::create(b, loc, b.getF32FloatAttr(kLargest));
        Value scale = arith::DivFOp::create(b, loc, range, steps);
        return arith::TruncFOp::create(b, loc, b.getF16Type(), scale);
      });
  return {scales, convertFloats(b, loc, least, b.getF16Type())};
}

/// One half of each row, or its parameter: element `half` of dimension `dim`.
static Value takeHalf(OpBuilder &b, Location loc, Value halves, int64_t dim,
                      int64_t half) {
  auto type = cast<RankedTensorType>(halves.getType());
  SmallVector<OpFoldResult> offsets = repeat(b, 0, type.getRank()),
                            sizes = tensor::getMixedSizes(b, loc, halves);
  offsets[dim] = b.getIndexAttr(half);
  sizes[dim] = b.getIndexAttr(1);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), halves,
                                        offsets, sizes,
                                        repeat(b, 1, type.getRank()));
}

/// Bytes from rows of two halves [..., 2, width / 2].
Value NibbleFormat::encode(OpBuilder &b, Location loc, Value halves,
                           Value scales, Value minima) {
  int64_t rank = cast<RankedTensorType>(halves.getType()).getRank() - 1;
  SmallVector<Value> inputs;
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap perRow = identity.getMajorSubMap(rank - 1);
  SmallVector<AffineMap> maps;
  for (int64_t half : {0, 1}) {
    inputs.append({takeHalf(b, loc, halves, rank - 1, half),
                   takeHalf(b, loc, scales, rank - 1, half),
                   takeHalf(b, loc, minima, rank - 1, half)});
    maps.append({identity, perRow, perRow});
  }
  return mapped(
      b, loc, inputs, maps, tensor::getMixedSizes(b, loc, inputs[0]),
      b.getI8Type(),
      [](OpBuilder &b, Location loc, ValueRange values) -> Value {
        auto code = [&](ValueRange half) {
          Value least = arith::ExtFOp::create(b, loc, b.getF32Type(), half[2]);
          Value above = arith::SubFOp::create(b, loc, half[0], least);
          return roundToCode(b, loc, above, half[1], 0, kLargest);
        };
        Value shift = arith::ConstantIntOp::create(b, loc, 4, 32);
        Value upper =
            arith::ShLIOp::create(b, loc, code(values.slice(3, 3)), shift);
        Value byte =
            arith::OrIOp::create(b, loc, upper, code(values.take_front(3)));
        return arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
      });
}

SmallVector<Value> NibbleFormat::insert(OpBuilder &b, Location loc, Value rows,
                                        ValueRange states,
                                        OpFoldResult position) const {
  Value floats = convertFloats(b, loc, rows, b.getF32Type());
  auto type = cast<RankedTensorType>(floats.getType());
  int64_t rank = type.getRank();
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i)
    groups.push_back({i});
  groups.back().push_back(rank);
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, floats);
  shape.back() /= 2;
  shape.insert(shape.end() - 1, 2);
  sizes.back() = b.getIndexAttr(shape.back());
  sizes.insert(sizes.end() - 1, b.getIndexAttr(2));
  Value halves = tensor::ExpandShapeOp::create(b, loc, type.clone(shape),
                                               floats, groups, sizes);
  auto [scales, minima] = findParameters(b, loc, halves);
  Value codes = encode(b, loc, halves, scales, minima);
  // One tensor first, so that the state is written once.
  sizes = tensor::getMixedSizes(b, loc, scales);
  sizes.back() = b.getIndexAttr(4);
  Value parameters = tensor::EmptyOp::create(b, loc, sizes, b.getF16Type());
  OpFoldResult start = b.getIndexAttr(0);
  parameters = insertRows(b, loc, scales, parameters, start, rank - 2);
  parameters = insertRows(b, loc, minima, parameters, start, rank - 2,
                          /*column=*/2);
  return {insertRows(b, loc, codes, states[0], position, rank - 2),
          insertRows(b, loc, parameters, states[1], position, rank - 2)};
}

/// Two parameters of each of the first `length` rows.
static Value takeParameters(OpBuilder &b, Location loc, Value state,
                            OpFoldResult length, int64_t first) {
  int64_t rank = cast<RankedTensorType>(state.getType()).getRank();
  SmallVector<OpFoldResult> offsets = repeat(b, 0, rank),
                            sizes = tensor::getMixedSizes(b, loc, state);
  offsets.back() = b.getIndexAttr(first);
  sizes[rank - 2] = length;
  sizes.back() = b.getIndexAttr(2);
  return tensor::ExtractSliceOp::create(b, loc, state, offsets, sizes,
                                        repeat(b, 1, rank));
}

Value NibbleFormat::read(OpBuilder &b, Location loc, ValueRange states,
                         OpFoldResult length) const {
  int64_t rank = cast<RankedTensorType>(states[0].getType()).getRank();
  Value codes = takeRows(b, loc, states[0], length, rank - 2);
  Value scales = takeParameters(b, loc, states[1], length, /*first=*/0);
  Value minima = takeParameters(b, loc, states[1], length, /*first=*/2);
  // [..., length, 2, width / 2], one half after the other.
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, codes);
  sizes.insert(sizes.end() - 1, b.getIndexAttr(2));
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  AffineMap perHalf = identity.getMajorSubMap(rank);
  Value halves = mapped(
      b, loc, {codes, scales, minima},
      {identity.dropResult(rank - 1), perHalf, perHalf}, sizes, b.getF32Type(),
      [&](OpBuilder &b, Location loc, ValueRange values) -> Value {
        Value half = linalg::IndexOp::create(b, loc, rank - 1);
        Value number = arith::IndexCastOp::create(b, loc, b.getI32Type(), half);
        auto constant = [&](int64_t value) {
          return arith::ConstantIntOp::create(b, loc, value, 32);
        };
        Value shift = arith::MulIOp::create(b, loc, number, constant(4));
        Value byte = arith::ExtUIOp::create(b, loc, b.getI32Type(), values[0]);
        Value shifted = arith::ShRUIOp::create(b, loc, byte, shift);
        Value code = arith::AndIOp::create(b, loc, shifted, constant(kLargest));
        auto widened = [&](Value half) -> Value {
          return arith::ExtFOp::create(b, loc, b.getF32Type(), half);
        };
        Value steps = arith::SIToFPOp::create(b, loc, b.getF32Type(), code);
        Value above = arith::MulFOp::create(b, loc, steps, widened(values[1]));
        return arith::AddFOp::create(b, loc, above, widened(values[2]));
      });
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i)
    groups.push_back({i});
  groups.back().push_back(rank);
  return tensor::CollapseShapeOp::create(b, loc, halves, groups);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

ArrayRef<StringLiteral> lowbit::getCacheFormatNames() {
  static constexpr StringLiteral kNames[] = {"f32", "f16", "int8", "int4"};
  return kNames;
}

std::unique_ptr<CacheFormat> lowbit::createCacheFormat(StringRef name) {
  if (name == "f32" || name == "f16")
    return std::make_unique<FloatFormat>(name == "f16");
  if (name == "int8")
    return std::make_unique<ByteFormat>();
  if (name == "int4")
    return std::make_unique<NibbleFormat>();
  return nullptr;
}
