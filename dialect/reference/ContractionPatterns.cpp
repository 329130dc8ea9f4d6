//===- ContractionPatterns.cpp - linear and embedding in linalg -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A linear is a contraction that accumulates in f32 and one elementwise
// operation for everything that follows it; an embedding gathers elements.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "QuantizedValue.h"
#include "lowbit/Reference/Activation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

/// An uninitialised tensor of `type` whose dynamic extents are `input`'s.
static Value createEmpty(OpBuilder &b, Location loc, RankedTensorType type,
                         Value input) {
  SmallVector<Value> extents;
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(extent))
      extents.push_back(tensor::DimOp::create(b, loc, input, i));
  return tensor::EmptyOp::create(b, loc, type, extents);
}

/// The [K, N] matrix that `weight` is the transpose of, or null. A weight that
/// lies that way in memory is read that way.
static Value findTransposed(Value weight) {
  auto transpose = weight.getDefiningOp<linalg::TransposeOp>();
  if (!transpose || transpose.getPermutation() != ArrayRef<int64_t>{1, 0})
    return nullptr;
  return transpose.getInput();
}

/// Sums of products over k, in f32: [..., K] x [N, K] -> [..., N], or with a
/// weight of [K, N].
static Value buildContraction(OpBuilder &b, Location loc, Value input,
                              Value weight, bool isTransposed,
                              RankedTensorType resultType) {
  MLIRContext *context = b.getContext();
  unsigned leading = resultType.getRank() - 1;
  SmallVector<AffineExpr> inputDims, outputDims, weightDims;
  for (unsigned i = 0; i < leading; ++i)
    inputDims.push_back(b.getAffineDimExpr(i));
  outputDims = inputDims;
  AffineExpr n = b.getAffineDimExpr(leading);
  AffineExpr k = b.getAffineDimExpr(leading + 1);
  inputDims.push_back(k);
  outputDims.push_back(n);
  weightDims = {n, k};
  if (isTransposed)
    std::swap(weightDims[0], weightDims[1]);

  auto sumType = resultType.clone(b.getF32Type());
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value init =
      linalg::FillOp::create(b, loc, zero, createEmpty(b, loc, sumType, input))
          .getResult(0);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(leading + 2, 0, results, context);
  };
  ArrayAttr maps = b.getAffineMapArrayAttr(
      {map(inputDims), map(weightDims), map(outputDims)});
  return linalg::ContractOp::create(b, loc, sumType, ValueRange{input, weight},
                                    init, maps)
      .getResult(0);
}

/// z = sum + bias, in f32.
static Value buildBiased(OpBuilder &b, Location loc, Value sum, Value bias) {
  auto type = cast<RankedTensorType>(sum.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  AffineMap last =
      identity.getMinorIdentityMap(type.getRank(), 1, b.getContext());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, ValueRange{sum, bias},
             createEmpty(b, loc, type, sum), ArrayRef{identity, last, identity},
             iterators,
             [](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(
                   b, loc,
                   arith::AddFOp::create(b, loc, values[0],
                                         extendToF32(b, loc, values[1]))
                       .getResult());
             })
      .getResult(0);
}

/// The even and the odd columns of z [..., 2 N]. They are brought apart by a
/// transposition, so that what follows reads memory in order.
static std::pair<Value, Value> buildHalves(OpBuilder &b, Location loc,
                                           Value z) {
  auto type = cast<RankedTensorType>(z.getType());
  int64_t leading = type.getRank() - 1, size = type.getShape().back() / 2;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq(leading + 2));
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < leading; ++i)
    groups.push_back({i});
  groups.push_back({leading, leading + 1});
  std::swap(order[leading], order[leading + 1]);

  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, loc, z);
  extents.back() = b.getIndexAttr(size);
  extents.push_back(b.getIndexAttr(2));
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({size, 2});
  Value pairs = tensor::ExpandShapeOp::create(b, loc, type.clone(shape), z,
                                              groups, extents);
  std::swap(extents[leading], extents[leading + 1]);
  Value init = tensor::EmptyOp::create(b, loc, extents, type.getElementType());
  Value apart =
      linalg::TransposeOp::create(b, loc, pairs, init, order)->getResult(0);
  shape.pop_back();
  auto slice = [&](int64_t half) -> Value {
    SmallVector<OpFoldResult> offsets(leading + 2, b.getIndexAttr(0)),
        strides(leading + 2, b.getIndexAttr(1)), sizes = extents;
    offsets[leading] = b.getIndexAttr(half);
    sizes[leading] = b.getIndexAttr(1);
    return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), apart,
                                          offsets, sizes, strides);
  };
  return {slice(0), slice(1)};
}

