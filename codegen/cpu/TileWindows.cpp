//===- TileWindows.cpp - layers of windows, block by block ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The im2col matrix of overlapping windows has as many times the bytes of the
// input as windows overlap. Here no more of it exists than a task multiplies at
// a time: a block of rows that stays in the second-level cache.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Reference/Activation.h"
#include "lowbit/Transforms/Windows.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUTILEWINDOWSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// A window's last loop is worth a run of its own from this extent on.
static constexpr int64_t kLongRun = 16;
/// Rows of a register tile, or a multiple of them: two vectors of 512 bits.
static constexpr int64_t kRegisterRows = 32;

namespace {
/// A layer of the windows that `copy` makes.
struct WindowLayer {
  LinearOp linear;
  /// Between them, or null.
  QuantizeOp quantize;
  linalg::GenericOp copy;
  /// The only use of the layer's result, or null.
  linalg::TransposeOp transpose;
  /// Loops of the copy that the layer's rows are; the others are its columns.
  unsigned leading;
};

using Sizes = SmallVector<OpFoldResult>;

class WindowTiler {
public:
  WindowTiler(IRRewriter &rewriter, WindowLayer layer, int64_t scratchElements,
              int64_t minRows)
      : b(rewriter), layer(layer), loc(layer.linear.getLoc()),
        read(layer.copy.getIndexingMapsArray()[0]),
        extents(layer.copy.getStaticLoopRanges()), loops(extents.size()),
        scratchElements(scratchElements), minRows(minRows) {}

  /// Replaces the layer, and the transposition of its result.
  void tile();

private:
  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  OpFoldResult apply(AffineExpr expression, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, loc, expression, operands);
  }
  bool isFloat() { return !layer.quantize; }
  bool columnsFirst();
  SmallVector<int64_t> chooseTiles();
  void chooseBlock(ValueRange ivs);
  Value readBlock();
  Value copyBlock(Value block);
  Value buildRows(Value windows);
  Value multiply(Value windows);
  Value addEpilogue(Value product);
  Value sliceRows(Value tensor);
  Value slice(Value tensor, const Sizes &offsets, const Sizes &sizes);
  Value transposed(Value tensor, ArrayRef<int64_t> permutation);
  Value collapsed(Value tensor, ArrayRef<int64_t> counts);
  Value expanded(Value tensor, bool isFirst);

  IRRewriter &b;
  WindowLayer layer;
  Location loc;
  AffineMap read;
  SmallVector<int64_t> extents;
  unsigned loops;
  int64_t scratchElements, minRows;
  /// Of the layer's rows; whole dimensions have tile 0.
  SmallVector<int64_t> tiles;
  /// The block of rows that a task computes.
  Sizes offsets, sizes;
  /// [K, N] of a float layer whose windows are rows.
  Value weight;
};
} // namespace

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// Whether `op` copies windows: it reads at sums of loops.
static bool copiesWindows(linalg::GenericOp op) {
  return isDataMovement(op) && op.hasPureTensorSemantics() &&
         op->getNumResults() == 1 &&
         op.getIndexingMapsArray()[1].isIdentity() &&
         !op.getIndexingMapsArray()[0].isProjectedPermutation(
             /*allowZeroInResults=*/true);
}

/// The windows that are the input of `op` and of nothing else.
static std::optional<WindowLayer> matchLayer(LinearOp op) {
  WindowLayer layer{op, op.getInput().getDefiningOp<QuantizeOp>(), {}, {}, 0};
  Value input = op.getInput();
  if (layer.quantize) {
    if (!input.hasOneUse())
      return std::nullopt;
    input = layer.quantize.getInput();
  }
  auto collapse = input.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || !collapse->hasOneUse())
    return std::nullopt;
  layer.copy = collapse.getSrc().getDefiningOp<linalg::GenericOp>();
  if (!layer.copy || !layer.copy->hasOneUse() || !copiesWindows(layer.copy))
    return std::nullopt;
  // Its last dimensions are the columns, all others rows as they are.
  auto groups = collapse.getReassociationIndices();
  layer.leading = groups.size() - 1;
  for (unsigned i = 0; i < layer.leading; ++i)
    if (groups[i].size() != 1)
      return std::nullopt;
  SmallVector<int64_t> extents = layer.copy.getStaticLoopRanges();
  for (int64_t extent : ArrayRef(extents).drop_front(layer.leading))
    if (ShapedType::isDynamic(extent) || extent == 0)
      return std::nullopt;
  if (op->hasOneUse())
    layer.transpose = dyn_cast<linalg::TransposeOp>(*op->getUsers().begin());
  bool isWhollyF32 = op.getType().getElementType().isF32() && !op.getGated() &&
                     isa<RankedTensorType>(op.getWeight().getType()) &&
                     getElementTypeOrSelf(op.getWeight().getType()).isF32() &&
                     getElementTypeOrSelf(input.getType()).isF32();
  if (layer.leading == 0 || (!layer.quantize && !isWhollyF32))
    return std::nullopt;
  return layer;
}

