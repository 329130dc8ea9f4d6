//===- SplitMixed.cpp - layers whose weights kernels read -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Factors of a weight's columns are as well factors of the input's, and a sum
// over columns is the sum of those over its parts. So what a weight has by
// column goes to the input, a few numbers per row of weights, and kernels need
// to know nothing of it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Reference/Activation.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/GatherColumns.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_SPLITMIXEDPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
/// The weights, orders and factors that a global falls into.
struct SplitWeight {
  /// Null where columns stand in their order, or have no factors.
  GlobalOp order, scale;
  SmallVector<GlobalOp> parts;
};

struct SplitMixedPass : lowbit::impl::SplitMixedPassBase<SplitMixedPass> {
  using SplitMixedPassBase::SplitMixedPassBase;

  void runOnOperation() override {
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    for (LinearOp op : layers)
      if (failed(splitLayer(op)))
        return signalPassFailure();
    GlobalEraser eraser(getOperation(), releaseData);
    for (auto &[name, split] : made)
      if (failed(takeOver(name, split, eraser)))
        return signalPassFailure();
  }

private:
  LogicalResult splitLayer(LinearOp op);
  LogicalResult makeParts(GlobalOp global, SplitWeight &split);
  GlobalOp makeGlobal(GlobalOp before, const Twine &name, Type type,
                      DictionaryAttr components);
  GlobalOp makeVector(GlobalOp before, StringRef name, Type element,
                      const void *numbers, size_t bytes);
  LogicalResult takeOver(StringAttr name, SplitWeight &split,
                         GlobalEraser &eraser);

  /// By the name of the weight.
  llvm::MapVector<StringAttr, SplitWeight> made;
};
} // namespace

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

GlobalOp SplitMixedPass::makeGlobal(GlobalOp before, const Twine &name,
                                    Type type, DictionaryAttr components) {
  std::string free = name.str();
  for (unsigned i = 0; getOperation().lookupSymbol(free); ++i)
    free = (name + "." + Twine(i)).str();
  OpBuilder builder(before);
  return GlobalOp::create(builder, before.getLoc(), free, type, components);
}

// No `name` is that of a component: where something else reads the weight, the
// reference lowering gives it a global for each of those.
GlobalOp SplitMixedPass::makeVector(GlobalOp before, StringRef name,
                                    Type element, const void *numbers,
                                    size_t bytes) {
  std::string full = (before.getSymName() + "." + name).str();
  int64_t count = bytes / (element.getIntOrFloatBitWidth() / 8);
  auto type = RankedTensorType::get({count}, element);
  auto raw = static_cast<const uint8_t *>(numbers);
  Builder builder(&getContext());
  NamedAttribute data(builder.getStringAttr(component::kData),
                      makeElements(type, full, {raw, raw + bytes}));
  return makeGlobal(before, full, type, builder.getDictionaryAttr(data));
}

/// The encoding without what belongs to columns.
static EncodingAttr getUniform(EncodingAttr encoding) {
  return EncodingAttr::get(encoding.getContext(), encoding.getElement(),
                           encoding.getZeroPoint(), encoding.getMinimum(),
                           encoding.getGranularity(), encoding.getScale(),
                           encoding.getPermuted(), encoding.getOuterScale(),
                           encoding.getStoredScale(),
                           /*columnScale=*/Attribute());
}

LogicalResult SplitMixedPass::makeParts(GlobalOp global, SplitWeight &split) {
  auto type = cast<QuantizedTensorType>(global.getType());
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (failed(matrix))
    return failure();
  MixedAttr mixed = type.getEncoding().getMixed();
  std::vector<int32_t> places = matrix->storedPlaces();
  if (matrix->columnScale) {
    std::vector<float> scales(matrix->columns), stored(matrix->columns);
    numerics::dequantize(*matrix->columnScale, scales.data());
    for (int64_t k = 0; k < matrix->columns; ++k)
      stored[places[k]] = scales[k];
    split.scale =
        makeVector(global, "input_scale", Float32Type::get(&getContext()),
                   stored.data(), stored.size() * sizeof(float));
  }
  if (!mixed) {
    NamedAttrList components(global.getComponents());
    components.erase(component::kColumnScale);
    components.erase(component::kColumnScaleScale);
    split.parts.push_back(makeGlobal(
        global, global.getSymName() + ".part0",
        QuantizedTensorType::get(type.getShape(), type.getElementType(),
                                 getUniform(type.getEncoding())),
        components.getDictionary(&getContext())));
    return success();
  }
  std::vector<int32_t> columns(places.size());
  for (auto [k, place] : llvm::enumerate(places))
    columns[place] = static_cast<int32_t>(k);
  split.order =
      makeVector(global, "input_order", IntegerType::get(&getContext(), 32),
                 columns.data(), columns.size() * sizeof(int32_t));
  for (size_t i = 0; i < mixed.getFormats().size(); ++i) {
    std::string name = (global.getSymName() + ".part" + Twine(i)).str();
    QuantizedTensorType part = type.getPart(i);
    split.parts.push_back(makeGlobal(
        global, name, part, packComponents(part, matrix->part(i), name)));
  }
  return success();
}

