//===- WindowBlocks.cpp - blocks of a matrix of windows -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a block is, the windows that are its rows, and tensors between the
// form of a matrix and that with a dimension for each loop.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "WindowTiler.h"

#include "lowbit/Transforms/Windows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

/// A window's last loop is worth a run of its own from this extent on.
static constexpr int64_t kLongRun = 16;
/// Rows of a register tile, or a multiple of them: two vectors of 512 bits.
static constexpr int64_t kRegisterRows = 32;

/// Whether runs of the input follow the layer's rows, as with channels first,
/// and those within a window are short.
bool WindowTiler::columnsFirst() {
  unsigned row = layer.leading - 1;
  return read.getResults().back().isFunctionOfDim(row) &&
         extents.back() < kLongRun;
}

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

/// The rows of the block of a tensor [rows..., N], as a matrix.
Value WindowTiler::sliceRows(Value tensor) {
  Sizes from(offsets), count(sizes);
  from.push_back(index(0));
  count.push_back(tensor::getMixedSize(b, loc, tensor, layer.leading));
  return collapsed(slice(tensor, from, count),
                   {static_cast<int64_t>(layer.leading), 1});
}