/// Whether runs of the input follow the layer's rows, as with channels first,
/// and those within a window are short.
bool WindowTiler::columnsFirst() {
  unsigned row = layer.leading - 1;
  return read.getResults().back().isFunctionOfDim(row) &&
         extents.back() < kLongRun;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

SmallVector<int64_t> WindowTiler::chooseTiles() {
  int64_t columns = 1;
  for (int64_t extent : ArrayRef(extents).drop_front(layer.leading))
    columns *= extent;
  // A row has its window and its results.
  columns += layer.linear.getType().getShape().back();
  int64_t rows = std::max(minRows, scratchElements / columns);
  SmallVector<int64_t> result =
      chooseBlockTiles(ArrayRef(extents).take_front(layer.leading), rows);
  // Vectors run along rows then: a register tile that is not full costs as much
  // as one that is.
  if (isFloat() && columnsFirst() && result.back() != 0)
    result.back() = llvm::alignTo(result.back(), kRegisterRows);
  return result;
}

void WindowTiler::chooseBlock(ValueRange ivs) {
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  Sizes whole = tensor::getMixedSizes(b, loc, layer.copy.getOutputs()[0]);
  for (unsigned i = 0; i < layer.leading; ++i) {
    if (!tiles[i]) {
      offsets.push_back(index(0));
      sizes.push_back(whole[i]);
      continue;
    }
    OpFoldResult first = apply(s0 * tiles[i], {ivs.front()});
    offsets.push_back(first);
    ivs = ivs.drop_front();
    if (!ShapedType::isDynamic(extents[i]) && extents[i] % tiles[i] == 0) {
      sizes.push_back(index(tiles[i]));
      continue;
    }
    AffineMap least = AffineMap::get(
        0, 2, {b.getAffineConstantExpr(tiles[i]), s0 - s1}, b.getContext());
    sizes.push_back(affine::makeComposedFoldedAffineMin(
        b, loc, least, ArrayRef<OpFoldResult>{whole[i], first}));
  }
}

Value WindowTiler::slice(Value tensor, const Sizes &from, const Sizes &count) {
  Sizes strides(from.size(), index(1));
  return tensor::ExtractSliceOp::create(b, loc, tensor, from, count, strides);
}

/// The part of the input that the block's windows cover.
Value WindowTiler::readBlock() {
  Sizes first(offsets), last;
  first.append(loops - layer.leading, index(0));
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  for (OpFoldResult size : sizes)
    last.push_back(apply(s0 - 1, {size}));
  for (int64_t extent : ArrayRef(extents).drop_front(layer.leading))
    last.push_back(index(extent - 1));
  Sizes from, count;
  for (AffineExpr expression : read.getResults()) {
    auto at = [&](AffineExpr e, ArrayRef<OpFoldResult> places) {
      return affine::makeComposedFoldedAffineApply(
          b, loc, AffineMap::get(loops, 0, e), places);
    };
    from.push_back(at(expression, first));
    count.push_back(at(expression + 1, last));
  }
  return slice(layer.copy.getInputs()[0], from, count);
}

/// The block's windows as a matrix: [columns, rows] or [rows, columns].
Value WindowTiler::copyBlock(Value block) {
  Sizes order;
  SmallVector<AffineExpr> places(loops);
  unsigned columns = loops - layer.leading;
  for (unsigned loop = 0; loop < loops; ++loop) {
    bool isRow = loop < layer.leading;
    unsigned place = !columnsFirst() ? loop
                     : isRow         ? columns + loop
                                     : loop - layer.leading;
    places[loop] = b.getAffineDimExpr(place);
  }
  auto addRows = [&] { llvm::append_range(order, sizes); };
  if (!columnsFirst())
    addRows();
  for (int64_t extent : ArrayRef(extents).drop_front(layer.leading))
    order.push_back(index(extent));
  if (columnsFirst())
    addRows();
  AffineMap map = read.replaceDimsAndSymbols(places, {}, loops, 0);
  Value windows = copyElements(b, loc, block, map, order);
  int64_t rows = layer.leading;
  if (columnsFirst())
    return collapsed(windows, {columns, rows});
  return collapsed(windows, {rows, columns});
}

/// `tensor` with runs of as many dimensions as `counts` has merged.
Value WindowTiler::collapsed(Value tensor, ArrayRef<int64_t> counts) {
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t count : counts) {
    groups.push_back(llvm::to_vector<2>(llvm::seq(next, next + count)));
    next += count;
  }
  if (static_cast<int64_t>(groups.size()) == next)
    return tensor;
  return tensor::CollapseShapeOp::create(b, loc, tensor, groups);
}

