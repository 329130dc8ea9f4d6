//===- RaiseLinear.cpp - products with weights become layers --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The weight is never touched: where it is stored as [K, N], a transpose of its
// value says so, and later passes read the data through it. Activations are
// transposed only where the contraction really asks for it.
//
//===----------------------------------------------------------------------===//

#include "Product.h"
#include "RaisePatterns.h"

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_RAISELINEARPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Positions in `map` of the loops in `order`.
static SmallVector<int64_t> positionsOf(AffineMap map,
                                        ArrayRef<int64_t> order) {
  SmallVector<int64_t> positions;
  for (int64_t loop : order)
    positions.push_back(
        *map.getResultPosition(getAffineDimExpr(loop, map.getContext())));
  return positions;
}

static SmallVector<int64_t> concatenated(ArrayRef<int64_t> a,
                                         ArrayRef<int64_t> b) {
  SmallVector<int64_t> result(a);
  llvm::append_range(result, b);
  return result;
}

/// Runs of `count` ones and one run of length `last`.
static SmallVector<int64_t> lastMerged(size_t count, size_t last) {
  SmallVector<int64_t> sizes(count, 1);
  sizes.push_back(last);
  return sizes;
}

static bool isZeroFilled(Value init) {
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getInputs()[0];
  return matchPattern(init, m_AnyZeroFloat());
}

namespace {
/// The pieces of a product as `lowbit.linear` takes them: [leading..., K] and
/// [leading..., N].
class ProductBuilder {
public:
  ProductBuilder(PatternRewriter &rewriter, linalg::LinalgOp op,
                 const Product &product)
      : rewriter(rewriter), op(op), product(product), loc(op.getLoc()),
        resultMap(op.getMatchingIndexingMap(op.getDpsInitOperand(0))),
        resultOrder(positionsOf(resultMap,
                                concatenated(product.leading, product.rows))) {}

  Value build() {
    Value residual;
    Value init = op.getDpsInitOperand(0)->get();
    if (!isZeroFilled(init))
      residual = flattened(init);
    Value weight = materializeMatrix(rewriter, loc, product.weight,
                                     product.rows, product.columns);
    auto linear =
        LinearOp::create(rewriter, loc, getFlatType(), getInput(), weight,
                         /*bias=*/Value(), residual, ActivationAttr());
    return unflattened(linear.getResult());
  }

private:
  Value getInput() {
    AffineMap map = op.getMatchingIndexingMap(product.input);
    Value input = transposed(
        rewriter, loc, product.input->get(),
        positionsOf(map, concatenated(product.leading, product.columns)));
    return collapsed(
        rewriter, loc, input,
        lastMerged(product.leading.size(), product.columns.size()));
  }

  RankedTensorType getResultType() {
    return cast<RankedTensorType>(op->getResult(0).getType());
  }

  /// [leading..., rows...] without the rows merged.
  SmallVector<int64_t> getOrderedShape() {
    return applyPermutation(getResultType().getShape(), resultOrder);
  }

  RankedTensorType getFlatType() {
    SmallVector<int64_t> shape = getOrderedShape();
    shape.truncate(product.leading.size());
    int64_t rows = 1;
    for (int64_t loop : product.rows)
      rows *= product.weight.getExtent(loop);
    shape.push_back(rows);
    return RankedTensorType::get(shape, getResultType().getElementType());
  }

  Value flattened(Value value) {
    value = transposed(rewriter, loc, value, resultOrder);
    return collapsed(rewriter, loc, value,
                     lastMerged(product.leading.size(), product.rows.size()));
  }

  Value unflattened(Value value) {
    size_t leading = product.leading.size();
    if (product.rows.size() > 1) {
      SmallVector<OpFoldResult> sizes =
          tensor::getMixedSizes(rewriter, loc, value);
      sizes.pop_back();
      for (int64_t loop : product.rows)
        sizes.push_back(rewriter.getIndexAttr(product.weight.getExtent(loop)));
      SmallVector<ReassociationIndices> groups;
      for (size_t i = 0; i < leading; ++i)
        groups.push_back({static_cast<int64_t>(i)});
      groups.push_back(llvm::to_vector<2>(
          llvm::seq<int64_t>(leading, leading + product.rows.size())));
      auto type = RankedTensorType::get(getOrderedShape(),
                                        getResultType().getElementType());
      value = tensor::ExpandShapeOp::create(rewriter, loc, type, value, groups,
                                            sizes);
    }
    return transposed(rewriter, loc, value,
                      invertPermutationVector(resultOrder));
  }