/// activation(z + bias) * factor + residual in f32, rounded to the result's
/// type.
static Value buildEpilogue(OpBuilder &b, Location loc, LinearOp op, Value z,
                           Value bias, Value factor, Value residual) {
  RankedTensorType type = op.getType();
  unsigned rank = type.getRank();
  if (!bias && !factor && !residual && !op.getActivationAttr() &&
      z.getType() == type)
    return z;
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<Value> inputs{z};
  SmallVector<AffineMap> maps{identity};
  if (bias) {
    inputs.push_back(bias);
    maps.push_back(identity.getMinorIdentityMap(rank, 1, b.getContext()));
  }
  for (Value tensor : {factor, residual})
    if (tensor) {
      inputs.push_back(tensor);
      maps.push_back(identity);
    }
  maps.push_back(identity);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value result = values[0];
    if (bias)
      result =
          arith::AddFOp::create(b, loc, result, extendToF32(b, loc, values[1]));
    if (ActivationAttr activation = op.getActivationAttr())
      result = buildActivation(b, loc, activation, result);
    if (factor)
      result = arith::MulFOp::create(b, loc, result, values[bias ? 2 : 1]);
    if (residual)
      result = arith::AddFOp::create(
          b, loc, result, extendToF32(b, loc, values.drop_back().back()));
    linalg::YieldOp::create(b, loc,
                            roundToType(b, loc, result, type.getElementType()));
  };
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(b, loc, type, inputs,
                                   createEmpty(b, loc, type, z), maps,
                                   iterators, buildBody)
      .getResult(0);
}

namespace {
struct LowerLinear : OpConversionPattern<LinearOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(LinearOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value input = buildExpressed(rewriter, loc, op.getInput().getType(),
                                 adaptor.getInput());
    Value transposed = findTransposed(op.getWeight());
    Value weight = transposed
                       ? rewriter.getRemappedValue(transposed)
                       : buildExpressed(rewriter, loc, op.getWeight().getType(),
                                        adaptor.getWeight());
    auto single = [](ValueRange values) {
      return values.empty() ? Value() : values.front();
    };
    SmallVector<int64_t> shape(op.getType().getShape());
    shape.back() = cast<ShapedType>(op.getWeight().getType()).getDimSize(0);
    Value z = buildContraction(rewriter, loc, input, weight,
                               static_cast<bool>(transposed),
                               op.getType().clone(shape));
    Value bias = single(adaptor.getBias()), factor;
    if (op.getGated()) {
      if (bias)
        z = buildBiased(rewriter, loc, z, bias);
      bias = nullptr;
      std::tie(z, factor) = buildHalves(rewriter, loc, z);
    }
    rewriter.replaceOp(op, buildEpilogue(rewriter, loc, op, z, bias, factor,
                                         single(adaptor.getResidual())));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

/// The row that `index` names: counted from the end when negative, clamped to
/// the table's `rows`.
static Value buildRow(OpBuilder &b, Location loc, Value index, int64_t rows) {
  auto constant = [&](int64_t number) -> Value {
    return arith::ConstantIndexOp::create(b, loc, number);
  };
  Value place = arith::IndexCastOp::create(b, loc, b.getIndexType(), index);
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                           place, constant(0));
  Value fromEnd = arith::AddIOp::create(b, loc, place, constant(rows));
  place = arith::SelectOp::create(b, loc, isNegative, fromEnd, place);
  place = arith::MaxSIOp::create(b, loc, place, constant(0));
  return arith::MinSIOp::create(b, loc, place, constant(rows - 1));
}

namespace {
struct LowerEmbedding : OpConversionPattern<EmbeddingOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(EmbeddingOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    RankedTensorType type = op.getType();
    unsigned rank = type.getRank();
    Value indices = adaptor.getIndices().front();
    SmallVector<Value> table(adaptor.getWeight());
    // Elements of mixed columns can't be found one by one.
    auto quantized = dyn_cast<QuantizedTensorType>(op.getWeight().getType());
    Type tableType = op.getWeight().getType();
    if (quantized && quantized.getEncoding().getMixed()) {
      table = {QuantizedValue(quantized, table).buildDequantize(rewriter, loc)};
      tableType = table.front().getType();
    }
    auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
      Value k = linalg::IndexOp::create(b, loc, rank - 1);
      Value number =
          buildNumber(b, loc, cast<ShapedType>(tableType), table, values[0], k);
      linalg::YieldOp::create(
          b, loc, roundToType(b, loc, number, type.getElementType()));
    };
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    AffineMap indexMap = identity.getMajorSubMap(rank - 1);
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    Value init = createEmpty(rewriter, loc, type, indices);
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(op, type, indices, init,
                                                   ArrayRef{indexMap, identity},
                                                   iterators, buildBody);
    return success();
  }

private:
  /// Element `k` of the row that `index` names, as f32.
  static Value buildNumber(OpBuilder &b, Location loc, ShapedType type,
                           ValueRange table, Value index, Value k) {
    Value row = buildRow(b, loc, index, type.getDimSize(0));
    auto quantized = dyn_cast<QuantizedTensorType>(type);
    if (!quantized)
      return extendToF32(
          b, loc,
          tensor::ExtractOp::create(b, loc, table.front(), ValueRange{row, k}));
    IndexBuilder builder(b, loc);
    return QuantizedValue(quantized, table)
        .buildElement(builder, builder.value(row, type.getDimSize(0)),
                      builder.value(k, type.getDimSize(1)));
  }
};
} // namespace

void lowbit::populateContractionPatterns(const TypeConverter &converter,
                                         RewritePatternSet &patterns) {
  patterns.add<LowerLinear, LowerEmbedding>(converter, patterns.getContext());
}
