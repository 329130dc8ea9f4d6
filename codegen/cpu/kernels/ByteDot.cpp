//===- ByteDot.cpp - the four-way dot product of each target --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteDot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;

namespace {

/// A builder with the few operations that the forms below are made of.
class Emitter : public ImplicitLocOpBuilder {
public:
  Emitter(RewriterBase &rewriter, Operation *at)
      : ImplicitLocOpBuilder(at->getLoc(), rewriter) {}

  VectorType vector(int64_t lanes, unsigned bits) {
    return VectorType::get({lanes}, getIntegerType(bits));
  }
  Value splat(VectorType type, int64_t value) {
    return arith::ConstantOp::create(
        *this, DenseElementsAttr::get(
                   type, getIntegerAttr(type.getElementType(), value)));
  }
  /// `value` as lanes of `bits` bits.
  Value as(Value value, unsigned bits) {
    auto type = cast<VectorType>(value.getType());
    int64_t all = type.getNumElements() * type.getElementTypeBitWidth();
    return vector::BitCastOp::create(*this, vector(all / bits, bits), value);
  }
  Value call(StringRef name, Type type, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(*this, type, getStringAttr(name),
                                         operands)
        .getResult(0);
  }
  template <typename Op> Value binary(Value a, Value b) {
    return Op::create(*this, a, b);
  }
  Value add(Value a, Value b) { return binary<arith::AddIOp>(a, b); }
  /// Shifts every lane by the same count.
  template <typename Op> Value shift(Value value, int64_t count) {
    return binary<Op>(value, splat(cast<VectorType>(value.getType()), count));
  }
  /// Bytes 0, 2, 4 ... as signed lanes of 16 bits, and bytes 1, 3, 5 ....
  Value evenBytes(Value bytes) {
    return shift<arith::ShRSIOp>(shift<arith::ShLIOp>(as(bytes, 16), 8), 8);
  }
  Value oddBytes(Value bytes) {
    return shift<arith::ShRSIOp>(as(bytes, 16), 8);
  }
  /// The same of unsigned bytes.
  Value evenCodes(Value bytes) {
    Value words = as(bytes, 16);
    return binary<arith::AndIOp>(
        words, splat(cast<VectorType>(words.getType()), 0xFF));
  }
  Value oddCodes(Value bytes) {
    return shift<arith::ShRUIOp>(as(bytes, 16), 8);
  }
};

//===----------------------------------------------------------------------===//
// One instruction
//===----------------------------------------------------------------------===//

/// Four products and their sum are added to 32-bit lanes at once.
class OneInstruction : public ByteDot {
public:
  Value lower(RewriterBase &rewriter, ArrayRef<Dot4Op> run) const override {
    Dot4Op op = run.front();
    rewriter.setInsertionPoint(op);
    Emitter b(rewriter, op);
    int64_t bits = 32 * op.getType().getNumElements();
    return b.call(
        getName(bits), op.getType(),
        ValueRange{op.getAccumulator(), op.getCodes(), op.getValues()});
  }
  virtual std::string getName(int64_t bits) const = 0;
};

/// vpmaddwd, which LLVM makes vpdpwssd of together with an addition.
static Value multiplyWordsOfX86(Emitter &b, Value x, Value y) {
  int64_t words = cast<VectorType>(x.getType()).getNumElements();
  StringRef name = words == 32   ? "llvm.x86.avx512.pmaddw.d.512"
                   : words == 16 ? "llvm.x86.avx2.pmadd.wd"
                                 : "llvm.x86.sse2.pmadd.wd";
  return b.call(name, b.vector(words / 2, 32), ValueRange{x, y});
}

class VNNI : public OneInstruction {
  bool multiplies(Dot4Op op) const override { return !op.getSignedCodes(); }
  bool multipliesWords() const override { return true; }
  Value multiplyWords(RewriterBase &rewriter, Operation *at, Value x,
                      Value y) const override {
    Emitter b(rewriter, at);
    return multiplyWordsOfX86(b, x, y);
  }
  std::string getName(int64_t bits) const override {
    return "llvm.x86.avx512.vpdpbusd." + std::to_string(bits);
  }
};

class USDot : public OneInstruction {
  bool multipliesLanes() const override { return true; }
  bool multiplies(Dot4Op op) const override { return !op.getSignedCodes(); }
  std::string getName(int64_t) const override {
    return "llvm.aarch64.neon.usdot.v4i32.v16i8";
  }
};

class SDot : public OneInstruction {
  bool multipliesLanes() const override { return true; }
  /// Unsigned codes up to 127 are signed ones, too.
  bool multiplies(Dot4Op op) const override {
    return op.getSignedCodes() || op.getLargestCode() <= 127;
  }
  std::string getName(int64_t) const override {
    return "llvm.aarch64.neon.sdot.v4i32.v16i8";
  }
};

//===----------------------------------------------------------------------===//
// Runs in 16 bits
//===----------------------------------------------------------------------===//

using Values = SmallVector<Value, 2>;

/// Products are added in lanes of 16 bits and widened at the end of a run.
class NarrowSums : public ByteDot {
public:
  /// Each op adds two products of its largest code and -128 to a lane.
  unsigned getRunCapacity() const override { return 32767 / (2 * 128); }

