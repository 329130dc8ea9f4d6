//===- ByteLookup.cpp - tables of bytes on each target --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteLookup.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace lowbit;

namespace {

using Bytes = ArrayRef<int8_t>;

/// A long table stays in memory, as words, of which each lane of four bytes
/// loads four.
static Value loadBytes(RewriterBase &rewriter, LutOp op) {
  cpu::KernelBuilder b(op.getLoc(), rewriter);
  VectorType type = op.getType();
  VectorType words = b.vector(type.getNumElements() / 4, b.getI32Type());
  SmallVector<int32_t> table;
  for (int8_t byte : op.getTable())
    table.push_back(uint8_t(byte));
  int64_t most = table.size() - 1;
  Value lower = b.bitcast(op.getIndices(), words), result;
  Value upper = op.getUpper() ? b.bitcast(op.getUpper(), words) : Value();
  auto getByte = [&](Value lanes, int64_t place, int64_t mask) -> Value {
    Value moved =
        arith::ShRUIOp::create(b, lanes, b.splat(words, int64_t(8 * place)));
    return arith::AndIOp::create(b, moved, b.splat(words, mask));
  };
  for (int64_t place = 0; place < 4; ++place) {
    Value index = getByte(lower, place, most & 0xFF);
    if (upper)
      index = arith::OrIOp::create(
          b, index, b.shift(getByte(upper, place, most >> 8), 8));
    Value byte = b.shift(b.gather(ArrayRef<int32_t>(table), index), 8 * place);
    result = result ? arith::OrIOp::create(b, result, byte).getResult() : byte;
  }
  return b.bitcast(result, type);
}

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

/// Cuts a table into parts that the machine looks up, and selects among what
/// they give by the index's bits above.
class PermutedLookup : public ByteLookup {
public:
  using ByteLookup::lower;
  Value lower(RewriterBase &rewriter, LutOp op) const override {
    if (int64_t(op.getTable().size()) > getLongest())
      return loadBytes(rewriter, op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    return lookUp(b, {op.getIndices(), op.getUpper()}, op.getTable());
  }

protected:
  /// The longest table that is not left in memory.
  virtual int64_t getLongest() const { return 256; }
  /// The longest table that `lookUpPart` takes for indices of `bytes` bytes.
  virtual int64_t getPartSize(int64_t bytes) const = 0;
  virtual Value lookUpPart(ImplicitLocOpBuilder &b, Value indices,
                           Bytes part) const = 0;

  static Value call(ImplicitLocOpBuilder &b, StringRef name,
                    ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, operands.front().getType(),
                                         b.getStringAttr(name), operands)
        .getResult(0);
  }
  /// A register of `bytes` bytes with as many copies of `part` as it holds.
  static Value repeat(ImplicitLocOpBuilder &b, Bytes part, int64_t bytes) {
    SmallVector<int8_t> all;
    for (int64_t i = 0; i < bytes; ++i)
      all.push_back(part[i % part.size()]);
    auto type = VectorType::get({bytes}, b.getI8Type());
    return arith::ConstantOp::create(b,
                                     DenseElementsAttr::get(type, Bytes(all)));
  }
  static Value maskIndices(ImplicitLocOpBuilder &b, Value indices,
                           int8_t mask) {
    auto type = cast<VectorType>(indices.getType());
    return arith::AndIOp::create(
        b, indices,
        arith::ConstantOp::create(b, DenseElementsAttr::get(type, mask)));
  }

private:
  /// Bytes of an index; the second may be missing.
  struct Indices {
    Value lower, upper;
  };
  Value lookUp(ImplicitLocOpBuilder &b, Indices indices, Bytes table) const {
    auto type = cast<VectorType>(indices.lower.getType());
    int64_t size = table.size();
    if (size <= getPartSize(type.getNumElements()))
      return lookUpPart(b, indices.lower, table);
    // First, so that the last look-up may overwrite the index.
    unsigned bit = llvm::Log2_64(size / 2);
    Value isHigh = testBit(b, bit < 8 ? indices.lower : indices.upper, bit % 8);
    Bytes front = table.take_front(size / 2), back = table.drop_front(size / 2);
    Value low = lookUp(b, indices, front), high;
    // Floats have a sign on top, which needs no table.
    if (llvm::equal(front, back, [](int8_t x, int8_t y) {
          return static_cast<int8_t>(-x) == y;
        }))
      high = arith::SubIOp::create(
          b, arith::ConstantOp::create(b, b.getZeroAttr(type)), low);
    else
      high = lookUp(b, indices, back);
    return arith::SelectOp::create(b, isHigh, high, low);
  }
  /// Bit `bit` of each byte, as a comparison of the byte's sign. Shifts of 16
  /// bits do: what they move in from the neighbour stays below the sign.
  static Value testBit(ImplicitLocOpBuilder &b, Value indices, unsigned bit) {
    auto type = cast<VectorType>(indices.getType());
    if (bit < 7) {
      auto pairs = VectorType::get({type.getNumElements() / 2}, b.getI16Type());
      Value words = vector::BitCastOp::create(b, pairs, indices);
      Value count = arith::ConstantOp::create(
          b, DenseElementsAttr::get(pairs, b.getI16IntegerAttr(7 - bit)));
      words = arith::ShLIOp::create(b, words, count);
      indices = vector::BitCastOp::create(b, type, words);
    }
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, indices, zero);
  }
};