/// A matrix with the block's rows as dimensions of their own, before
/// (`isFirst`) or after the dimension of results.
Value WindowTiler::expanded(Value tensor, bool isFirst) {
  if (layer.leading == 1)
    return tensor;
  Sizes shape(sizes);
  ReassociationIndices rows = llvm::to_vector<2>(
      llvm::seq<int64_t>(isFirst ? 0 : 1, layer.leading + !isFirst));
  ReassociationIndices results{isFirst ? int64_t(layer.leading) : 0};
  OpFoldResult count = tensor::getMixedSize(b, loc, tensor, isFirst ? 1 : 0);
  shape.insert(isFirst ? shape.end() : shape.begin(), count);
  SmallVector<ReassociationIndices> groups{rows, results};
  if (!isFirst)
    std::swap(groups[0], groups[1]);
  SmallVector<int64_t> extents;
  for (OpFoldResult size : shape)
    extents.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type = RankedTensorType::get(extents, getElementTypeOrSelf(tensor));
  return tensor::ExpandShapeOp::create(b, loc, type, tensor, groups, shape);
}

Value WindowTiler::transposed(Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return tensor;
  Sizes before = tensor::getMixedSizes(b, loc, tensor), after;
  for (int64_t dimension : permutation)
    after.push_back(before[dimension]);
  Value init =
      tensor::EmptyOp::create(b, loc, after, getElementTypeOrSelf(tensor));
  return linalg::TransposeOp::create(b, loc, tensor, init, permutation)
      ->getResult(0);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// The rows of the block of a tensor [rows..., N], as a matrix.
Value WindowTiler::sliceRows(Value tensor) {
  Sizes from(offsets), count(sizes);
  from.push_back(index(0));
  count.push_back(tensor::getMixedSize(b, loc, tensor, layer.leading));
  return collapsed(slice(tensor, from, count),
                   {static_cast<int64_t>(layer.leading), 1});
}

/// The layer on rows of windows: [rows, N].
Value WindowTiler::buildRows(Value windows) {
  LinearOp op = layer.linear;
  if (columnsFirst())
    windows = transposed(windows, {1, 0});
  auto rows = cast<RankedTensorType>(windows.getType());
  auto type = QuantizedTensorType::get(
      rows.getShape(), rows.getElementType(),
      cast<QuantizedTensorType>(layer.quantize.getType()).getEncoding());
  Value input = QuantizeOp::create(b, layer.quantize.getLoc(), type, windows,
                                   layer.quantize.getScaleAttr());
  Value residual;
  if (op.getResidual())
    residual = sliceRows(op.getResidual());
  auto resultType = RankedTensorType::get(
      {rows.getDimSize(0), op.getType().getShape().back()},
      op.getType().getElementType());
  return LinearOp::create(b, loc, resultType, input, op.getWeight(),
                          op.getBias(), residual, op.getActivationAttr(),
                          op.getGatedAttr());
}

/// The product of a float layer, [N, rows] where columns come first. Neither
/// then needs a transposition: vectors run along rows.
Value WindowTiler::multiply(Value windows) {
  auto type = cast<RankedTensorType>(windows.getType());
  OpFoldResult results = index(layer.linear.getType().getShape().back());
  OpFoldResult rows = tensor::getMixedSize(b, loc, windows, columnsFirst());
  Sizes shape{rows, results};
  if (columnsFirst())
    std::swap(shape[0], shape[1]);
  Value init = tensor::EmptyOp::create(b, loc, shape, type.getElementType());
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  SmallVector<Value, 2> operands{windows, weight};
  if (columnsFirst())
    std::swap(operands[0], operands[1]);
  return linalg::MatmulOp::create(b, loc, init.getType(), operands, init)
      .getResult(0);
}

/// Bias, activation and residual of a float layer.
Value WindowTiler::addEpilogue(Value product) {
  LinearOp op = layer.linear;
  if (!op.getBias() && !op.getActivation() && !op.getResidual())
    return product;
  unsigned resultDim = columnsFirst() ? 0 : 1;
  SmallVector<Value> inputs{product};
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(2)};
  AffineExpr row = b.getAffineDimExpr(1 - resultDim),
             result = b.getAffineDimExpr(resultDim);
  if (op.getBias()) {
    inputs.push_back(op.getBias());
    maps.push_back(AffineMap::get(2, 0, result));
  }
  if (op.getResidual()) {
    inputs.push_back(sliceRows(op.getResidual()));
    maps.push_back(AffineMap::get(2, 0, {row, result}, b.getContext()));
  }
  maps.push_back(maps.front());
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, product), b.getF32Type());
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, maps,
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location l, ValueRange values) {
               Value sum = values[0];
               if (op.getBias())
                 sum = arith::AddFOp::create(inner, l, sum, values[1]);
               if (op.getActivation())
                 sum = buildActivation(inner, l, op.getActivationAttr(), sum);
               if (op.getResidual())
                 sum = arith::AddFOp::create(inner, l, sum,
                                             values[1 + !!op.getBias()]);
               linalg::YieldOp::create(inner, l, sum);
             })
      .getResult(0);
}

