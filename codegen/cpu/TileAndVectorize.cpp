//===- TileAndVectorize.cpp - register tiles of linalg ops ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses, for every linalg op on buffers, the loops and the register tile, and
// has upstream vectorize the tile. It runs after bufferization: then tiling can
// introduce no copy, and the accumulator of a reduction is a buffer that is
// read and written at one place, which a register replaces.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "ProgramLoops.h"
#include "TileLoops.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUTILEANDVECTORIZEPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

static unsigned getDim(AffineExpr expr) {
  return cast<AffineDimExpr>(expr).getPosition();
}

namespace {
/// Vectorizes one linalg op.
class OpVectorizer {
public:
  OpVectorizer(RewriterBase &rewriter, linalg::LinalgOp op, int64_t vectorBits,
               int64_t rows)
      : rewriter(rewriter), op(op), loc(op->getLoc()), rows(rows),
        resultMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) {
    rewriter.setInsertionPoint(op);
    whole = getWholeTile(rewriter, op, ranges);
    unsigned bits = 8;
    for (Value operand : op->getOperands())
      if (Type type = getElementTypeOrSelf(operand.getType());
          type.isIntOrFloat())
        bits = std::max(bits, type.getIntOrFloatBitWidth());
    width = std::max<int64_t>(1, vectorBits / bits);
  }

  LogicalResult run() {
    if (isAllParallel(op))
      emitElementwise();
    else if (isContraction(op))
      emitContraction();
    else if (hasWindows(op))
      emitColumnReduction();
    else if (std::optional<unsigned> dim = getRowReductionDim())
      emitRowReduction(*dim);
    else
      emitColumnReduction();
    if (succeeded(status))
      rewriter.eraseOp(op);
    return status;
  }

private:
  void emitTiles(ArrayRef<TileLoop> loops) {
    emitTileLoops(rewriter, loc, ranges, loops, whole, [&](const Tile &tile) {
      if (succeeded(status))
        status = vectorizeTile(rewriter, op, tile);
    });
  }

  //===--------------------------------------------------------------------===//
  // Elementwise
  //===--------------------------------------------------------------------===//

