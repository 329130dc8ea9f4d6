//===- EmulateTiles.cpp - tiles of AMX as loops ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Intel's manual (volume 2, chapters 3 and 4) says of TILEZERO, TILELOADD,
// TILESTORED, TDPBSSD and its kind, and TDPBF16PS, for tiles whose shapes types
// say: rows and bytes beyond the shape are zero in a register and are never
// read here.
//
// A tile is a buffer on the stack, of the operation that computes it.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

namespace lowbit {
#define GEN_PASS_DEF_EMULATETILESPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

/// Rows of a register, and bytes of a row.
static constexpr int64_t kRows = 16, kRowBytes = 64;

namespace {

/// The buffer of an operation's result, at the beginning of its function.
Value createBuffer(KernelBuilder &b, Operation *op) {
  OpBuilder::InsertionGuard guard(b);
  auto function = op->getParentOfType<FunctionOpInterface>();
  b.setInsertionPointToStart(&function.getFunctionBody().front());
  return memref::AllocaOp::create(
      b, MemRefType::get({kRows * kRowBytes}, b.getI8Type()),
      b.getI64IntegerAttr(kRowBytes));
}

/// A row of a tile as its elements.
VectorType getRowType(amx::TileType type) {
  return VectorType::get({type.getDimSize(1)}, type.getElementType());
}

/// The same as elements of the memory that it is in, which may be bytes.
VectorType getRowType(amx::TileType type, MemRefType memory) {
  Type element = memory.getElementType();
  int64_t bits =
      type.getDimSize(1) * type.getElementType().getIntOrFloatBitWidth();
  return VectorType::get({bits / element.getIntOrFloatBitWidth()}, element);
}

void forEachRow(KernelBuilder &b, int64_t rows,
                llvm::function_ref<void(Value row)> body) {
  b.loop(b.index(0), b.index(rows), 1, {}, [&](Value row, ValueRange) {
    body(row);
    return SmallVector<Value>();
  });
}

template <typename Op> struct TilePattern : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  using Adaptor = typename Op::Adaptor;

  LogicalResult
  matchAndRewrite(Op op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    KernelBuilder b(op.getLoc(), rewriter);
    this->emit(b, op, adaptor, rewriter);
    return success();
  }
  virtual void emit(KernelBuilder &b, Op op, Adaptor adaptor,
                    ConversionPatternRewriter &rewriter) const = 0;

