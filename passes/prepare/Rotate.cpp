//===- Rotate.cpp - outliers are spread over all columns ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerGroups.h"
#include "RotatedStream.h"
#include "lowbit/Numerics/Hadamard.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_ROTATEPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The largest Hadamard matrix that is multiplied by as it is: larger ones are
/// products of such, which take fewer operations.
static constexpr int64_t kLargestFactor = 16;

namespace {
struct RotatePass : lowbit::impl::RotatePassBase<RotatePass> {
  using RotatePassBase::RotatePassBase;

  void runOnOperation() override {
    WeightEditor editor(getOperation(), releaseData);
    SmallVector<EmbeddingOp> tables;
    getOperation().walk([&](EmbeddingOp op) { tables.push_back(op); });
    std::vector<RotatedStream> streams;
    for (EmbeddingOp table : tables) {
      if (llvm::any_of(streams, [&](const RotatedStream &stream) {
            return stream.contains(table.getResult());
          }))
        continue;
      RotatedStream stream(editor);
      if (failed(stream.collect(table.getResult()))) {
        table.emitRemark() << "what it begins is not rotated: "
                           << stream.getReason();
        continue;
      }
      streams.push_back(std::move(stream));
    }
    if (tables.empty())
      emitRemark(getOperation().getLoc())
          << "nothing is rotated: no embedding begins a residual stream";
    for (RotatedStream &stream : streams) {
      stream.rotate();
      ++numStreams;
      numReaders += stream.numReaders();
      numWriters += stream.numWriters();
    }
    if (!online.empty() && failed(rotateInputs(editor, streams)))
      return signalPassFailure();
  }

private:
  LogicalResult rotateInputs(WeightEditor &editor,
                             ArrayRef<RotatedStream> streams);
};
} // namespace

/// `input` [..., K] with its last dimension as blocks of products of factors:
/// [..., m, f1, f2, ...].
static Value expandColumns(OpBuilder &builder, Location loc, Value input,
                           ArrayRef<int64_t> extents) {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t leading = type.getRank() - 1;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, input);
  sizes.pop_back();
  SmallVector<int64_t> shape(type.getShape().drop_back());
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < leading; ++i)
    groups.push_back({i});
  groups.emplace_back();
  for (auto [i, extent] : llvm::enumerate(extents)) {
    sizes.push_back(builder.getIndexAttr(extent));
    shape.push_back(extent);
    groups.back().push_back(leading + i);
  }
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), input,
      groups, sizes);
}

/// Sums over dimension `dim` of `input` with a Hadamard matrix.
static Value multiplyFactor(OpBuilder &builder, Location loc, Value input,
                            int64_t dim, Value matrix) {
  auto type = cast<RankedTensorType>(input.getType());
  MLIRContext *context = builder.getContext();
  int64_t rank = type.getRank();
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(type.getElementType(), 0));
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input),
      type.getElementType());
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  // The last loop sums; the place of `dim` in the result is a loop of its own.
  SmallVector<AffineExpr> from, to;
  for (int64_t i = 0; i < rank; ++i) {
    to.push_back(getAffineDimExpr(i, context));
    from.push_back(getAffineDimExpr(i == dim ? rank : i, context));
  }
  SmallVector<AffineMap> maps{AffineMap::get(rank + 1, 0, from, context),
                              AffineMap::get(rank + 1, 0,
                                             {getAffineDimExpr(rank, context),
                                              getAffineDimExpr(dim, context)},
                                             context),
                              AffineMap::get(rank + 1, 0, to, context)};
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  loops.push_back(utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             builder, loc, type, ValueRange{input, matrix}, init, maps, loops,
             [](OpBuilder &b, Location loc, ValueRange values) {
               Value product =
                   arith::MulFOp::create(b, loc, values[0], values[1]);
               linalg::YieldOp::create(
                   b, loc,
                   arith::AddFOp::create(b, loc, values[2], product)
                       .getResult());
             })
      .getResult(0);
}