/// Erases a weight that nothing reads any more. One part takes over its name.
LogicalResult SplitMixedPass::takeOver(StringAttr name, SplitWeight &split,
                                       GlobalEraser &eraser) {
  auto global = getOperation().lookupSymbol<GlobalOp>(name);
  if (!eraser.eraseIfUnused(global) || split.parts.size() > 1)
    return success();
  GlobalOp part = split.parts.front();
  if (failed(SymbolTable::replaceAllSymbolUses(part, name, getOperation())))
    return failure();
  part.setSymNameAttr(name);
  return success();
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// result[..., s] = x[..., order[s]] * scale[s]; order or scale may be null.
static Value arrangeColumns(OpBuilder &builder, Location loc, Value x,
                            Value order, Value scale) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.back() = builder.getIndexAttr(
      cast<RankedTensorType>((order ? order : scale).getType()).getDimSize(0));
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap last = identity.getMinorSubMap(1);
  SmallVector<Value> inputs{order ? order : x};
  SmallVector<AffineMap> maps{order ? last : identity};
  if (scale) {
    inputs.push_back(scale);
    maps.push_back(last);
  }
  maps.push_back(identity);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value number = values[0];
    if (order)
      number = readColumn(b, loc, x, number, /*isUnsigned=*/false);
    bool isWide = type.getElementType().isF32();
    if (scale && !isWide)
      number = arith::ExtFOp::create(b, loc, b.getF32Type(), number);
    if (scale)
      number = arith::MulFOp::create(b, loc, number, values[1]);
    if (scale && !isWide)
      number = arith::TruncFOp::create(b, loc, type.getElementType(), number);
    linalg::YieldOp::create(b, loc, number);
  };
  return linalg::GenericOp::create(builder, loc, init.getType(), inputs, init,
                                   maps, loops, buildBody)
      .getResult(0);
}