  /// The last index of a row in memory.
  static SmallVector<Value> getPlace(KernelBuilder &b, Adaptor adaptor,
                                     Value row) {
    SmallVector<Value> indices(adaptor.getIndices());
    indices.back() = b.add(indices.back(), b.mul(row, adaptor.getStride()));
    return indices;
  }
};

struct EmulateZero : TilePattern<amx::TileZeroOp> {
  using TilePattern::TilePattern;
  void emit(KernelBuilder &b, amx::TileZeroOp op, Adaptor,
            ConversionPatternRewriter &rewriter) const override {
    Value buffer = createBuffer(b, op);
    forEachRow(b, op.getTileType().getDimSize(0), [&](Value row) {
      b.store(b.zero(getRowType(op.getTileType())), buffer,
              b.mul(row, kRowBytes));
    });
    rewriter.replaceOp(op, buffer);
  }
};

struct EmulateLoad : TilePattern<amx::TileLoadOp> {
  using TilePattern::TilePattern;
  void emit(KernelBuilder &b, amx::TileLoadOp op, Adaptor adaptor,
            ConversionPatternRewriter &rewriter) const override {
    Value buffer = createBuffer(b, op);
    forEachRow(b, op.getTileType().getDimSize(0), [&](Value row) {
      Value values = vector::LoadOp::create(
          b, getRowType(op.getTileType(), op.getMemRefType()), op.getBase(),
          getPlace(b, adaptor, row));
      b.store(values, buffer, b.mul(row, kRowBytes));
    });
    rewriter.replaceOp(op, buffer);
  }
};

struct EmulateStore : TilePattern<amx::TileStoreOp> {
  using TilePattern::TilePattern;
  void emit(KernelBuilder &b, amx::TileStoreOp op, Adaptor adaptor,
            ConversionPatternRewriter &rewriter) const override {
    amx::TileType type = op.getTileType();
    forEachRow(b, type.getDimSize(0), [&](Value row) {
      Value values = b.load(adaptor.getVal(), b.mul(row, kRowBytes),
                            getRowType(type, op.getMemRefType()));
      vector::StoreOp::create(b, values, op.getBase(),
                              getPlace(b, adaptor, row));
    });
    rewriter.eraseOp(op);
  }
};

/// c[m][n] += a[m][4 k + i] * b[k][4 n + i], for all k and i < 4.
struct EmulateMulI : TilePattern<amx::TileMulIOp> {
  using TilePattern::TilePattern;
  void emit(KernelBuilder &b, amx::TileMulIOp op, Adaptor adaptor,
            ConversionPatternRewriter &rewriter) const override {
    Value buffer = createBuffer(b, op);
    VectorType sums = getRowType(op.getTileType());
    forEachRow(b, op.getTileType().getDimSize(0), [&](Value row) {
      Value place = b.mul(row, kRowBytes);
      SmallVector<Value> sum{b.load(adaptor.getAcc(), place, sums)};
      int64_t steps = op.getRhsTileType().getDimSize(0);
      sum = b.loop(b.index(0), b.index(steps), 1, sum,
                   [&](Value k, ValueRange in) -> SmallVector<Value> {
                     Value left = b.loadSplat(
                         adaptor.getLhs(), b.add(place, b.mul(k, 4)),
                         b.getI32Type(), sums.getNumElements());
                     Value right =
                         b.load(adaptor.getRhs(), b.mul(k, kRowBytes), sums);
                     return {addProducts(b, op, in[0], left, right)};
                   });
      b.store(sum[0], buffer, place);
    });
    rewriter.replaceOp(op, buffer);
  }

private:
  /// Byte `i` of each lane, extended.
  static Value getByte(KernelBuilder &b, Value lanes, int i, bool isUnsigned) {
    Value top = b.shift(lanes, 24 - 8 * i);
    if (!isUnsigned)
      return b.shift(top, -24);
    auto type = cast<VectorType>(lanes.getType());
    return arith::ShRUIOp::create(b, top, b.splat(type, int64_t(24)));
  }
  static Value addProducts(KernelBuilder &b, amx::TileMulIOp op, Value sum,
                           Value left, Value right) {
    for (int i = 0; i < 4; ++i) {
      Value product =
          arith::MulIOp::create(b, getByte(b, left, i, op.getIsZextLhs()),
                                getByte(b, right, i, op.getIsZextRhs()));
      sum = b.add(sum, product);
    }
    return sum;
  }
};

/// c[m][n] += sum of a[m][2 k] * b[k][2 n] over all k + the same of odd
/// columns: each sum begins at 0, products are added with one rounding, and
/// subnormal numbers are zeros wherever they are read or written.
struct EmulateMulF : TilePattern<amx::TileMulFOp> {
  using TilePattern::TilePattern;
  void emit(KernelBuilder &b, amx::TileMulFOp op, Adaptor adaptor,
            ConversionPatternRewriter &rewriter) const override {
    Value buffer = createBuffer(b, op);
    VectorType sums = getRowType(op.getTileType());
    VectorType words = sums.clone(b.getI32Type());
    forEachRow(b, op.getTileType().getDimSize(0), [&](Value row) {
      Value place = b.mul(row, kRowBytes);
      SmallVector<Value> both(2, b.zero(sums));
      int64_t steps = op.getRhsTileType().getDimSize(0);
      both = b.loop(
          b.index(0), b.index(steps), 1, both,
          [&](Value k, ValueRange in) -> SmallVector<Value> {
            Value left =
                b.loadSplat(adaptor.getLhs(), b.add(place, b.mul(k, 4)),
                            b.getI32Type(), sums.getNumElements());
            Value right = b.load(adaptor.getRhs(), b.mul(k, kRowBytes), words);
            SmallVector<Value> next;
            for (auto [i, sum] : llvm::enumerate(in))
              next.push_back(flush(b, b.fma(getNumber(b, left, i),
                                            getNumber(b, right, i), sum)));
            return next;
          });
      Value products = flush(b, arith::AddFOp::create(b, both[0], both[1]));
      Value sum = flush(b, b.load(adaptor.getAcc(), place, sums));
      b.store(flush(b, arith::AddFOp::create(b, sum, products)), buffer, place);
    });
    rewriter.replaceOp(op, buffer);
  }

private:
  /// The even (0) or odd (1) number of each lane's pair.
  static Value getNumber(KernelBuilder &b, Value pairs, int64_t i) {
    auto type = cast<VectorType>(pairs.getType());
    Value bits = b.shift(i ? b.shift(pairs, -16) : pairs, 16);
    return flush(b, b.bitcast(bits, type.clone(b.getF32Type())));
  }
  /// Zeros of the same sign in place of subnormal numbers.
  static Value flush(KernelBuilder &b, Value number) {
    auto type = cast<VectorType>(number.getType());
    VectorType words = type.clone(b.getI32Type());
    auto keep = [&](int64_t mask) -> Value {
      return arith::AndIOp::create(b, b.bitcast(number, words),
                                   b.splat(words, int64_t(int32_t(mask))));
    };
    Value isSmall = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                          keep(0x7F800000), b.zero(words));
    return arith::SelectOp::create(b, isSmall,
                                   b.bitcast(keep(0x80000000), type), number);
  }
};

