//===- ByteLookup.cpp - tables of bytes on each target --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "PermutedLookup.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace lowbit;

namespace {

using Bytes = ArrayRef<int8_t>;

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

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
  Value lookUpTable(ImplicitLocOpBuilder &b, Value indices,
                    Value table) const override {
    constexpr int64_t bytes = 64;
    int64_t size = cast<VectorType>(table.getType()).getNumElements();
    if (size <= bytes)
      return call(b, "llvm.x86.avx512.permvar.qi.512",
                  {takeTable(b, table, 0, size, bytes), indices});
    return call(b, "llvm.x86.avx512.vpermi2var.qi.512",
                {takeTable(b, table, 0, bytes, bytes), indices,
                 takeTable(b, table, bytes, bytes, bytes)});
  }
  /// gf2p8affineqb multiplies bytes by a matrix of bits, whose rows say which
  /// bits of the byte are added up, that of the top bit first.
  Value hash(ImplicitLocOpBuilder &b, Indices indices,
             ArrayRef<uint16_t> images, unsigned first) const override {
    Value result;
    for (size_t bit = 0; bit < images.size(); bit += 8) {
      SmallVector<int8_t> matrix(8);
      for (size_t j = bit; j < std::min(bit + 8, images.size()); ++j)
        for (unsigned i = 0; i < 8; ++i)
          if (images[j] >> (first + i) & 1)
            matrix[7 - i] |= static_cast<int8_t>(1u << (j - bit));
      Value none = arith::ConstantOp::create(b, b.getI8IntegerAttr(0));
      Value part = call(
          b, "llvm.x86.vgf2p8affineqb.512",
          {bit ? indices.upper : indices.lower, repeat(b, matrix, 64), none});
      result =
          result ? arith::XOrIOp::create(b, result, part).getResult() : part;
    }
    return result;
  }

public:
  using PermutedLookup::lower;
  bool movesBits() const override { return true; }
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
    return permute(b, repeat(b, part, bytes), maskIndices(b, indices, 0x0F));
  }
  virtual Value permute(ImplicitLocOpBuilder &b, Value table,
                        Value indices) const {
    int64_t bytes = cast<VectorType>(indices.getType()).getNumElements();
    const char *name = bytes == 64   ? "llvm.x86.avx512.pshuf.b.512"
                       : bytes == 32 ? "llvm.x86.avx2.pshuf.b"
                                     : "llvm.x86.ssse3.pshuf.b.128";
    return call(b, name, {table, indices});
  }
  Value lookUpTable(ImplicitLocOpBuilder &b, Value indices,
                    Value table) const override {
    return permute(b, table, indices);
  }
  /// Learned tables and the indices in them.
  struct Learned {
    Value indices, tables;
    int64_t size;
  };
  Value lookUpRow(ImplicitLocOpBuilder &b, const Learned &learned, int64_t row,
                  int64_t first, int64_t size) const;

public:
  using PermutedLookup::lower;
  Value lookUpLearned(ImplicitLocOpBuilder &b, Value indices, Value tables,
                      bool perRow) const override;
};

/// What `size` bytes from `first` on of the tables give, which belong to row
/// `row` of the four of each 128 bits, or to all (-1).
Value Shuffle::lookUpRow(ImplicitLocOpBuilder &b, const Learned &learned,
                         int64_t row, int64_t first, int64_t size) const {
  constexpr int64_t part = 16;
  if (size > part) {
    Value low = lookUpRow(b, learned, row, first, size / 2);
    Value high = lookUpRow(b, learned, row, first + size / 2, size / 2);
    Value isHigh = testBit(b, learned.indices, llvm::Log2_64(size / 2));
    return arith::SelectOp::create(b, isHigh, high, low);
  }
  int64_t bytes = cast<VectorType>(learned.indices.getType()).getNumElements();
  SmallVector<int64_t> places;
  for (int64_t i = 0; i < bytes; ++i) {
    int64_t table = row < 0 ? 0 : i / part * 4 + row;
    places.push_back(table * learned.size + first + i % size);
  }
  Value table =
      vector::ShuffleOp::create(b, learned.tables, learned.tables, places);
  return permute(b, table, maskIndices(b, learned.indices, 0x0F));
}

/// The four rows of 128 bits take turns.
Value Shuffle::lookUpLearned(ImplicitLocOpBuilder &b, Value indices,
                             Value tables, bool perRow) const {
  Learned learned{indices, tables, getTableSize(indices, tables, perRow)};
  if (learned.size > 64)
    return ByteLookup::lookUpLearned(b, indices, tables, perRow);
  if (!perRow)
    return lookUpRow(b, learned, -1, 0, learned.size);
  Value result;
  for (int64_t row = 0; row < 4; ++row)
    result = chooseLanes(b, lookUpRow(b, learned, row, 0, learned.size), result,
                         [&](int64_t lane) { return lane % 4 == row; });
  return result;
}

