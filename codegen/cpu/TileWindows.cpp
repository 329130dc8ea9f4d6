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
#include "WindowTiler.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "lowbit/Reference/Activation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUTILEWINDOWSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

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

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

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

/// The dimensions of [rows..., N] as the result has them.
SmallVector<int64_t> WindowTiler::getOrder() {
  if (layer.transpose)
    return SmallVector<int64_t>(layer.transpose.getPermutation());
  return llvm::to_vector(llvm::seq<int64_t>(0, layer.leading + 1));
}

/// A task for each block, which writes to a result of the extents `whole` in
/// this order.
scf::ForallOp WindowTiler::createTasks(const Sizes &whole,
                                       ArrayRef<int64_t> order) {
  Sizes bounds, shape;
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  for (auto [size, tile] : llvm::zip(whole, tiles))
    if (tile)
      bounds.push_back(apply(s0.ceilDiv(tile), {size}));
  // A single block: canonicalization removes the loop.
  if (bounds.empty())
    bounds.push_back(index(1));
  for (int64_t dimension : order)
    shape.push_back(whole[dimension]);
  Value init = tensor::EmptyOp::create(b, loc, shape,
                                       layer.linear.getType().getElementType());
  return scf::ForallOp::create(b, loc, bounds, ValueRange{init}, std::nullopt);
}

/// The block's results, with their dimensions in this order.
Value WindowTiler::computeBlock(ArrayRef<int64_t> order) {
  Value windows = copyBlock(readBlock());
  if (!isFloat() || !columnsFirst()) {
    Value rows =
        isFloat() ? addEpilogue(multiply(windows)) : buildRows(windows);
    return transposed(expanded(rows, /*isFirst=*/true), order);
  }
  // [N, rows...]
  Value block = expanded(addEpilogue(multiply(windows)), /*isFirst=*/false);
  SmallVector<int64_t> fromFirst;
  for (int64_t dimension : order)
    fromFirst.push_back(
        dimension == static_cast<int64_t>(layer.leading) ? 0 : dimension + 1);
  return transposed(block, fromFirst);
}

void WindowTiler::insertBlock(scf::ForallOp tasks, Value block,
                              ArrayRef<int64_t> order) {
  Sizes at(offsets), count(sizes), targetOffsets, targetSizes,
      strides(order.size(), index(1));
  at.push_back(index(0));
  count.push_back(index(layer.linear.getType().getShape().back()));
  for (int64_t dimension : order) {
    targetOffsets.push_back(at[dimension]);
    targetSizes.push_back(count[dimension]);
  }
  b.setInsertionPointToStart(tasks.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, loc, block,
                                        tasks.getRegionIterArgs()[0],
                                        targetOffsets, targetSizes, strides);
}

/// Puts `result` in place of the layer, or of the transposition of its result.
void WindowTiler::replaceLayer(Value result) {
  Operation *replaced = layer.linear;
  if (layer.transpose)
    replaced = layer.transpose;
  b.setInsertionPoint(replaced);
  if (Type type = replaced->getResult(0).getType(); type != result.getType())
    result = tensor::CastOp::create(b, loc, type, result);
  b.replaceOp(replaced, result);
  if (layer.transpose)
    b.eraseOp(layer.linear);
}

void WindowTiler::tile() {
  LinearOp op = layer.linear;
  b.setInsertionPoint(op);
  tiles = chooseTiles();
  if (isFloat())
    weight =
        columnsFirst() ? op.getWeight() : transposed(op.getWeight(), {1, 0});
  Sizes whole = tensor::getMixedSizes(b, loc, layer.copy.getOutputs()[0]);
  whole.truncate(layer.leading);
  whole.push_back(index(op.getType().getShape().back()));
  SmallVector<int64_t> order = getOrder();
  scf::ForallOp tasks = createTasks(whole, order);
  b.setInsertionPoint(tasks.getTerminator());
  chooseBlock(tasks.getInductionVars());
  insertBlock(tasks, computeBlock(order), order);
  replaceLayer(tasks.getResult(0));
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