  PatternRewriter &rewriter;
  linalg::LinalgOp op;
  const Product &product;
  Location loc;
  AffineMap resultMap;
  SmallVector<int64_t> resultOrder;
};

struct RaiseProduct : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto product = analyzeProduct(op, [&](const Twine &text) {
      (void)rewriter.notifyMatchFailure(
          op, [&](Diagnostic &diagnostic) { diagnostic << text; });
    });
    if (failed(product))
      return failure();
    Value result = ProductBuilder(rewriter, op, *product).build();
    if (result.getType() != op->getResult(0).getType())
      result = tensor::CastOp::create(rewriter, op.getLoc(),
                                      op->getResult(0).getType(), result);
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void lowbit::populateRaiseLinearPatterns(RewritePatternSet &patterns) {
  patterns.addWithLabel<RaiseProduct>({pattern::kLinear},
                                      patterns.getContext());
  populateRaiseEmbeddingPatterns(patterns);
  populateLinearReshapePatterns(patterns);
  populateLinearDequantizePatterns(patterns);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct RaiseLinearPass : lowbit::impl::RaiseLinearPassBase<RaiseLinearPass> {
  using RaiseLinearPassBase::RaiseLinearPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return freezeRaisePatterns(context, getArgument(), disabledPatterns,
                               populateRaiseLinearPatterns, patterns);
  }

  void runOnOperation() override {
    unsigned linears = 0, embeddings = 0;
    count(linears, embeddings);
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      return signalPassFailure();
    if (auto module = dyn_cast<ModuleOp>(getOperation()))
      if (failed(takeRowsOfCodes(module)))
        return signalPassFailure();
    unsigned linearsBefore = linears, embeddingsBefore = embeddings;
    count(linears, embeddings);
    numLinears += linears - linearsBefore;
    numEmbeddings += embeddings - embeddingsBefore;
    getOperation()->walk([&](linalg::LinalgOp op) { noteLeft(op); });
    getOperation()->walk([&](DequantizeOp op) { noteDecoded(op); });
  }

  void count(unsigned &linears, unsigned &embeddings) {
    linears = embeddings = 0;
    getOperation()->walk([&](Operation *op) {
      linears += isa<LinearOp>(op);
      embeddings += isa<EmbeddingOp>(op);
    });
  }

  /// Says that a weight of codes becomes numbers whenever the model runs.
  void noteDecoded(DequantizeOp op) {
    auto weight = op.getInput().getDefiningOp<WeightOp>();
    if (!weight || op->use_empty())
      return;
    ++numDecoded;
    op.emitRemark() << "weight @" << weight.getGlobal()
                    << " is decoded whenever the model runs: no layer takes "
                       "its rows as they are stored";
  }

  /// Counts a product with a weight that stayed as it was, and says why.
  void noteLeft(linalg::LinalgOp op) {
    if (!isFloatContraction(op))
      return;
    OpOperand *weight = findWeightOperand(op);
    if (!weight)
      return noteComputed(op);
    ++numLeft;
    if (!report)
      return;
    std::string name = getWeightName(getWeightSource(weight->get()));
    (void)analyzeProduct(op, [&](const Twine &text) {
      op.emitRemark() << "product with " << name << " is left: " << text;
    });
  }

  /// The same of a product with a weight that other constants make, whenever
  /// the model runs.
  void noteComputed(linalg::LinalgOp op) {
    Operation *weight = findComputedFactor(op);
    if (!weight)
      return;
    ++numLeft;
    if (report)
      op.emitRemark() << "product with " << getWeightName(weight)
                      << " is left: the weight is computed from constants; "
                         "fold them in the model";
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
