//===- CountRanges.cpp - what activations with static scales reach --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers are counted row by row, then the rows: kernels that reduce rows are
// vectors, and sums in f32 stay short.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/ActivationRange.h"
#include "lowbit/Reference/Float8.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_COUNTRANGESPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;
using numerics::ActivationRange;

namespace {
/// What numbers are reduced to.
enum class Count { Least, Most, Squares, Beyond };
} // namespace

static constexpr Count kCounts[] = {Count::Least, Count::Most, Count::Squares,
                                    Count::Beyond};

/// What the codes of `op` reach.
static ActivationRange getReach(QuantizeOp op) {
  double scale = op.getScaleAttr().getValueAsDouble();
  ElementFormatInterface format =
      cast<QuantizedTensorType>(op.getType()).getEncoding().getElement();
  if (auto real = dyn_cast<SmallFloatAttr>(format)) {
    double most = scale * getLargestNumber(real.getType());
    return {-most, most};
  }
  numerics::IntegerFormat integers = *format.getIntegerFormat();
  return {scale * integers.decode(0), scale * integers.largestRuntimeValue()};
}

namespace {
/// Reduces the numbers of a tensor to a scalar.
class Reduction {
public:
  Reduction(OpBuilder &builder, Location loc, Count count,
            ActivationRange reach)
      : builder(builder), loc(loc), count(count), reach(reach) {}

  Value run(Value input) {
    int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
    Value rows = reduce(input, /*kept=*/rank - 1, /*measures=*/true);
    if (rank > 1)
      rows = reduce(rows, /*kept=*/0, /*measures=*/false);
    return tensor::ExtractOp::create(builder, loc, rows);
  }

private:
  /// Reduces all but the first `kept` dimensions of numbers, which `measures`
  /// turns into what is reduced, or of reduced rows.
  Value reduce(Value input, int64_t kept, bool measures) {
    int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
    AffineMap whole = builder.getMultiDimIdentityMap(rank);
    AffineMap rows = kept ? whole.getMajorSubMap(kept)
                          : AffineMap::get(rank, 0, builder.getContext());
    SmallVector<utils::IteratorType> loops(kept, utils::IteratorType::parallel);
    loops.append(rank - kept, utils::IteratorType::reduction);
    Value init = begin(input, kept);
    return linalg::GenericOp::create(
               builder, loc, init.getType(), input, init, {whole, rows}, loops,
               [&](OpBuilder &b, Location loc, ValueRange values) {
                 Value part = measures ? measure(b, loc, values[0]) : values[0];
                 linalg::YieldOp::create(b, loc,
                                         combine(b, loc, values[1], part));
               })
        .getResult(0);
  }

  /// The tensor that the reduction begins with.
  Value begin(Value input, int64_t kept) {
    SmallVector<OpFoldResult> sizes;
    for (int64_t i = 0; i < kept; ++i)
      sizes.push_back(tensor::getMixedSize(builder, loc, input, i));
    double infinity = std::numeric_limits<double>::infinity();
    double first = count == Count::Least  ? infinity
                   : count == Count::Most ? -infinity
                                          : 0;
    Value number =
        arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(first));
    Value empty =
        tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
    return linalg::FillOp::create(builder, loc, number, empty).getResult(0);
  }

  Value combine(OpBuilder &b, Location loc, Value sum, Value part) {
    if (count == Count::Least)
      return arith::MinimumFOp::create(b, loc, sum, part);
    if (count == Count::Most)
      return arith::MaximumFOp::create(b, loc, sum, part);
    return arith::AddFOp::create(b, loc, sum, part);
  }

  Value measure(OpBuilder &b, Location loc, Value value) {
    if (!value.getType().isF32())
      value = arith::ExtFOp::create(b, loc, b.getF32Type(), value);
    if (count == Count::Squares)
      return arith::MulFOp::create(b, loc, value, value);
    if (count != Count::Beyond)
      return value;
    auto constant = [&](double number) -> Value {
      return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(number));
    };
    Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                                        value, constant(reach.low));
    Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                        value, constant(reach.high));
    Value isBeyond = arith::OrIOp::create(b, loc, below, above);
    return arith::SelectOp::create(b, loc, isBeyond, constant(1), constant(0));
  }

  OpBuilder &builder;
  Location loc;
  Count count;
  ActivationRange reach;
};

