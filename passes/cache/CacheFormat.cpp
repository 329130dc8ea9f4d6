//===- CacheFormat.cpp - how a KV cache stores its rows -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything is linalg, so that each target fuses the reading of a cache into
// its attention, and a compiler that knows nothing of caches still runs it.
//
//===----------------------------------------------------------------------===//

#include "CacheFormat.h"

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
static Value insertRows(OpBuilder &b, Location loc, Value rows, Value state,
                        OpFoldResult position, int64_t rowDim) {
  int64_t rank = cast<RankedTensorType>(state.getType()).getRank();
  SmallVector<OpFoldResult> offsets = repeat(b, 0, rank);
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

/// A float in another float type.
static Value converted(OpBuilder &b, Location loc, Value number, Type type) {
  unsigned from = number.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (from == to)
    return number;
  return from < to ? Value(arith::ExtFOp::create(b, loc, type, number))
                   : Value(arith::TruncFOp::create(b, loc, type, number));
}

/// The tensor in another float type.
static Value convertedRows(OpBuilder &b, Location loc, Value rows, Type type) {
  auto old = cast<RankedTensorType>(rows.getType());
  if (old.getElementType() == type)
    return rows;
  return mapped(b, loc, rows, b.getMultiDimIdentityMap(old.getRank()),
                tensor::getMixedSizes(b, loc, rows), type,
                [&](OpBuilder &b, Location loc, ValueRange values) {
                  return converted(b, loc, values[0], type);
                });
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
    Value stored = convertedRows(b, loc, rows, getElement(b.getContext()));
    return {insertRows(b, loc, stored, states[0], position, rank - 2)};
  }

  Value read(OpBuilder &b, Location loc, ValueRange states,
             OpFoldResult length) const override {
    int64_t rank = cast<RankedTensorType>(states[0].getType()).getRank();
    return convertedRows(b, loc, takeRows(b, loc, states[0], length, rank - 2),
                         b.getF32Type());
  }

private:
  Type getElement(MLIRContext *context) const {
    return isHalf ? Type(Float16Type::get(context))
                  : Type(Float32Type::get(context));
  }

  bool isHalf;
};

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// Codes with a scale for each row. Codes of 4 bits lie two in a byte: code j
/// of a row beside code j + width / 2, so that both halves are vectors.
class IntegerFormat : public CacheFormat {
public:
  explicit IntegerFormat(int64_t bits) : bits(bits) {}

  std::optional<std::string> refuses(int64_t width) const override {
    if (width % getCodesPerByte() == 0)
      return std::nullopt;
    return "requires rows of an even number of numbers, found " +
           std::to_string(width);
  }

  SmallVector<CacheState> getStates(RankedTensorType rows) const override {
    SmallVector<int64_t> shape(rows.getShape());
    MLIRContext *context = rows.getContext();
    auto scales = RankedTensorType::get(ArrayRef(shape).drop_back(),
                                        Float16Type::get(context));
    shape.back() /= getCodesPerByte();
    return {{"", RankedTensorType::get(shape, IntegerType::get(context, 8))},
            {".scale", scales}};
  }

  SmallVector<Value> insert(OpBuilder &b, Location loc, Value rows,
                            ValueRange states,
                            OpFoldResult position) const override {
    Value floats = convertedRows(b, loc, rows, b.getF32Type());
    int64_t rank = cast<RankedTensorType>(rows.getType()).getRank();
    Value scales = findScales(b, loc, floats);
    Value codes = encode(b, loc, floats, scales);
    return {insertRows(b, loc, codes, states[0], position, rank - 2),
            insertRows(b, loc, scales, states[1], position, rank - 2)};
  }

  Value read(OpBuilder &b, Location loc, ValueRange states,
             OpFoldResult length) const override;

private:
  int64_t getCodesPerByte() const { return 8 / bits; }
  int64_t getLargest() const { return (1 << (bits - 1)) - 1; }
  Value findScales(OpBuilder &b, Location loc, Value rows) const;
  Value encode(OpBuilder &b, Location loc, Value rows, Value scales) const;
  Value encodeNumber(OpBuilder &b, Location loc, Value number,
                     Value scale) const;

  int64_t bits;
};
} // namespace

/// The largest magnitude of each row over the largest code.
Value IntegerFormat::findScales(OpBuilder &b, Location loc, Value rows) const {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  sizes.pop_back();
  int64_t rank = sizes.size() + 1;
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value start = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  Value largest =
      linalg::GenericOp::create(
          b, loc, start.getType(), rows, start,
          ArrayRef{identity, identity.getMajorSubMap(rank - 1)}, iterators,
          [](OpBuilder &b, Location loc, ValueRange values) {
            Value magnitude = math::AbsFOp::create(b, loc, values[0]);
            Value larger =
                arith::MaxNumFOp::create(b, loc, magnitude, values[1]);
            linalg::YieldOp::create(b, loc, larger);
          })
          .getResult(0);
  return mapped(b, loc, largest, b.getMultiDimIdentityMap(rank - 1), sizes,
                b.getF16Type(),
                [&](OpBuilder &b, Location loc, ValueRange values) -> Value {
                  Value codes = arith::ConstantOp::create(
                      b, loc, b.getF32FloatAttr(getLargest()));
                  Value scale = arith::DivFOp::create(b, loc, values[0], codes);
                  return arith::TruncFOp::create(b, loc, b.getF16Type(), scale);
                });
}

