//===- ByteLookup.cpp - tables of bytes on each target --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteLookup.h"
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

//===----------------------------------------------------------------------===//
// Permutations
//===----------------------------------------------------------------------===//

/// Cuts a table into parts that the machine looks up, and selects among what
/// they give by the index's bits above.
class PermutedLookup : public ByteLookup {
public:
  Value lower(RewriterBase &rewriter, LutOp op) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    return lookUp(b, op.getIndices(), op.getTable());
  }

protected:
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
  Value lookUp(ImplicitLocOpBuilder &b, Value indices, Bytes table) const {
    auto type = cast<VectorType>(indices.getType());
    int64_t size = table.size();
    if (size <= getPartSize(type.getNumElements()))
      return lookUpPart(b, indices, table);
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
    Value isHigh = testBit(b, indices, llvm::Log2_64(size / 2));
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
    Value mask = arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, int8_t(op.getTable().size() - 1)));
    Value indices = arith::AndIOp::create(b, op.getIndices(), mask);
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