struct EmulateTilesPass : lowbit::impl::EmulateTilesPassBase<EmulateTilesPass> {
  void runOnOperation() override {
    if (failed(checkLoops()) || failed(checkProducts()))
      return signalPassFailure();
    getOperation().walk([&](Operation *op) {
      numEmulated += isa_and_nonnull<amx::AMXDialect>(op->getDialect());
    });
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](amx::TileType type) -> Type {
      return MemRefType::get({kRows * kRowBytes},
                             IntegerType::get(type.getContext(), 8));
    });
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addIllegalDialect<amx::AMXDialect>();
    RewritePatternSet patterns(&getContext());
    patterns
        .add<EmulateZero, EmulateLoad, EmulateStore, EmulateMulI, EmulateMulF>(
            converter, &getContext());
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }

private:
  LogicalResult checkProducts() {
    WalkResult result = getOperation().walk([](amx::TileMulFOp op) {
      Type element = op.getLhsTileType().getElementType();
      if (element.isBF16())
        return WalkResult::advance();
      op.emitOpError(
          "requires products of bf16 to be emulated, found those of ")
          << element;
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// What products were added to; null for what is no such sum.
  static Value getSumBefore(Value sum) {
    if (auto bytes = sum.getDefiningOp<amx::TileMulIOp>())
      return bytes.getAcc();
    auto floats = sum.getDefiningOp<amx::TileMulFOp>();
    return floats ? floats.getAcc() : Value();
  }

  /// An operation's buffer is written again when the loop comes back to it, so
  /// that what it had must not be needed any more.
  LogicalResult checkLoops() {
    WalkResult result = getOperation().walk([](scf::ForOp loop) {
      for (auto [carried, next] :
           llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues())) {
        if (!isa<amx::TileType>(carried.getType()))
          continue;
        Value value = next;
        while (Value before = getSumBefore(value))
          value = before;
        if (value == carried)
          continue;
        loop.emitOpError("requires tiles that it carries to be sums of "
                         "themselves and products, found another");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