/// The factors of a block of `size`, each at most kLargestFactor and as equal
/// as may be.
static SmallVector<int64_t> factorize(int64_t size) {
  SmallVector<int64_t> factors;
  unsigned bits = llvm::Log2_64(size);
  unsigned most = llvm::Log2_64(kLargestFactor);
  unsigned count = llvm::divideCeil(bits, most);
  for (unsigned i = 0; i < count; ++i)
    factors.push_back(int64_t(1) << ((bits + i) / count));
  return factors;
}

/// `input` times I (x) H as a few small products: the Hadamard matrix of
/// Sylvester is the Kronecker product of smaller ones.
static Value rotateOnline(OpBuilder &builder, Location loc, Value input) {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t columns = type.getShape().back(), rank = type.getRank();
  int64_t size = numerics::hadamardBlock(columns);
  SmallVector<int64_t> factors = factorize(size), extents{columns / size};
  llvm::append_range(extents, factors);
  Value value = expandColumns(builder, loc, input, extents);
  for (auto [i, factor] : llvm::enumerate(factors)) {
    auto matrixType =
        RankedTensorType::get({factor, factor}, builder.getF32Type());
    ElementsAttr data = DenseElementsAttr::get(
        matrixType, ArrayRef(numerics::hadamardMatrix(factor)));
    if (!type.getElementType().isF32())
      data = cast<DenseFPElementsAttr>(data).mapValues(
          type.getElementType(), [&](const APFloat &number) {
            APFloat rounded = number;
            bool losesInfo;
            rounded.convert(
                cast<FloatType>(type.getElementType()).getFloatSemantics(),
                APFloat::rmNearestTiesToEven, &losesInfo);
            return rounded.bitcastToAPInt();
          });
    Value matrix = arith::ConstantOp::create(builder, loc, data);
    value = multiplyFactor(builder, loc, value, rank + i, matrix);
  }
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i + 1 < rank; ++i)
    groups.push_back({i});
  groups.push_back(
      llvm::to_vector<2>(llvm::seq<int64_t>(rank - 1, rank + factors.size())));
  return tensor::CollapseShapeOp::create(builder, loc, type, value, groups);
}

/// Rotates inputs of layers that the options name, when the model runs.
LogicalResult RotatePass::rotateInputs(WeightEditor &editor,
                                       ArrayRef<RotatedStream> streams) {
  std::vector<LayerGroup> groups = collectLayerGroups(getOperation());
  SmallVector<std::string> names;
  for (LayerGroup &group : groups)
    for (LinearOp layer : group.layers)
      names.push_back(getLayerName(layer).value_or(""));
  FailureOr<LayerGlobs> globs =
      LayerGlobs::create(getOperation().getLoc(), "rotation", online, names);
  if (failed(globs))
    return failure();
  for (LayerGroup &group : groups) {
    if (!globs->match(group.name()))
      continue;
    LinearOp first = group.layers.front();
    std::string reason;
    if (llvm::any_of(streams, [&](const RotatedStream &stream) {
          return stream.contains(group.input);
        }))
      reason = "it is part of a stream that is rotated already";
    else if (numerics::hadamardBlock(group.columns()) < 2)
      reason = "an odd number of columns has no Hadamard matrix";
    else if (!llvm::all_of(group.layers, [](LinearOp layer) {
               return matchConstantMatrix(layer.getWeight()).has_value();
             }))
      reason = "a weight is no constant float matrix";
    if (!reason.empty()) {
      first.emitRemark() << "the input of '" << group.name()
                         << "' is not rotated: " << reason;
      continue;
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(group.input);
    Value rotated = rotateOnline(builder, first.getLoc(), group.input);
    for (Operation *reader : group.readers)
      reader->setOperand(0, rotated);
    for (LinearOp layer : group.layers) {
      auto matrix = matchConstantMatrix(layer.getWeight());
      std::vector<float> values = matrix->readRows(0, matrix->rows);
      numerics::rotateBlocks(values.data(), matrix->rows, matrix->columns);
      editor.replace(layer.getWeightMutable(), values);
    }
    ++numOnline;
  }
  return success();
}