/// tbl gives 0 for an index beyond its registers.
class Neon : public PermutedLookup {
  int64_t getPartSize(int64_t) const override { return 64; }
  Value lookUpPart(ImplicitLocOpBuilder &b, Value indices,
                   Bytes part) const override {
    SmallVector<Value> operands;
    if (part.size() <= bytes)
      operands.push_back(repeat(b, part, bytes));
    else
      for (size_t i = 0; i < part.size(); i += bytes)
        operands.push_back(repeat(b, part.slice(i, bytes), bytes));
    auto mask = static_cast<int8_t>(operands.size() * bytes - 1);
    return permute(b, operands, maskIndices(b, indices, mask));
  }
  Value lookUpTable(ImplicitLocOpBuilder &b, Value indices,
                    Value table) const override {
    int64_t size = cast<VectorType>(table.getType()).getNumElements();
    SmallVector<Value> operands;
    for (int64_t i = 0; i < size; i += bytes)
      operands.push_back(takeTable(b, table, i, std::min(size, bytes), bytes));
    return permute(b, operands, indices);
  }

  static constexpr int64_t bytes = 16;
  static Value permute(ImplicitLocOpBuilder &b, SmallVector<Value> operands,
                       Value indices) {
    std::string name =
        "llvm.aarch64.neon.tbl" + std::to_string(operands.size()) + ".v16i8";
    operands.push_back(indices);
    return call(b, name, operands);
  }
};

/// i8x16.swizzle gives 0 for an index beyond the register; what the relaxed one
/// gives differs by engine. Indices are within it.
class Wasm : public Shuffle {
public:
  explicit Wasm(StringRef name) : name(name) {}

private:
  Value permute(ImplicitLocOpBuilder &b, Value table,
                Value indices) const override {
    return call(b, name, {table, indices});
  }

  StringRef name;
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

int64_t ByteLookup::getTableSize(Value indices, Value tables, bool perRow) {
  int64_t all = cast<VectorType>(tables.getType()).getNumElements();
  int64_t bytes = cast<VectorType>(indices.getType()).getNumElements();
  return perRow ? 4 * all / bytes : all;
}

/// `tables` in memory, stored there once, where they become known.
static Value getStored(ImplicitLocOpBuilder &b, Value tables) {
  for (Operation *user : tables.getUsers())
    if (auto store = dyn_cast<vector::StoreOp>(user);
        store && store.getBase().getDefiningOp<memref::AllocaOp>())
      return store.getBase();
  OpBuilder::InsertionGuard guard(b);
  Operation *function = b.getInsertionBlock()->getParentOp();
  while (!isa<FunctionOpInterface>(function))
    function = function->getParentOp();
  b.setInsertionPointToStart(&function->getRegion(0).front());
  auto type = cast<VectorType>(tables.getType());
  Value memory = memref::AllocaOp::create(
      b, MemRefType::get(type.getShape(), type.getElementType()));
  if (tables.getDefiningOp())
    b.setInsertionPointAfterValue(tables);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  vector::StoreOp::create(b, tables, memory, zero);
  return memory;
}

Value ByteLookup::lookUpLearned(ImplicitLocOpBuilder &b, Value indices,
                                Value tables, bool perRow) const {
  Value memory = getStored(b, tables);
  auto type = cast<VectorType>(indices.getType());
  VectorType wide = type.clone(b.getI16Type());
  int64_t size = getTableSize(indices, tables, perRow);
  SmallVector<int16_t> first;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    first.push_back(static_cast<int16_t>(perRow ? i / 4 * size : 0));
  auto constant = [&](ArrayRef<int16_t> lanes) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(wide, lanes));
  };
  Value places = arith::AndIOp::create(
      b, arith::ExtUIOp::create(b, wide, indices),
      constant(SmallVector<int16_t>(first.size(), int16_t(size - 1))));
  places = arith::OrIOp::create(b, places, constant(first));
  Value result = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    Value place = arith::IndexCastUIOp::create(
        b, b.getIndexType(), vector::ExtractOp::create(b, places, i));
    result = vector::InsertOp::create(
        b, memref::LoadOp::create(b, memory, place), result, i);
  }
  return result;
}

Value ByteLookup::lower(RewriterBase &rewriter, HashOp op) const {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  VectorType type = op.getType();
  auto splat = [&](int8_t byte) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, byte));
  };
  Value zero = splat(0), result = zero;
  for (auto [bit, image] : llvm::enumerate(op.getImages())) {
    Value byte = bit < 8 ? op.getIndices() : op.getUpper();
    Value alone = arith::AndIOp::create(
        b, byte, splat(static_cast<int8_t>(1u << bit % 8)));
    Value isSet =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, alone, zero);
    Value part = arith::SelectOp::create(b, isSet, splat(image), zero);
    result = arith::XOrIOp::create(b, result, part);
  }
  return result;
}

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
const ByteLookup &lowbit::getWasmLookup() {
  static const Wasm instance("llvm.wasm.swizzle");
  return instance;
}
const ByteLookup &lowbit::getWasmRelaxedLookup() {
  static const Wasm instance("llvm.wasm.relaxed.swizzle");
  return instance;
}
const ByteLookup &lowbit::getPortableLookup() {
  return getInstance<Portable>();
}