/// vpermb ignores what is above 6 bits of an index, vpermi2b above 7.
class VBMI : public PermutedLookup {
  int64_t getLongest() const override { return 4096; }
  int64_t getPartSize(int64_t) const override { return 128; }
  Value lookUpPart(ImplicitLocOpBuilder &b, Value indices,
                   Bytes part) const override {
    constexpr int64_t bytes = 64;
    if (part.size() <= bytes)
      return call(b, "llvm.x86.avx512.permvar.qi.512",
                  {repeat(b, part, bytes), indices});
    return call(b, "llvm.x86.avx512.vpermi2var.qi.512",
                {repeat(b, part.take_front(bytes), bytes), indices,
                 repeat(b, part.drop_front(bytes), bytes)});
  }

public:
  using PermutedLookup::lower;
  /// vpmultishiftqb takes any eight bits of a quadword for each of its bytes.
  /// vpermb collects two bytes of each stream there, which hold the windows of
  /// both lanes; where they don't, each lane has a quadword of its own.
  Value lower(RewriterBase &rewriter, WindowsOp op) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (op.getStreams().getType() != op.getType() ||
        op.getType().getNumElements() != 64)
      return ByteLookup::lower(rewriter, op);
    ArrayRef<int32_t> starts = op.getStarts();
    SmallVector<int32_t> pairs;
    bool isShared = true;
    for (size_t i = 0; i < starts.size(); i += 2) {
      auto [least, most] = std::minmax(starts[i], starts[i + 1]);
      isShared &= (most + 7) / 8 - least / 8 <= 1;
      pairs.append(2, least / 8);
    }
    if (isShared)
      return shift(b, op.getStreams(), starts, pairs);
    SmallVector<int32_t> even, odd;
    for (size_t i = 0; i < starts.size(); i += 2) {
      even.append(2, starts[i] / 8);
      odd.append(2, starts[i + 1] / 8);
    }
    VectorType words =
        VectorType::get({int64_t(starts.size())}, b.getI32Type());
    auto shifted = [&](ArrayRef<int32_t> bytes) {
      return vector::BitCastOp::create(
          b, words, shift(b, op.getStreams(), starts, bytes));
    };
    Value first = shifted(even), second = shifted(odd);
    SmallVector<int64_t> alternate;
    for (int64_t i = 0; i < words.getNumElements(); ++i)
      alternate.push_back(i % 2 ? i + words.getNumElements() : i);
    Value lanes = vector::ShuffleOp::create(b, first, second, alternate);
    return vector::BitCastOp::create(b, op.getType(), lanes);
  }

private:
  /// The windows from `starts`, of which those of a lane are in the bytes
  /// `firsts` and `firsts` + 1 of each stream; lanes in pairs have the same.
  static Value shift(ImplicitLocOpBuilder &b, Value streams,
                     ArrayRef<int32_t> starts, ArrayRef<int32_t> firsts) {
    SmallVector<int8_t> places, shifts;
    for (size_t lane = 0; lane < starts.size(); ++lane)
      for (int stream = 0; stream < 4; ++stream) {
        // The two lanes of a quadword hold two streams' bytes each.
        int held = 2 * (lane % 2) + stream / 2;
        int byte = std::min(firsts[lane] + stream % 2, 15);
        places.push_back(static_cast<int8_t>(4 * byte + held));
        int shift = 16 * stream + starts[lane] - 8 * firsts[lane];
        shifts.push_back(static_cast<int8_t>(shift & 63));
      }
    Value collected = call(b, "llvm.x86.avx512.permvar.qi.512",
                           {streams, repeat(b, places, 64)});
    return call(b, "llvm.x86.avx512.pmultishift.qb.512",
                {repeat(b, shifts, 64), collected});
  }
};

/// vpshufb ignores bits 4 to 6 of an index; bit 7 gives 0.
class Shuffle : public PermutedLookup {
  int64_t getPartSize(int64_t) const override { return 16; }
  Value lookUpPart(ImplicitLocOpBuilder &b, Value indices,
                   Bytes part) const override {
    int64_t bytes = cast<VectorType>(indices.getType()).getNumElements();
    const char *name = bytes == 64   ? "llvm.x86.avx512.pshuf.b.512"
                       : bytes == 32 ? "llvm.x86.avx2.pshuf.b"
                                     : "llvm.x86.ssse3.pshuf.b.128";
    return call(b, name,
                {repeat(b, part, bytes), maskIndices(b, indices, 0x0F)});
  }
};