struct CountRangesPass : lowbit::impl::CountRangesPassBase<CountRangesPass> {
  using CountRangesPassBase::CountRangesPassBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && !counts(function))
        countIn(function);
  }

private:
  /// Whether a function counts already.
  static bool counts(func::FuncOp function) {
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (function.getResultAttr(i, kRangesAttrName))
        return true;
    return false;
  }

  /// Callers know outputs by their names alone.
  static LogicalResult checkNames(func::FuncOp function) {
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      auto name = function.getResultAttrOfType<StringAttr>(i, kNameAttrName);
      if (name && name == kRangesOutputName)
        return function.emitError()
               << "counting ranges requires the name '" << kRangesOutputName
               << "' for an output of its own, found it for output " << i
               << "; rename that in the model";
    }
    return success();
  }

  void countIn(func::FuncOp function) {
    SmallVector<QuantizeOp> inputs;
    function.walk([&](QuantizeOp op) {
      if (!op.getScaleAttr())
        return;
      if (op->getBlock() == &function.getBody().front())
        inputs.push_back(op);
      else
        op.emitRemark() << "ranges: an input that is quantized in a region is "
                           "not counted";
    });
    if (inputs.empty())
      return;
    if (failed(checkNames(function)))
      return signalPassFailure();
    auto terminator =
        cast<func::ReturnOp>(function.getBody().front().getTerminator());
    OpBuilder builder(terminator);
    SmallVector<Value> counts;
    SmallVector<Attribute> ranges;
    for (QuantizeOp op : inputs) {
      llvm::append_range(counts, count(op, builder));
      ranges.push_back(describe(op));
      ++numCounted;
    }
    auto type = RankedTensorType::get(
        {static_cast<int64_t>(inputs.size()), std::size(kCounts) + 1},
        builder.getF32Type());
    Value result = tensor::FromElementsOp::create(builder, function.getLoc(),
                                                  type, counts);
    auto attributes = builder.getDictionaryAttr(
        {builder.getNamedAttr(kNameAttrName,
                              builder.getStringAttr(kRangesOutputName)),
         builder.getNamedAttr(kRangesAttrName, builder.getArrayAttr(ranges))});
    if (failed(
            function.insertResult(function.getNumResults(), type, attributes)))
      return signalPassFailure();
    terminator.getOperandsMutable().append(result);
  }

  /// The five numbers of a row of the result.
  static SmallVector<Value> count(QuantizeOp op, OpBuilder &builder) {
    Location loc = op.getLoc();
    Value input = op.getInput();
    SmallVector<Value> values;
    for (Count count : kCounts)
      values.push_back(Reduction(builder, loc, count, getReach(op)).run(input));
    Value numbers = arith::ConstantIndexOp::create(builder, loc, 1);
    int64_t rank = cast<RankedTensorType>(input.getType()).getRank();
    for (int64_t i = 0; i < rank; ++i)
      numbers = arith::MulIOp::create(
          builder, loc, numbers, tensor::DimOp::create(builder, loc, input, i));
    numbers =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), numbers);
    numbers =
        arith::SIToFPOp::create(builder, loc, builder.getF32Type(), numbers);
    Value &squares = values[static_cast<size_t>(Count::Squares)];
    squares = arith::DivFOp::create(builder, loc, squares, numbers);
    values.push_back(numbers);
    return values;
  }

  static Attribute describe(QuantizeOp op) {
    Builder builder(op);
    SmallVector<Attribute> layers;
    for (Operation *user : op->getUsers())
      if (auto layer = dyn_cast<LinearOp>(user))
        if (std::optional<std::string> name = getLayerName(layer))
          layers.push_back(builder.getStringAttr(*name));
    ActivationRange reach = getReach(op);
    return builder.getDictionaryAttr(
        {builder.getNamedAttr("layers", builder.getArrayAttr(layers)),
         builder.getNamedAttr("low", builder.getF64FloatAttr(reach.low)),
         builder.getNamedAttr("high", builder.getF64FloatAttr(reach.high))});
  }
};
} // namespace