  /// A dimension that some input has last while the result has another: the
  /// pair is transposed in registers.
  std::optional<unsigned> getTransposedDim(AffineExpr vectorDim) {
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (map.getNumResults() > 1 && map.getResultPosition(vectorDim) &&
          map.getResults().back() != vectorDim &&
          isa<AffineDimExpr>(map.getResults().back()))
        return getDim(map.getResults().back());
    }
    return std::nullopt;
  }

  void emitElementwise() {
    if (resultMap.getNumResults() == 0)
      return emitTiles({});
    AffineExpr vectorDim = resultMap.getResults().back();
    std::optional<unsigned> transposed = getTransposedDim(vectorDim);
    SmallVector<TileLoop> loops;
    for (AffineExpr expr : resultMap.getResults().drop_back())
      loops.push_back({getDim(expr), transposed == getDim(expr) ? width : 1});
    // Two vectors hide the latency of loads; costly bodies need the registers.
    bool single = transposed || hasCostlyBody(op);
    loops.push_back({getDim(vectorDim), single ? width : 2 * width});
    emitTiles(loops);
  }

  //===--------------------------------------------------------------------===//
  // Contractions
  //===--------------------------------------------------------------------===//

  /// As the named op, since upstream vectorizes that to vector.contract.
  void nameContraction() {
    auto named = linalg::ContractOp::create(rewriter, loc, TypeRange{},
                                            op.getDpsInputs(), op.getDpsInits(),
                                            op.getIndexingMaps());
    rewriter.eraseOp(op);
    op = cast<linalg::LinalgOp>(named.getOperation());
  }

  void emitContraction() {
    nameContraction();
    linalg::ContractionDimensions dims = *linalg::inferContractionDims(op);
    unsigned columns = getDim(resultMap.getResults().back());
    ArrayRef<unsigned> rowDims =
        llvm::is_contained(dims.n, columns) ? dims.m : dims.n;
    // A vector times a matrix is one row.
    std::optional<unsigned> only;
    if (!rowDims.empty())
      only = rowDims.back();
    SmallVector<TileLoop> outer;
    for (AffineExpr expr : resultMap.getResults())
      if (getDim(expr) != columns && getDim(expr) != only)
        outer.push_back({getDim(expr), 1});
    if (!only)
      return emitProducts(outer, dims.k, {columns, 4 * width});

    unsigned row = *only;
    AffineExpr s0;
    bindSymbols(rewriter.getContext(), s0);
    OpFoldResult middle = affine::makeComposedFoldedAffineApply(
        rewriter, loc, s0.floorDiv(rows) * rows, {ranges[row].size});
    OpFoldResult zero = rewriter.getIndexAttr(0);
    emitRows(outer, dims.k, {columns, 2 * width}, {row, rows, zero, middle});
    emitRows(outer, dims.k, {columns, 4 * width},
             {row, 1, middle, ranges[row].size});
  }

  /// Columns outside of rows: the columns of the right-hand side stay in the
  /// first-level cache while all rows pass by.
  void emitRows(SmallVector<TileLoop> loops, ArrayRef<unsigned> reductions,
                TileLoop columns, TileLoop rows) {
    loops.push_back(columns);
    emitProducts(loops, reductions, rows);
  }

  /// The last loop of the result, then the reduction, accumulators in
  /// registers.
  void emitProducts(SmallVector<TileLoop> loops, ArrayRef<unsigned> reductions,
                    TileLoop last) {
    loops.push_back(last);
    for (unsigned dim : reductions) {
      loops.push_back({dim, 1});
      loops.back().accumulates = true;
    }
    emitTiles(loops);
  }

  //===--------------------------------------------------------------------===//
  // Reductions
  //===--------------------------------------------------------------------===//

  /// The reduction dimension that memory of the largest input runs along.
  std::optional<unsigned> getRowReductionDim() {
    SmallVector<unsigned> reductions;
    op.getReductionDims(reductions);
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (map.getNumResults() == 0 || !map.isProjectedPermutation())
        continue;
      unsigned last = getDim(map.getResults().back());
      if (llvm::is_contained(reductions, last))
        return last;
      if (map.getNumResults() == op.getNumLoops())
        return std::nullopt;
    }
    return std::nullopt;
  }

  void emitColumnReduction() {
    SmallVector<TileLoop> loops;
    for (AffineExpr expr : resultMap.getResults())
      loops.push_back({getDim(expr), 1});
    if (!loops.empty())
      loops.back().size = 4 * width;
    SmallVector<unsigned> reductions;
    op.getReductionDims(reductions);
    for (unsigned dim : reductions) {
      loops.push_back({dim, 1});
      loops.back().accumulates = true;
    }
    emitTiles(loops);
  }

  /// Row by row: partial results in a few vectors, then one horizontal step.
  void emitRowReduction(unsigned dim) {
    SmallVector<Operation *> combiners;
    Value reduced = matchReduction(op.getRegionOutputArgs(), 0, combiners);
    std::optional<TypedAttr> neutral;
    if (reduced && combiners.size() == 1)
      neutral = arith::getNeutralElement(combiners.front());
    if (!neutral) {
      status = op->emitError("requires a reduction by one operation with a "
                             "neutral element, such as arith.addf, found "
                             "another one");
      return;
    }
    SmallVector<TileLoop> loops;
    for (AffineExpr expr : resultMap.getResults())
      loops.push_back({getDim(expr), 1});
    emitTileLoops(rewriter, loc, ranges, loops, whole, [&](const Tile &tile) {
      if (succeeded(status))
        status = reduceRow(tile, dim, combiners.front(), *neutral);
    });
  }

  LogicalResult reduceRow(const Tile &tile, unsigned dim, Operation *combiner,
                          TypedAttr neutral) {
    OpBuilder::InsertionGuard guard(rewriter);
    auto row = cast<linalg::GenericOp>(
        cast<TilingInterface>(op.getOperation())
            .getTiledImplementation(rewriter, tile.offsets, tile.sizes)
            ->tiledOps.front());
    rewriter.setInsertionPoint(row);
    int64_t partials = 4 * width;
    if (int64_t extent = op.getStaticLoopRanges()[dim];
        !ShapedType::isDynamic(extent))
      partials = std::min<int64_t>(partials, llvm::PowerOf2Ceil(extent));

    Value accumulator = createAccumulator(dim, partials, neutral);
    linalg::GenericOp partial = createPartial(row, accumulator);
    SmallVector<TileLoop> loops;
    SmallVector<unsigned> reductions;
    op.getReductionDims(reductions);
    for (unsigned other : reductions)
      if (other != dim)
        loops.push_back({other, 1});
    loops.push_back({dim, partials});
    loops.back().accumulates = true;
    SmallVector<Range> rowRanges;
    Tile rowTile = getWholeTile(rewriter, row, rowRanges);
    LogicalResult result = success();
    emitTileLoops(rewriter, loc, rowRanges, loops, rowTile, [&](const Tile &t) {
      if (succeeded(result))
        result = vectorizePartial(partial, accumulator, t, dim);
    });
    rewriter.eraseOp(partial);
    linalg::GenericOp merge = createMerge(row, accumulator, combiner);
    rewriter.setInsertionPoint(merge);
    rewriter.eraseOp(row);
    if (failed(result))
      return failure();
    LogicalResult merged = linalg::vectorize(rewriter, merge);
    assert(succeeded(merged) && "the combiner was just vectorized");
    (void)merged;
    rewriter.eraseOp(merge);
    return success();
  }

  /// A stack slot in the task with one place for each partial result, as a
  /// buffer of the rank of the loop nest.
  Value createAccumulator(unsigned dim, int64_t partials, TypedAttr neutral) {
    SmallVector<int64_t> shape(op.getNumLoops(), 1);
    shape[dim] = partials;
    Type element = neutral.getType();
    Value slot;
    {
      OpBuilder::InsertionGuard guard(rewriter);
      Block *task =
          &op->getParentOfType<FunctionOpInterface>().getFunctionBody().front();
      if (auto loop = op->getParentOfType<scf::ForallOp>())
        task = loop.getBody();
      rewriter.setInsertionPointToStart(task);
      slot = memref::AllocaOp::create(rewriter, loc,
                                      MemRefType::get(shape, element),
                                      rewriter.getI64IntegerAttr(64));
    }
    auto type = VectorType::get(shape, element);
    Value start = arith::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(type, neutral));
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    vector::TransferWriteOp::create(
        rewriter, loc, start, slot, SmallVector<Value>(shape.size(), zero),
        ArrayRef<bool>(SmallVector<bool>(shape.size(), true)));
    return slot;
  }

  /// The same scalar code with a result for every lane.
  linalg::GenericOp createPartial(linalg::GenericOp row, Value accumulator) {
    SmallVector<AffineMap> maps = row.getIndexingMapsArray();
    maps.back() = rewriter.getMultiDimIdentityMap(row.getNumLoops());
    auto partial = linalg::GenericOp::create(
        rewriter, loc, TypeRange{}, row.getInputs(), ValueRange{accumulator},
        maps,
        SmallVector<utils::IteratorType>(row.getNumLoops(),
                                         utils::IteratorType::parallel));
    rewriter.cloneRegionBefore(row.getRegion(), partial.getRegion(),
                               partial.getRegion().end());
    return partial;
  }

  /// One tile of the partial op. The accumulator has one slot per lane, so its
  /// tile starts at zero whatever the tile of the inputs.
  LogicalResult vectorizePartial(linalg::GenericOp partial, Value accumulator,
                                 const Tile &tile, unsigned dim) {
    SmallVector<Value> slices;
    for (OpOperand *operand : partial.getDpsInputOperands()) {
      AffineMap map = partial.getMatchingIndexingMap(operand);
      if (map.getNumResults() == 0 ||
          !isa<MemRefType>(operand->get().getType())) {
        slices.push_back(operand->get());
        continue;
      }
      SmallVector<OpFoldResult> offsets, sizes,
          strides(map.getNumResults(), rewriter.getIndexAttr(1));
      for (AffineExpr expr : map.getResults()) {
        offsets.push_back(tile.offsets[getDim(expr)]);
        sizes.push_back(tile.sizes[getDim(expr)]);
      }
      slices.push_back(memref::SubViewOp::create(rewriter, loc, operand->get(),
                                                 offsets, sizes, strides));
    }
    SmallVector<OpFoldResult> zeros(tile.sizes.size(),
                                    rewriter.getIndexAttr(0)),
        ones(tile.sizes.size(), rewriter.getIndexAttr(1)), sizes = ones;
    sizes[dim] = tile.sizes[dim];
    slices.push_back(memref::SubViewOp::create(rewriter, loc, accumulator,
                                               zeros, sizes, ones));
    OpBuilder::InsertionGuard guard(rewriter);
    auto inner = cast<linalg::GenericOp>(rewriter.clone(*partial));
    inner->setOperands(slices);
    rewriter.setInsertionPoint(inner);
    linalg::offsetIndices(
        rewriter, cast<linalg::LinalgOp>(inner.getOperation()), tile.offsets);
    SmallVector<int64_t> vectorSizes;
    if (inner.hasDynamicShape())
      vectorSizes = tile.vectorSizes;
    LogicalResult result = success();
    if (failed(linalg::vectorize(rewriter, inner, vectorSizes,
                                 SmallVector<bool>(vectorSizes.size()))))
      result = failure();
    rewriter.eraseOp(inner);
    return result;
  }

  /// result = combine(result, all lanes of the accumulator).
  linalg::GenericOp createMerge(linalg::GenericOp row, Value accumulator,
                                Operation *combiner) {
    SmallVector<AffineMap> maps{
        rewriter.getMultiDimIdentityMap(row.getNumLoops()),
        row.getIndexingMapsArray().back()};
    return linalg::GenericOp::create(
        rewriter, loc, TypeRange{}, ValueRange{accumulator}, row.getOutputs(),
        maps, row.getIteratorTypesArray(),
        [&](OpBuilder &b, Location l, ValueRange args) {
          Operation *combine = b.clone(*combiner);
          combine->setOperands({args[1], args[0]});
          linalg::YieldOp::create(b, l, combine->getResult(0));
        });
  }

  RewriterBase &rewriter;
  linalg::LinalgOp op;
  Location loc;
  int64_t rows, width = 1;
  AffineMap resultMap;
  SmallVector<Range> ranges;
  Tile whole;
  LogicalResult status = success();
};