/// Elements [first, first + count) of a vector, which may be null.
static Value sliceVector(OpBuilder &builder, Location loc, Value vector,
                         int64_t first, int64_t count) {
  if (!vector)
    return {};
  auto type = cast<RankedTensorType>(vector.getType());
  return tensor::ExtractSliceOp::create(
      builder, loc, type.clone({count}), vector,
      ArrayRef<OpFoldResult>{builder.getIndexAttr(first)},
      ArrayRef<OpFoldResult>{builder.getIndexAttr(count)},
      ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
}

/// activation(sum) + residual of `op`, rounded to its type.
static Value finish(OpBuilder &builder, LinearOp op, Value sum) {
  RankedTensorType type = op.getType();
  if (!op.getResidual() && !op.getActivationAttr() && sum.getType() == type)
    return sum;
  Location loc = op.getLoc();
  SmallVector<Value> inputs{sum};
  if (op.getResidual())
    inputs.push_back(op.getResidual());
  SmallVector<AffineMap> maps(inputs.size() + 1,
                              builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  Value init = tensor::EmptyOp::create(builder, loc,
                                       tensor::getMixedSizes(builder, loc, sum),
                                       type.getElementType());
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    auto widen = [&](Value value) -> Value {
      return value.getType().isF32()
                 ? value
                 : arith::ExtFOp::create(b, loc, b.getF32Type(), value);
    };
    Value number = values[0];
    if (op.getActivationAttr())
      number = buildActivation(b, loc, op.getActivationAttr(), number);
    if (op.getResidual())
      number = arith::AddFOp::create(b, loc, number, widen(values[1]));
    if (!type.getElementType().isF32())
      number = arith::TruncFOp::create(b, loc, type.getElementType(), number);
    linalg::YieldOp::create(b, loc, number);
  };
  return linalg::GenericOp::create(builder, loc, type, inputs, init, maps,
                                   loops, buildBody)
      .getResult(0);
}

/// The product of x and a part, in the type of `quantize` if there is one.
static LinearOp createPart(OpBuilder &builder, LinearOp op, Value x,
                           QuantizeOp quantize, GlobalOp part, Type resultType,
                           Value bias, Value residual) {
  Location loc = op.getLoc();
  if (quantize) {
    auto type = QuantizedTensorType::get(
        cast<ShapedType>(x.getType()).getShape(),
        quantize.getType().getElementType(), quantize.getType().getEncoding());
    x = QuantizeOp::create(builder, loc, type, x);
  }
  Value weight =
      WeightOp::create(builder, loc, part.getType(), part.getSymName());
  return LinearOp::create(builder, loc, resultType, x, weight, bias, residual,
                          ActivationAttr(), /*gated=*/UnitAttr());
}

/// The vector that a global holds; null without one.
static Value readVector(OpBuilder &builder, LinearOp op, GlobalOp vector) {
  if (!vector)
    return {};
  return WeightOp::create(builder, op.getLoc(), vector.getType(),
                          vector.getSymName());
}

/// `op` on columns that are put in order and scaled before.
static Value buildScaled(OpBuilder &builder, LinearOp op, Value x,
                         QuantizeOp quantize, const SplitWeight &split) {
  Value order = readVector(builder, op, split.order),
        scale = readVector(builder, op, split.scale);
  x = arrangeColumns(builder, op.getLoc(), x, order, scale);
  LinearOp layer = createPart(builder, op, x, quantize, split.parts.front(),
                              op.getType(), op.getBias(), op.getResidual());
  layer.setActivationAttr(op.getActivationAttr());
  layer.setGated(op.getGated());
  return layer.getResult();
}

/// `op` as a sum of layers, one for the columns of each format.
static Value buildMixed(OpBuilder &builder, LinearOp op, Value x,
                        QuantizeOp quantize, const SplitWeight &split) {
  Value order = readVector(builder, op, split.order),
        scale = readVector(builder, op, split.scale), sum;
  Type sumType = op.getType().clone(builder.getF32Type());
  int64_t first = 0;
  for (GlobalOp part : split.parts) {
    int64_t columns = cast<ShapedType>(part.getType()).getShape().back();
    // Each part's columns stand together, as its kernel reads them.
    auto take = [&](Value vector) {
      return sliceVector(builder, op.getLoc(), vector, first, columns);
    };
    Value input =
        arrangeColumns(builder, op.getLoc(), x, take(order), take(scale));
    sum = createPart(builder, op, input, quantize, part, sumType,
                     sum ? Value() : op.getBias(), sum)
              .getResult();
    first += columns;
  }
  return finish(builder, op, sum);
}

LogicalResult SplitMixedPass::splitLayer(LinearOp op) {
  auto type = dyn_cast<QuantizedTensorType>(op.getWeight().getType());
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  if (!type || !weight || type.getLayout() ||
      !(type.getEncoding().getColumnScale() || type.getEncoding().getMixed()))
    return success();
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  Value x = quantize ? quantize.getInput() : op.getInput();
  bool isMixed = static_cast<bool>(type.getEncoding().getMixed());
  if (!isa<RankedTensorType>(x.getType()) || (isMixed && op.getGated()) ||
      type.getEncoding().getPermuted()) {
    op.emitRemark() << "keeps what its weight has by column: its input is "
                       "quantized elsewhere, or its rows are gated";
    return success();
  }
  GlobalOp global = weight.getGlobalOp();
  SplitWeight &split = made[global.getSymNameAttr()];
  if (split.parts.empty() && failed(makeParts(global, split)))
    return failure();
  OpBuilder builder(op);
  Value result = isMixed ? buildMixed(builder, op, x, quantize, split)
                         : buildScaled(builder, op, x, quantize, split);
  op.getResult().replaceAllUsesWith(result);
  op.erase();
  ++numSplit;
  if (quantize && quantize->use_empty())
    quantize.erase();
  if (weight->use_empty())
    weight.erase();
  return success();
}