void WindowTiler::tile() {
  LinearOp op = layer.linear;
  Operation *replaced = op;
  SmallVector<int64_t> order =
      llvm::to_vector(llvm::seq<int64_t>(0, layer.leading + 1));
  if (layer.transpose) {
    replaced = layer.transpose;
    order.assign(layer.transpose.getPermutation().begin(),
                 layer.transpose.getPermutation().end());
  }
  b.setInsertionPoint(op);
  tiles = chooseTiles();
  if (isFloat())
    weight =
        columnsFirst() ? op.getWeight() : transposed(op.getWeight(), {1, 0});

  Sizes bounds,
      whole = tensor::getMixedSizes(b, loc, layer.copy.getOutputs()[0]);
  whole.truncate(layer.leading);
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  for (auto [size, tile] : llvm::zip(whole, tiles))
    if (tile)
      bounds.push_back(apply(s0.ceilDiv(tile), {size}));
  // A single block: canonicalization removes the loop.
  if (bounds.empty())
    bounds.push_back(index(1));
  whole.push_back(index(op.getType().getShape().back()));
  Sizes shape;
  for (int64_t dimension : order)
    shape.push_back(whole[dimension]);
  Value init =
      tensor::EmptyOp::create(b, loc, shape, op.getType().getElementType());
  auto forall =
      scf::ForallOp::create(b, loc, bounds, ValueRange{init}, std::nullopt);
  b.setInsertionPoint(forall.getTerminator());
  chooseBlock(forall.getInductionVars());
  Value windows = copyBlock(readBlock()), block;
  if (isFloat() && columnsFirst()) {
    // [N, rows...]
    block = expanded(addEpilogue(multiply(windows)), /*isFirst=*/false);
    SmallVector<int64_t> fromFirst;
    for (int64_t dimension : order)
      fromFirst.push_back(
          dimension == static_cast<int64_t>(layer.leading) ? 0 : dimension + 1);
    block = transposed(block, fromFirst);
  } else {
    Value rows =
        isFloat() ? addEpilogue(multiply(windows)) : buildRows(windows);
    block = transposed(expanded(rows, /*isFirst=*/true), order);
  }
  Sizes at(offsets), count(sizes), targetOffsets, targetSizes,
      strides(order.size(), index(1));
  at.push_back(index(0));
  count.push_back(whole.back());
  for (int64_t dimension : order) {
    targetOffsets.push_back(at[dimension]);
    targetSizes.push_back(count[dimension]);
  }
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, loc, block,
                                        forall.getRegionIterArgs()[0],
                                        targetOffsets, targetSizes, strides);
  b.setInsertionPoint(replaced);
  Value replacement = forall.getResult(0);
  if (Type type = replaced->getResult(0).getType();
      type != replacement.getType())
    replacement = tensor::CastOp::create(b, loc, type, replacement);
  b.replaceOp(replaced, replacement);
  if (replaced != op)
    b.eraseOp(op);
}

namespace {
struct CPUTileWindowsPass
    : lowbit::impl::CPUTileWindowsPassBase<CPUTileWindowsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<WindowLayer> layers;
    getOperation()->walk([&](LinearOp op) {
      if (std::optional<WindowLayer> layer = matchLayer(op))
        layers.push_back(*layer);
    });
    IRRewriter rewriter(&getContext());
    for (WindowLayer layer : layers) {
      Operation *collapse = *layer.copy->getUsers().begin();
      WindowTiler(rewriter, layer, scratchElements, minRows).tile();
      if (layer.quantize)
        rewriter.eraseOp(layer.quantize);
      rewriter.eraseOp(collapse);
      rewriter.eraseOp(layer.copy);
    }
    numTiled += layers.size();
  }
};
} // namespace
