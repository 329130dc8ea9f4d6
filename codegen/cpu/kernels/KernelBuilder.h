//===- KernelBuilder.h - the few idioms of kernel code ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Short names for index arithmetic, typed loads from byte buffers and vector
// arithmetic, so that kernels read like their description.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELBUILDER_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lowbit::cpu {

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  //===--- Types ----------------------------------------------------------===//
  mlir::VectorType vector(int64_t lanes, mlir::Type element) {
    return mlir::VectorType::get({lanes}, element);
  }
  mlir::VectorType bytes(int64_t count) { return vector(count, getI8Type()); }

  //===--- Indices --------------------------------------------------------===//
  Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(*this, value);
  }
  Value add(Value a, Value b) {
    return createOrFold<mlir::arith::AddIOp>(a, b);
  }
  Value add(Value a, int64_t b) { return b ? add(a, index(b)) : a; }
  Value sub(Value a, Value b) {
    return createOrFold<mlir::arith::SubIOp>(a, b);
  }
  Value mul(Value a, Value b) {
    return createOrFold<mlir::arith::MulIOp>(a, b);
  }
  Value mul(Value a, int64_t b) { return mul(a, index(b)); }
  Value div(Value a, int64_t b) {
    return createOrFold<mlir::arith::DivUIOp>(a, index(b));
  }
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value min(Value a, Value b) {
    return createOrFold<mlir::arith::MinSIOp>(a, b);
  }
  Value max(Value a, Value b) {
    return createOrFold<mlir::arith::MaxSIOp>(a, b);
  }

  //===--- Constants ------------------------------------------------------===//
  Value splat(mlir::VectorType type, int64_t value) {
    mlir::Attribute element = getIntegerAttr(type.getElementType(), value);
    return mlir::arith::ConstantOp::create(
        *this, mlir::DenseElementsAttr::get(type, element));
  }
  Value splat(mlir::VectorType type, double value) {
    mlir::Attribute element = getFloatAttr(type.getElementType(), value);
    return mlir::arith::ConstantOp::create(
        *this, mlir::DenseElementsAttr::get(type, element));
  }
  Value zero(mlir::Type type) {
    return mlir::arith::ConstantOp::create(*this, getZeroAttr(type));
  }

  //===--- Memory ---------------------------------------------------------===//
  /// Loads `type` from the bytes at `offset`.
  Value load(Value memory, Value offset, mlir::VectorType type) {
    int64_t count = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    Value raw =
        mlir::vector::LoadOp::create(*this, bytes(count), memory, offset);
    if (type.getElementType().isInteger(8))
      return raw;
    return mlir::vector::BitCastOp::create(*this, type, raw);
  }
  /// Stores `value` to the bytes at `offset`.
  void store(Value value, Value memory, Value offset) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    int64_t count = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    if (!type.getElementType().isInteger(8))
      value = mlir::vector::BitCastOp::create(*this, bytes(count), value);
    mlir::vector::StoreOp::create(*this, value, memory, offset);
  }
  /// Loads one `element` from the bytes at `offset` into every lane.
  Value loadSplat(Value memory, Value offset, mlir::Type element,
                  int64_t lanes) {
    Value scalar = mlir::vector::ExtractOp::create(
        *this, load(memory, offset, vector(1, element)), 0);
    return mlir::vector::BroadcastOp::create(*this, vector(lanes, element),
                                             scalar);
  }

  /// The first `count` lanes of `type` (all of them, if there are more) from
  /// element `offset` on; zero in the others. Without masks in the machine, a
  /// masked access is a branch for each lane, and is kept for what needs it.
  Value loadFirst(Value memory, Value offset, Value count,
                  mlir::VectorType type, bool hasMasks) {
    auto masked = [&]() -> Value {
      return mlir::vector::MaskedLoadOp::create(*this, type, memory,
                                                ValueRange{offset},
                                                mask(type, count), zero(type));
    };
    if (hasMasks)
      return masked();
    auto op = mlir::scf::IfOp::create(*this, type, hasAll(type, count),
                                      /*withElseRegion=*/true);
    InsertionGuard guard(*this);
    setInsertionPointToStart(op.thenBlock());
    Value whole = mlir::vector::LoadOp::create(*this, type, memory, offset);
    mlir::scf::YieldOp::create(*this, whole);
    setInsertionPointToStart(op.elseBlock());
    mlir::scf::YieldOp::create(*this, masked());
    return op.getResult(0);
  }
  /// Stores the first `count` lanes, in the same way.
  void storeFirst(Value value, Value memory, Value offset, Value count,
                  bool hasMasks) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    auto masked = [&] {
      mlir::vector::MaskedStoreOp::create(*this, memory, ValueRange{offset},
                                          mask(type, count), value);
    };
    if (hasMasks)
      return masked();
    auto op = mlir::scf::IfOp::create(*this, hasAll(type, count),
                                      /*withElseRegion=*/true);
    InsertionGuard guard(*this);
    setInsertionPointToStart(op.thenBlock());
    mlir::vector::StoreOp::create(*this, value, memory, offset);
    setInsertionPointToStart(op.elseBlock());
    masked();
  }

  //===--- Vectors --------------------------------------------------------===//
  Value bitcast(Value value, mlir::VectorType type) {
    if (value.getType() == type)
      return value;
    return mlir::vector::BitCastOp::create(*this, type, value);
  }
  Value broadcast(Value scalar, int64_t lanes) {
    return mlir::vector::BroadcastOp::create(
        *this, vector(lanes, scalar.getType()), scalar);
  }
  Value toFloat(Value value) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    return mlir::arith::SIToFPOp::create(*this, type.clone(getF32Type()),
                                         value);
  }
  /// Half precision to f32: by the machine's conversion (`hasHalf`), or in
  /// integer arithmetic, exactly. There, the exponent's bias is changed by a
  /// multiplication, which also normalizes subnormal numbers; infinities and
  /// NaN get the exponent that they have in f32.
  Value extendHalf(Value value, bool hasHalf) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    mlir::VectorType floats = type.clone(getF32Type());
    if (hasHalf)
      return mlir::arith::ExtFOp::create(*this, floats, value);
    mlir::VectorType words = type.clone(getI32Type());
    auto constant = [&](int64_t bits) { return splat(words, bits); };
    Value half = bitcast(value, type.clone(getI16Type()));
    Value bits = mlir::arith::ExtUIOp::create(*this, words, half);
    Value magnitude =
        mlir::arith::AndIOp::create(*this, bits, constant(0x7FFF));
    Value sign = shift(sub(bits, magnitude), 16);
    Value scaled =
        mulf(bitcast(shift(magnitude, 13), floats), splat(floats, 0x1p112));
    Value isFinite = mlir::arith::CmpIOp::create(
        *this, mlir::arith::CmpIPredicate::slt, magnitude, constant(0x7C00));
    Value exponent = mlir::arith::SelectOp::create(*this, isFinite, constant(0),
                                                   constant(0x7F800000));
    Value result =
        mlir::arith::OrIOp::create(*this, bitcast(scaled, words), sign);
    return bitcast(mlir::arith::OrIOp::create(*this, result, exponent), floats);
  }
  /// f32 rounded to half precision and back: by the machine's conversions
  /// (`hasHalf`), or in f32. There, 13 bits of the significand go, to nearest
  /// even; below the smallest normal half, a sum with 0.5 leaves multiples of
  /// 2^-24; what would be 2^16 is infinite.
  Value roundToHalf(Value value, bool hasHalf) {
    auto floats = mlir::cast<mlir::VectorType>(value.getType());
    if (hasHalf) {
      Value half = mlir::arith::TruncFOp::create(
          *this, floats.clone(getF16Type()), value);
      return mlir::arith::ExtFOp::create(*this, floats, half);
    }
    mlir::VectorType words = floats.clone(getI32Type());
    auto constant = [&](int64_t bits) { return splat(words, bits); };
    auto both = [&](Value a, int64_t b) -> Value {
      return mlir::arith::AndIOp::create(*this, a, constant(b));
    };
    auto choose = [&](Value bits, int64_t bound, Value below, Value above) {
      Value isBelow = mlir::arith::CmpIOp::create(
          *this, mlir::arith::CmpIPredicate::slt, bits, constant(bound));
      return mlir::arith::SelectOp::create(*this, isBelow, below, above)
          .getResult();
    };
    Value bits = bitcast(value, words), magnitude = both(bits, 0x7FFFFFFF);
    Value odd = both(shift(magnitude, -13), 1);
    Value normal = both(add(add(magnitude, constant(0xFFF)), odd), ~0x1FFF);
    normal = choose(normal, 0x47800000, normal, constant(0x7F800000));
    Value half = splat(floats, 0.5);
    Value small = mlir::arith::SubFOp::create(
        *this,
        mlir::arith::AddFOp::create(*this, bitcast(magnitude, floats), half),
        half);
    Value rounded =
        choose(magnitude, 0x38800000, bitcast(small, words), normal);
    Value sign = both(bits, int64_t(int32_t(0x80000000)));
    return bitcast(mlir::arith::OrIOp::create(*this, rounded, sign), floats);
  }
  /// Bits of a float of 8, 16 or 32 bits, as integer lanes, to f32, exactly.
  Value extendBits(Value bits, mlir::FloatType type, bool hasHalf) {
    auto lanes = mlir::cast<mlir::VectorType>(bits.getType());
    mlir::VectorType floats = lanes.clone(getF32Type());
    if (type.isF32())
      return bitcast(bits, floats);
    if (type.isF16())
      return extendHalf(bitcast(bits, lanes.clone(type)), hasHalf);
    mlir::VectorType words = lanes.clone(getI32Type());
    bits = mlir::arith::ExtUIOp::create(*this, words, bits);
    if (type.isBF16())
      return bitcast(shift(bits, 16), floats);
    return mlir::isa<mlir::Float8E8M0FNUType>(type) ? extendE8M0(bits)
                                                    : extendE4M3(bits);
  }
  /// 2^(code - 127). The code is the exponent of an f32, save for 0, which is
  /// subnormal there, and 255, which is NaN here.
  Value extendE8M0(Value code) {
    auto words = mlir::cast<mlir::VectorType>(code.getType());
    Value isSpecial = mlir::arith::CmpIOp::create(
        *this, mlir::arith::CmpIPredicate::uge,
        sub(code, splat(words, int64_t(1))), splat(words, int64_t(254)));
    Value fraction = mlir::arith::SelectOp::create(
        *this, isSpecial, splat(words, int64_t(0x400000)), zero(words));
    Value bits = mlir::arith::OrIOp::create(*this, shift(code, 23), fraction);
    return bitcast(bits, words.clone(getF32Type()));
  }
  /// Sign, 4 bits of exponent, 3 of mantissa; all ones is NaN. A multiplication
  /// changes the exponent's bias, as above.
  Value extendE4M3(Value code) {
    auto words = mlir::cast<mlir::VectorType>(code.getType());
    mlir::VectorType floats = words.clone(getF32Type());
    Value magnitude =
        mlir::arith::AndIOp::create(*this, code, splat(words, int64_t(0x7F)));
    Value sign = shift(sub(code, magnitude), 24);
    Value scaled =
        mulf(bitcast(shift(magnitude, 20), floats), splat(floats, 0x1p120));
    Value isNaN =
        mlir::arith::CmpIOp::create(*this, mlir::arith::CmpIPredicate::eq,
                                    magnitude, splat(words, int64_t(0x7F)));
    Value special = mlir::arith::SelectOp::create(
        *this, isNaN, splat(words, int64_t(0x7FC00000)), zero(words));
    Value bits =
        mlir::arith::OrIOp::create(*this, bitcast(scaled, words), sign);
    return bitcast(mlir::arith::OrIOp::create(*this, bits, special), floats);
  }

  //===--- Tables ---------------------------------------------------------===//
  /// `numbers` as a constant of the module that is built in.
  Value table(llvm::ArrayRef<float> numbers) {
    return constant(mlir::DenseElementsAttr::get(
        mlir::RankedTensorType::get({int64_t(numbers.size())}, getF32Type()),
        numbers));
  }
  Value table(llvm::ArrayRef<int32_t> words) {
    return constant(mlir::DenseElementsAttr::get(
        mlir::RankedTensorType::get({int64_t(words.size())}, getI32Type()),
        words));
  }
  /// The numbers or words at `indices`, 32-bit lanes.
  template <typename Number>
  Value gather(llvm::ArrayRef<Number> numbers, Value indices) {
    auto type = mlir::cast<mlir::VectorType>(indices.getType());
    Value memory = table(numbers);
    mlir::VectorType result = type.clone(
        mlir::cast<mlir::MemRefType>(memory.getType()).getElementType());
    Value all = mlir::arith::ConstantOp::create(
        *this, mlir::DenseElementsAttr::get(type.clone(getI1Type()), true));
    return mlir::vector::GatherOp::create(*this, result, memory,
                                          ValueRange{index(0)}, indices, all,
                                          zero(result));
  }
  Value mulf(Value a, Value b) {
    return mlir::arith::MulFOp::create(*this, a, b);
  }
  Value fma(Value a, Value b, Value c) {
    return mlir::vector::FMAOp::create(*this, a, b, c);
  }
  /// Products of signed words, of which neighbours are added in 32 bits: what
  /// `lowbit-lower-dot4` makes one instruction of.
  Value dotPairs(Value a, Value b) {
    auto type = mlir::cast<mlir::VectorType>(a.getType());
    mlir::VectorType wide = type.clone(getI32Type());
    Value products = mlir::arith::MulIOp::create(
        *this, mlir::arith::ExtSIOp::create(*this, wide, a),
        mlir::arith::ExtSIOp::create(*this, wide, b));
    auto parts = mlir::vector::DeinterleaveOp::create(*this, products);
    return add(parts.getRes1(), parts.getRes2());
  }
  /// value & mask, or value itself where the mask keeps everything.
  Value maskBytes(Value value, unsigned mask) {
    if (mask == 0xFF)
      return value;
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    return mlir::arith::AndIOp::create(
        *this, value,
        splat(type, static_cast<int64_t>(static_cast<int8_t>(mask))));
  }
  /// Shifts integer lanes: left by `amount`, or arithmetically right by
  /// -`amount`.
  Value shift(Value value, int amount) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    if (amount == 0)
      return value;
    Value count =
        splat(type, static_cast<int64_t>(amount > 0 ? amount : -amount));
    if (amount > 0)
      return mlir::arith::ShLIOp::create(*this, value, count);
    return mlir::arith::ShRSIOp::create(*this, value, count);
  }
  /// Bytes shifted right in pairs, by one instruction: above what is left of a
  /// byte there are bits of its neighbour.
  Value shiftPairs(Value value, unsigned count) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    mlir::VectorType pairs = vector(type.getNumElements() / 2, getI16Type());
    Value words = mlir::arith::ShRUIOp::create(*this, bitcast(value, pairs),
                                               splat(pairs, int64_t(count)));
    return bitcast(words, type);
  }
  /// Bits [shift, shift + width) of each byte, moved to bit `to` and masked.
  Value extractBits(Value value, unsigned shift, unsigned width,
                    unsigned to = 0) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    if (shift > to)
      value = mlir::arith::ShRUIOp::create(*this, value,
                                           splat(type, int64_t(shift - to)));
    if (shift < to)
      value = mlir::arith::ShLIOp::create(*this, value,
                                          splat(type, int64_t(to - shift)));
    // Bits that a shift moves out of the byte need no mask.
    if (shift >= to && shift + width == 8 && to == 0)
      return value;
    return maskBytes(value, ((1u << width) - 1) << to);
  }

  /// The same by a shift of pairs of bytes and a mask. Of shifts of bytes LLVM
  /// makes products of bit matrices, where the machine has them.
  Value extractBitsOfPairs(Value value, unsigned shift, unsigned width,
                           unsigned to) {
    auto type = mlir::cast<mlir::VectorType>(value.getType());
    if (shift > to) {
      value = shiftPairs(value, shift - to);
    } else if (shift < to) {
      mlir::VectorType pairs = vector(type.getNumElements() / 2, getI16Type());
      value = bitcast(this->shift(bitcast(value, pairs), to - shift), type);
    }
    return maskBytes(value, ((1u << width) - 1) << to);
  }

  //===--- Loops ----------------------------------------------------------===//
  /// A loop that carries `init`; `body` returns the next values.
  llvm::SmallVector<Value>
  loop(Value begin, Value end, int64_t step, ValueRange init,
       llvm::function_ref<llvm::SmallVector<Value>(Value, ValueRange)> body) {
    auto op = mlir::scf::ForOp::create(*this, begin, end, index(step), init);
    InsertionGuard guard(*this);
    setInsertionPointToStart(op.getBody());
    llvm::SmallVector<Value> next =
        body(op.getInductionVar(), op.getRegionIterArgs());
    // A loop without carried values has its terminator already.
    if (!init.empty())
      mlir::scf::YieldOp::create(*this, next);
    return llvm::SmallVector<Value>(op.getResults());
  }

private:
  Value constant(mlir::DenseElementsAttr numbers);
  Value mask(mlir::VectorType type, Value count) {
    return mlir::vector::CreateMaskOp::create(*this, type.clone(getI1Type()),
                                              ValueRange{count});
  }
  Value hasAll(mlir::VectorType type, Value count) {
    return mlir::arith::CmpIOp::create(*this, mlir::arith::CmpIPredicate::sge,
                                       count, index(type.getNumElements()));
  }
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELBUILDER_H