/// tbl gives 0 for an index beyond its registers.
class Neon : public PermutedLookup {
  int64_t getPartSize(int64_t) const override { return 64; }
  Value lookUpPart(ImplicitLocOpBuilder &b, Value indices,
                   Bytes part) const override {
    constexpr int64_t bytes = 16;
    SmallVector<Value> operands;
    if (part.size() <= bytes)
      operands.push_back(repeat(b, part, bytes));
    else
      for (size_t i = 0; i < part.size(); i += bytes)
        operands.push_back(repeat(b, part.slice(i, bytes), bytes));
    std::string name =
        "llvm.aarch64.neon.tbl" + std::to_string(operands.size()) + ".v16i8";
    operands.push_back(
        maskIndices(b, indices, int8_t(operands.size() * bytes - 1)));
    return call(b, name, operands);
  }
};

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

class Portable : public ByteLookup {
public:
  using ByteLookup::lower;

private:
  /// The table as a constant of the module, shared by all that look it up.
  static memref::GlobalOp getGlobal(RewriterBase &rewriter, LutOp op) {
    auto module = op->getParentOfType<ModuleOp>();
    Bytes table = op.getTable();
    ArrayRef<uint8_t> raw(reinterpret_cast<const uint8_t *>(table.data()),
                          table.size());
    std::string name = "lowbit_bytes_" + llvm::utohexstr(llvm::xxh3_64bits(raw),
                                                         /*LowerCase=*/true);
    if (auto existing = module.lookupSymbol<memref::GlobalOp>(name))
      return existing;
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(module.getBody());
    auto type =
        RankedTensorType::get({int64_t(table.size())}, rewriter.getI8Type());
    return memref::GlobalOp::create(
        rewriter, op.getLoc(), name, rewriter.getStringAttr("private"),
        MemRefType::get(type.getShape(), type.getElementType()),
        DenseElementsAttr::get(type, table), /*constant=*/true,
        /*alignment=*/IntegerAttr());
  }

  Value lower(RewriterBase &rewriter, LutOp op) const override {
    memref::GlobalOp global = getGlobal(rewriter, op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value table =
        memref::GetGlobalOp::create(b, global.getType(), global.getSymName());
    VectorType type = op.getType();
    VectorType wide = type.clone(b.getI16Type());
    Value indices = arith::ExtUIOp::create(b, wide, op.getIndices());
    if (op.getUpper()) {
      Value eight = arith::ConstantOp::create(
          b, DenseElementsAttr::get(wide, int16_t(8)));
      Value upper = arith::ExtUIOp::create(b, wide, op.getUpper());
      indices = arith::OrIOp::create(b, indices,
                                     arith::ShLIOp::create(b, upper, eight));
    }
    Value mask = arith::ConstantOp::create(
        b, DenseElementsAttr::get(wide, int16_t(op.getTable().size() - 1)));
    indices = arith::AndIOp::create(b, indices, mask);
    Value result = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      Value index = arith::IndexCastUIOp::create(
          b, b.getIndexType(), vector::ExtractOp::create(b, indices, i));
      result = vector::InsertOp::create(
          b, memref::LoadOp::create(b, table, index), result, i);
    }
    return result;
  }
};

} // namespace

/// Byte s / 8 of each stream and the one after it, shifted to where the window
/// needs them: all streams of a lane in the same way.
Value ByteLookup::lower(RewriterBase &rewriter, WindowsOp op) const {
  cpu::KernelBuilder b(op.getLoc(), rewriter);
  ArrayRef<int32_t> starts = op.getStarts();
  int64_t count = starts.size();
  VectorType words = b.vector(count, b.getI32Type());
  int64_t all = op.getStreams().getType().getNumElements() / 4;
  Value streams = b.bitcast(op.getStreams(), b.vector(all, b.getI32Type()));
  SmallVector<int64_t> here, next;
  SmallVector<int32_t> down, up, lowMask, highMask;
  for (int32_t start : starts) {
    here.push_back(start / 8);
    next.push_back(std::min<int64_t>(start / 8 + 1, all - 1));
    down.push_back(start % 8);
    up.push_back(8 - start % 8);
    lowMask.push_back(int32_t((0xFFu >> start % 8) * 0x01010101u));
    highMask.push_back(~lowMask.back());
  }
  auto constant = [&](ArrayRef<int32_t> lanes) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(words, lanes));
  };
  auto shuffle = [&](ArrayRef<int64_t> lanes) -> Value {
    return vector::ShuffleOp::create(b, streams, streams, lanes);
  };
  Value low = shuffle(here);
  if (llvm::all_of(down, [](int32_t bits) { return bits == 0; }))
    return b.bitcast(low, op.getType());
  low = arith::AndIOp::create(b, arith::ShRUIOp::create(b, low, constant(down)),
                              constant(lowMask));
  Value high = arith::AndIOp::create(
      b, arith::ShLIOp::create(b, shuffle(next), constant(up)),
      constant(highMask));
  return b.bitcast(arith::OrIOp::create(b, low, high), op.getType());
}

template <typename Form> static const ByteLookup &getInstance() {
  static const Form instance;
  return instance;
}

const ByteLookup &lowbit::getVBMILookup() { return getInstance<VBMI>(); }
const ByteLookup &lowbit::getShuffleLookup() { return getInstance<Shuffle>(); }
const ByteLookup &lowbit::getNeonLookup() { return getInstance<Neon>(); }
const ByteLookup &lowbit::getPortableLookup() {
  return getInstance<Portable>();
}