  Value lower(RewriterBase &rewriter, ArrayRef<Dot4Op> run) const override {
    Value sum = Dot4Op(run.front()).getAccumulator();
    Values partial;
    for (Dot4Op op : run) {
      rewriter.setInsertionPoint(op);
      Emitter b(rewriter, op);
      if (op.getLargestCode() > getRunCapacity())
        return lowerWide(b, op);
      partial = multiply(b, op, partial);
    }
    Emitter b(rewriter, run.back());
    return widen(b, sum, partial);
  }

protected:
  /// The sums `partial` (none at first) and the products of `op`.
  virtual Values multiply(Emitter &b, Dot4Op op,
                          const Values &partial) const = 0;
  virtual Value widen(Emitter &b, Value sum, const Values &partial) const = 0;
  /// The result of an op of whose products two don't fit in 16 bits.
  virtual Value lowerWide(Emitter &b, Dot4Op op) const = 0;
};

class AVX2 : public NarrowSums {
  bool multiplies(Dot4Op op) const override { return !op.getSignedCodes(); }
  Values multiply(Emitter &b, Dot4Op op, const Values &partial) const override {
    Value pairs = b.call("llvm.x86.avx2.pmadd.ub.sw", b.vector(16, 16),
                         ValueRange{op.getCodes(), op.getValues()});
    return {partial.empty() ? pairs : b.add(partial[0], pairs)};
  }
  bool multipliesWords() const override { return true; }
  Value multiplyWords(RewriterBase &rewriter, Operation *at, Value x,
                      Value y) const override {
    Emitter b(rewriter, at);
    return multiplyWordsOfX86(b, x, y);
  }
  Value addPairs(Emitter &b, Value sum, Value x, Value y) const {
    return b.add(sum, multiplyWordsOfX86(b, x, y));
  }
  Value widen(Emitter &b, Value sum, const Values &partial) const override {
    return addPairs(b, sum, partial[0], b.splat(b.vector(16, 16), 1));
  }
  Value lowerWide(Emitter &b, Dot4Op op) const override {
    Value sum = addPairs(b, op.getAccumulator(), b.evenCodes(op.getCodes()),
                         b.evenBytes(op.getValues()));
    return addPairs(b, sum, b.oddCodes(op.getCodes()),
                    b.oddBytes(op.getValues()));
  }
};

class Neon : public NarrowSums {
  bool multipliesLanes() const override { return true; }
  bool multiplies(Dot4Op op) const override {
    return op.getSignedCodes() || op.getLargestCode() <= 127;
  }
  /// Products of 8 bytes from `first` on, as 16 bits.
  Value half(Emitter &b, Dot4Op op, int64_t first) const {
    auto extend = [&](Value bytes) -> Value {
      Value part = vector::ExtractStridedSliceOp::create(b, bytes, first, 8, 1);
      return arith::ExtSIOp::create(b, b.vector(8, 16), part);
    };
    return arith::MulIOp::create(b, extend(op.getCodes()),
                                 extend(op.getValues()));
  }
  Values multiply(Emitter &b, Dot4Op op, const Values &partial) const override {
    Values sums{half(b, op, 0), half(b, op, 8)};
    for (auto [sum, before] : llvm::zip(sums, partial))
      sum = b.add(before, sum);
    return sums;
  }
  Value addNeighbours(Emitter &b, Value words) const {
    return b.call("llvm.aarch64.neon.saddlp.v4i32.v8i16", b.vector(4, 32),
                  words);
  }
  Value widen(Emitter &b, Value sum, const Values &partial) const override {
    Value pairs =
        b.call("llvm.aarch64.neon.addp.v8i16", b.vector(8, 16), partial);
    return b.add(sum, addNeighbours(b, pairs));
  }
  Value lowerWide(Emitter &b, Dot4Op op) const override {
    Value low = addNeighbours(b, half(b, op, 0));
    Value high = addNeighbours(b, half(b, op, 8));
    return b.add(op.getAccumulator(),
                 b.call("llvm.aarch64.neon.addp.v4i32", b.vector(4, 32),
                        ValueRange{low, high}));
  }
};

class Portable : public NarrowSums {
  bool multiplies(Dot4Op op) const override { return !op.getSignedCodes(); }
  Values multiply(Emitter &b, Dot4Op op, const Values &partial) const override {
    Value even = b.binary<arith::MulIOp>(b.evenCodes(op.getCodes()),
                                         b.evenBytes(op.getValues()));
    Value odd = b.binary<arith::MulIOp>(b.oddCodes(op.getCodes()),
                                        b.oddBytes(op.getValues()));
    Value pairs = b.add(even, odd);
    return {partial.empty() ? pairs : b.add(partial[0], pairs)};
  }
  Value widen(Emitter &b, Value sum, const Values &partial) const override {
    Value lanes = b.as(partial[0], 32);
    Value low = b.shift<arith::ShRSIOp>(b.shift<arith::ShLIOp>(lanes, 16), 16);
    return b.add(b.add(sum, low), b.shift<arith::ShRSIOp>(lanes, 16));
  }
  Value lowerWide(Emitter &b, Dot4Op op) const override {
    Value even = b.binary<arith::MulIOp>(b.evenCodes(op.getCodes()),
                                         b.evenBytes(op.getValues()));
    Value odd = b.binary<arith::MulIOp>(b.oddCodes(op.getCodes()),
                                        b.oddBytes(op.getValues()));
    return widen(b, widen(b, op.getAccumulator(), {even}), {odd});
  }
};

/// Even and odd bytes apart: products of neighbours are added in 16 bits with
/// no shuffle, and those of a value's bytes serve all rows that it is
/// multiplied with.
class Wasm : public NarrowSums {
  bool multiplies(Dot4Op op) const override { return !op.getSignedCodes(); }
  Values multiply(Emitter &b, Dot4Op op, const Values &partial) const override {
    Value even = b.binary<arith::MulIOp>(b.evenCodes(op.getCodes()),
                                         b.evenBytes(op.getValues()));
    Value odd = b.binary<arith::MulIOp>(b.oddCodes(op.getCodes()),
                                        b.oddBytes(op.getValues()));
    Value sum = partial.empty() ? even : b.add(partial[0], even);
    return {b.add(sum, odd)};
  }
  Value widen(Emitter &b, Value sum, const Values &partial) const override {
    return b.add(sum, b.call("llvm.wasm.extadd.pairwise.signed.v4i32",
                             b.vector(4, 32), partial[0]));
  }

public:
  bool multipliesWords() const override { return true; }
  Value multiplyWords(RewriterBase &rewriter, Operation *at, Value x,
                      Value y) const override {
    Emitter b(rewriter, at);
    return b.call("llvm.wasm.dot", b.vector(4, 32), ValueRange{x, y});
  }
  /// Products of bytes and their sums in pairs, without any limit.
  Value lowerWide(Emitter &b, Dot4Op op) const override {
    auto dot = [&](Value codes, Value values) {
      return b.call("llvm.wasm.dot", b.vector(4, 32),
                    ValueRange{codes, values});
    };
    Value even = dot(b.evenCodes(op.getCodes()), b.evenBytes(op.getValues()));
    Value odd = dot(b.oddCodes(op.getCodes()), b.oddBytes(op.getValues()));
    return b.add(b.add(op.getAccumulator(), even), odd);
  }
};

/// The second operand has 7 bits; what an engine makes of an eighth is its own
/// affair. With less, two products fit in 16 bits, so that it doesn't matter
/// either whether sums of them saturate there: results are the same everywhere.
class WasmRelaxed : public Wasm {
  static bool isSevenBits(Dot4Op op) { return op.getLargestCode() <= 127; }
  /// What doesn't fit is multiplied alone.
  unsigned getRunCapacity() const override { return 0; }
  Value lower(RewriterBase &rewriter, ArrayRef<Dot4Op> run) const override {
    Dot4Op op = run.front();
    rewriter.setInsertionPoint(op);
    Emitter b(rewriter, op);
    if (!isSevenBits(op))
      return lowerWide(b, op);
    return b.call(
        "llvm.wasm.relaxed.dot.i8x16.i7x16.add.signed", op.getType(),
        ValueRange{op.getValues(), op.getCodes(), op.getAccumulator()});
  }
};

} // namespace

template <typename Form> static const ByteDot &getInstance() {
  static const Form instance;
  return instance;
}

const ByteDot &lowbit::getVNNIByteDot() { return getInstance<VNNI>(); }
const ByteDot &lowbit::getAVX2ByteDot() { return getInstance<AVX2>(); }
const ByteDot &lowbit::getUSDotByteDot() { return getInstance<USDot>(); }
const ByteDot &lowbit::getSDotByteDot() { return getInstance<SDot>(); }
const ByteDot &lowbit::getNeonByteDot() { return getInstance<Neon>(); }
const ByteDot &lowbit::getWasmByteDot() { return getInstance<Wasm>(); }
const ByteDot &lowbit::getWasmRelaxedByteDot() {
  return getInstance<WasmRelaxed>();
}
const ByteDot &lowbit::getPortableByteDot() { return getInstance<Portable>(); }