/// Reads of the body whose address is the same for all loops move in front.
void hoistInvariantLoads(linalg::LinalgOp op) {
  SmallVector<memref::LoadOp> loads(op.getBlock()->getOps<memref::LoadOp>());
  for (memref::LoadOp load : loads)
    if (llvm::all_of(load.getIndices(), [&](Value index) {
          return index.getParentRegion() != &op->getRegion(0);
        }))
      load->moveBefore(op);
}

/// Whether the body reads memory at addresses that it computes: the decoding of
/// packed bits in the reference form of a layer that has no kernel.
bool readsComputedAddresses(linalg::LinalgOp op) {
  return op->walk([](memref::LoadOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

struct CPUTileAndVectorizePass
    : lowbit::impl::CPUTileAndVectorizePassBase<CPUTileAndVectorizePass> {
  using Base::Base;

  void runOnOperation() override {
    markProgramLoops();
    const CPUDescription &target =
        getCPUDescription(getOperation()->getParentOfType<ModuleOp>());
    int64_t bits = vectorBits ? int64_t(vectorBits) : target.vectorBits;
    // Sums of two vectors per row; two vectors and a number are multiplied.
    int64_t tileRows =
        rows ? int64_t(rows) : std::min<int64_t>(8, target.registers / 2 - 2);
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      if (!op.hasPureBufferSemantics()) {
        op->emitError("requires buffers, found tensors: bufferize first");
        return signalPassFailure();
      }
      if (!isa<linalg::GenericOp>(op.getOperation())) {
        rewriter.setInsertionPoint(op);
        FailureOr<linalg::GenericOp> generic =
            linalg::generalizeNamedOp(rewriter, op);
        assert(succeeded(generic) && "every named linalg op has a region");
        op = cast<linalg::LinalgOp>(generic->getOperation());
      }
      hoistInvariantLoads(op);
      if (StringRef reason = explainScalar(op); !reason.empty()) {
        emitScalarLoops(rewriter, op, reason);
        continue;
      }
      if (failed(OpVectorizer(rewriter, op, bits, tileRows).run()))
        return signalPassFailure();
      ++numVectorized;
    }
    dropContractionMasks(rewriter, getOperation());
  }

  /// Loops that came with the program are what it says: all of those that hold
  /// no linalg op, and the single numbers of others.
  void markProgramLoops() {
    getOperation()->walk([](Operation *loop) {
      if (!isa<scf::ForOp, scf::WhileOp>(loop))
        return;
      bool hasLinalg =
          loop->walk([](linalg::LinalgOp) { return WalkResult::interrupt(); })
              .wasInterrupted();
      loop->setAttr(hasLinalg ? kProgramLoopAttrName : kScalarLoopAttrName,
                    UnitAttr::get(loop->getContext()));
    });
  }

  /// Why `op` can't be vectorized; empty if it can.
  static StringRef explainScalar(linalg::LinalgOp op) {
    if (readsComputedAddresses(op))
      return "it reads addresses that it computes";
    for (OpOperand &init : op.getDpsInitsMutable())
      if (!op.getMatchingIndexingMap(&init).isProjectedPermutation())
        return "the places of its results are not loops alone";
    return {};
  }

  /// The reference form, as it is; a remark says so.
  static void emitScalarLoops(IRRewriter &rewriter, linalg::LinalgOp op,
                              StringRef reason) {
    op->emitRemark("computes its numbers one by one: ") << reason;
    rewriter.setInsertionPoint(op);
    FailureOr<linalg::LinalgLoops> loops =
        linalg::linalgOpToLoops(rewriter, op);
    // On each loop, since those of one iteration are folded away.
    if (succeeded(loops))
      for (Operation *loop : *loops)
        loop->setAttr(kScalarLoopAttrName, rewriter.getUnitAttr());
    rewriter.eraseOp(op);
  }
};
} // namespace