/// The code of a number as an i32; 0 where the scale is 0.
Value IntegerFormat::encodeNumber(OpBuilder &b, Location loc, Value number,
                                  Value scale) const {
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
  Value upper = arith::MinNumFOp::create(b, loc, rounded, limit(getLargest()));
  Value lower = arith::MaxNumFOp::create(b, loc, upper, limit(-getLargest()));
  return arith::FPToSIOp::create(b, loc, b.getI32Type(), lower);
}

Value IntegerFormat::encode(OpBuilder &b, Location loc, Value rows,
                            Value scales) const {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  int64_t rank = sizes.size();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap perRow = identity.getMajorSubMap(rank - 1);
  if (bits == 8)
    return mapped(b, loc, {rows, scales}, {identity, perRow}, sizes,
                  b.getI8Type(),
                  [&](OpBuilder &b, Location loc, ValueRange values) -> Value {
                    return arith::TruncIOp::create(
                        b, loc, b.getI8Type(),
                        encodeNumber(b, loc, values[0], values[1]));
                  });
  int64_t half = cast<RankedTensorType>(rows.getType()).getShape().back() / 2;
  sizes.back() = b.getIndexAttr(half);
  SmallVector<OpFoldResult> offsets = repeat(b, 0, rank);
  Value low = tensor::ExtractSliceOp::create(b, loc, rows, offsets, sizes,
                                             repeat(b, 1, rank));
  offsets.back() = b.getIndexAttr(half);
  Value high = tensor::ExtractSliceOp::create(b, loc, rows, offsets, sizes,
                                              repeat(b, 1, rank));
  // Codes above -8: what is left of a byte needs no extension of signs.
  return mapped(b, loc, {low, high, scales}, {identity, identity, perRow},
                sizes, b.getI8Type(),
                [&](OpBuilder &b, Location loc, ValueRange values) -> Value {
                  auto code = [&](Value number) -> Value {
                    Value bias = arith::ConstantIntOp::create(b, loc, 8, 32);
                    return arith::AddIOp::create(
                        b, loc, encodeNumber(b, loc, number, values[2]), bias);
                  };
                  Value shift = arith::ConstantIntOp::create(b, loc, 4, 32);
                  Value upper =
                      arith::ShLIOp::create(b, loc, code(values[1]), shift);
                  Value byte =
                      arith::OrIOp::create(b, loc, upper, code(values[0]));
                  return arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
                });
}

Value IntegerFormat::read(OpBuilder &b, Location loc, ValueRange states,
                          OpFoldResult length) const {
  int64_t rank = cast<RankedTensorType>(states[0].getType()).getRank();
  Value codes = takeRows(b, loc, states[0], length, rank - 2);
  Value scales = takeRows(b, loc, states[1], length, rank - 2);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, codes);
  auto decode = [&](OpBuilder &b, Location loc, Value code, Value scale) {
    Value wide = arith::ExtFOp::create(b, loc, b.getF32Type(), scale);
    Value number = arith::SIToFPOp::create(b, loc, b.getF32Type(), code);
    return arith::MulFOp::create(b, loc, number, wide);
  };
  if (bits == 8) {
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    return mapped(b, loc, {codes, scales},
                  {identity, identity.getMajorSubMap(rank - 1)}, sizes,
                  b.getF32Type(),
                  [&](OpBuilder &b, Location loc, ValueRange values) {
                    return decode(b, loc, values[0], values[1]);
                  });
  }
  // [..., length, 2, width / 2], one half after the other.
  sizes.insert(sizes.end() - 1, b.getIndexAttr(2));
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1);
  AffineMap perByte = identity.dropResult(rank - 1);
  Value halves = mapped(
      b, loc, {codes, scales}, {perByte, identity.getMajorSubMap(rank - 1)},
      sizes, b.getF32Type(),
      [&](OpBuilder &b, Location loc, ValueRange values) -> Value {
        Value half = linalg::IndexOp::create(b, loc, rank - 1);
        Value number = arith::IndexCastOp::create(b, loc, b.getI32Type(), half);
        auto constant = [&](int64_t value) {
          return arith::ConstantIntOp::create(b, loc, value, 32);
        };
        Value shift = arith::MulIOp::create(b, loc, number, constant(4));
        Value byte = arith::ExtUIOp::create(b, loc, b.getI32Type(), values[0]);
        Value shifted = arith::ShRUIOp::create(b, loc, byte, shift);
        Value code = arith::AndIOp::create(b, loc, shifted, constant(15));
        return decode(b, loc, arith::SubIOp::create(b, loc, code, constant(8)),
                      values[1]);
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
  if (name == "int8" || name == "int4")
    return std::make_unique<IntegerFormat>(name == "int8" ? 8 : 4);
  return nullptr;
}
