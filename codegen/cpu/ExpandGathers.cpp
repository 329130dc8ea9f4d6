//===- ExpandGathers.cpp - gathers of rows as copies ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUEXPANDGATHERSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
/// What a gather of rows looks like: the last `rowRank` loops copy a slice.
struct RowGather {
  linalg::GenericOp op;
  tensor::ExtractOp extract;
  unsigned rowRank;
};
} // namespace

/// Matches ops whose body yields an element of a tensor from outside, at
/// `linalg.index` of the last loops in its last dimensions.
static std::optional<RowGather> matchRowGather(linalg::GenericOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() ||
      op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  auto extract = yield.getOperand(0).getDefiningOp<tensor::ExtractOp>();
  if (!extract ||
      op->isAncestor(extract.getTensor().getParentBlock()->getParentOp()))
    return std::nullopt;
  unsigned rowRank = 0, loops = op.getNumLoops();
  for (Value index : llvm::reverse(extract.getIndices())) {
    auto loopIndex = index.getDefiningOp<linalg::IndexOp>();
    if (rowRank == loops || !loopIndex ||
        loopIndex.getDim() != loops - 1 - rowRank)
      break;
    ++rowRank;
  }
  if (rowRank == 0)
    return std::nullopt;
  // The other indices are the same for a whole row.
  for (OpOperand *input : op.getDpsInputOperands())
    for (unsigned dim = loops - rowRank; dim < loops; ++dim)
      if (op.getMatchingIndexingMap(input).isFunctionOfDim(dim))
        return std::nullopt;
  unsigned uses = 0;
  op.getBody()->walk([&](linalg::IndexOp index) {
    if (index.getDim() >= loops - rowRank)
      uses += std::distance(index->use_begin(), index->use_end());
  });
  if (uses != rowRank)
    return std::nullopt;
  return RowGather{op, extract, rowRank};
}

namespace {
/// One row of a gather: where it lies, and where it goes.
class RowCopy {
public:
  RowCopy(OpBuilder &builder, RowGather gather, ValueRange ivs)
      : b(builder), gather(gather), op(gather.op), loc(op.getLoc()), ivs(ivs),
        type(cast<RankedTensorType>(op.getOutputs()[0].getType())) {}

  void copyIndices();
  Value readRow(ArrayRef<OpFoldResult> extents);
  void writeRow(Value row, Value to, ArrayRef<OpFoldResult> extents);

private:
  /// Offsets in the outer dimensions, with what slices have in all.
  struct Place {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Place getPlace(ValueRange outer, ArrayRef<OpFoldResult> extents);

  OpBuilder &b;
  RowGather gather;
  linalg::GenericOp op;
  Location loc;
  ValueRange ivs;
  RankedTensorType type;
  IRMapping mapping;
};
} // namespace

/// Copies what the body computes but for what it gathers.
void RowCopy::copyIndices() {
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value element = input->get();
    if (isa<RankedTensorType>(element.getType())) {
      SmallVector<Value> at;
      for (AffineExpr expr : op.getMatchingIndexingMap(input).getResults())
        at.push_back(ivs[cast<AffineDimExpr>(expr).getPosition()]);
      element = tensor::ExtractOp::create(b, loc, element, at);
    }
    mapping.map(op.getMatchingBlockArgument(input), element);
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      if (index.getDim() < ivs.size())
        mapping.map(index.getResult(), ivs[index.getDim()]);
    } else if (&inner != gather.extract.getOperation()) {
      b.clone(inner, mapping);
    }
  }
}

RowCopy::Place RowCopy::getPlace(ValueRange outer,
                                 ArrayRef<OpFoldResult> extents) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Place place;
  llvm::append_range(place.offsets, outer);
  place.sizes.assign(outer.size(), one);
  place.offsets.append(gather.rowRank, zero);
  llvm::append_range(place.sizes, extents);
  place.strides.assign(place.offsets.size(), one);
  return place;
}

Value RowCopy::readRow(ArrayRef<OpFoldResult> extents) {
  SmallVector<Value> outer;
  for (Value index : gather.extract.getIndices().drop_back(gather.rowRank))
    outer.push_back(mapping.lookupOrDefault(index));
  Place from = getPlace(outer, extents);
  auto rowType = RankedTensorType::get(
      type.getShape().take_back(gather.rowRank), type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, rowType,
                                        gather.extract.getTensor(),
                                        from.offsets, from.sizes, from.strides);
}

void RowCopy::writeRow(Value row, Value to, ArrayRef<OpFoldResult> extents) {
  Place place = getPlace(ivs, extents);
  auto terminator = scf::InParallelOp::create(b, loc);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(terminator.getBody());
  tensor::ParallelInsertSliceOp::create(b, loc, row, to, place.offsets,
                                        place.sizes, place.strides);
}

/// The outer loops as scf.forall, the row as a slice.
static void expand(RewriterBase &rewriter, RowGather gather) {
  linalg::GenericOp op = gather.op;
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  Value init = op.getOutputs()[0];
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(rewriter, loc, init);
  unsigned outerRank = op.getNumLoops() - gather.rowRank;
  auto forall = scf::ForallOp::create(
      rewriter, loc, ArrayRef(extents).take_front(outerRank), ValueRange{init},
      std::nullopt, [&](OpBuilder &b, Location, ValueRange args) {
        ArrayRef<OpFoldResult> row = ArrayRef(extents).drop_front(outerRank);
        RowCopy copy(b, gather, args.take_front(outerRank));
        copy.copyIndices();
        copy.writeRow(copy.readRow(row), args.back(), row);
      });
  rewriter.replaceOp(op, forall.getResults());
}

namespace {
struct CPUExpandGathersPass
    : lowbit::impl::CPUExpandGathersPassBase<CPUExpandGathersPass> {
  void runOnOperation() override {
    SmallVector<RowGather> gathers;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (std::optional<RowGather> gather = matchRowGather(op))
        gathers.push_back(*gather);
    });
    IRRewriter rewriter(&getContext());
    for (const RowGather &gather : gathers)
      expand(rewriter, gather);
    numGathers += gathers.size();
  }
};
} // namespace
