//===- LowbitOps.cpp - verification and folding of operations -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constraints are numbered as in SPEC.md, one section per operation.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Custom assembly
//===----------------------------------------------------------------------===//

static ParseResult parseActivation(OpAsmParser &parser,
                                   ActivationAttr &activation) {
  activation = ActivationAttr::parseBare(parser);
  return success(static_cast<bool>(activation));
}

static void printActivation(OpAsmPrinter &printer, Operation *,
                            ActivationAttr activation) {
  activation.printBare(printer);
}

/// The type that a bias has when the text doesn't say: [N] in the result's
/// element type.
static Type defaultBiasType(Type resultType) {
  auto type = dyn_cast<RankedTensorType>(resultType);
  if (!type || type.getRank() == 0)
    return {};
  return RankedTensorType::get(type.getShape().take_back(),
                               type.getElementType());
}

/// Bias and residual types follow the result's unless they are written out.
static ParseResult
parseEpilogueTypes(OpAsmParser &parser,
                   std::optional<OpAsmParser::UnresolvedOperand> bias,
                   std::optional<OpAsmParser::UnresolvedOperand> residual,
                   Type &biasType, Type &residualType, Type resultType) {
  if (bias) {
    biasType = defaultBiasType(resultType);
    if (succeeded(parser.parseOptionalComma())) {
      if (parser.parseKeyword("bias") || parser.parseType(biasType))
        return failure();
    }
    if (!biasType)
      return parser.emitError(parser.getCurrentLocation())
             << "requires a ranked result with at least one dimension";
  }
  if (residual)
    residualType = resultType;
  return success();
}

static void printEpilogueTypes(OpAsmPrinter &printer, Operation *, Value bias,
                               Value, Type biasType, Type, Type resultType) {
  if (bias && biasType != defaultBiasType(resultType))
    printer << ", bias " << biasType;
}

static ParseResult parseKernelResults(OpAsmParser &, ArrayRef<Type> outputs,
                                      SmallVectorImpl<Type> &results) {
  llvm::copy_if(outputs, std::back_inserter(results),
                llvm::IsaPred<RankedTensorType>);
  return success();
}

static void printKernelResults(OpAsmPrinter &, Operation *, TypeRange,
                               TypeRange) {}

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitOps.cpp.inc"

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  auto weight = cast<ShapedType>(getWeight().getType());
  auto result = cast<ShapedType>(getType());
  // M1
  if (weight.getRank() != 2 || !weight.hasStaticShape())
    return emitOpError()
           << "requires a weight of static shape [N, K] (M1), found " << weight;
  int64_t rows = weight.getDimSize(0);
  // M6
  if (getGated() && rows % 2 != 0)
    return emitOpError() << "requires an even number of rows of a gated weight "
                            "(M6), found "
                         << weight;
  int64_t size = getGated() ? rows / 2 : rows;
  // M2
  if (input.getRank() < 1 || input.getShape().back() != weight.getDimSize(1))
    return emitOpError() << "requires an input whose last dimension is K = "
                         << weight.getDimSize(1) << " (M2), found " << input;
  // M3
  if (result.getRank() != input.getRank() ||
      failed(verifyCompatibleShape(result.getShape().drop_back(),
                                   input.getShape().drop_back())) ||
      result.getShape().back() != size)
    return emitOpError()
           << "requires a result of the input's leading dimensions "
              "and N = "
           << size << " (M3), found " << result;
  // M4
  if (getBias()) {
    auto bias = cast<ShapedType>(getBias().getType());
    if (bias.getRank() != 1 || bias.getDimSize(0) != rows)
      return emitOpError() << "requires a bias of shape [" << rows
                           << "] (M4), found " << bias;
  }
  // M5
  if (getResidual() && getResidual().getType() != getType())
    return emitOpError() << "requires a residual of the result's type "
                         << result << " (M5), found "
                         << getResidual().getType();
  return success();
}

namespace {
/// A bias of nothing but zeros adds nothing.
struct DropZeroBias : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getBias())
      return rewriter.notifyMatchFailure(op, "has no bias");
    DenseElementsAttr bias;
    if (!matchPattern(op.getBias(), m_Constant(&bias)) || !bias.isSplat() ||
        !bias.getSplatValue<APFloat>().isPosZero())
      return rewriter.notifyMatchFailure(op, "the bias is not a zero constant");
    rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
    return success();
  }
};
} // namespace

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropZeroBias>(context);
}

//===----------------------------------------------------------------------===//
// EmbeddingOp
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  auto weight = cast<ShapedType>(getWeight().getType());
  auto indices = cast<ShapedType>(getIndices().getType());
  auto result = cast<ShapedType>(getType());
  // B1
  if (weight.getRank() != 2 || !weight.hasStaticShape() ||
      weight.getDimSize(0) < 1)
    return emitOpError()
           << "requires a table of static shape [N, K] with at least "
              "one row (B1), found "
           << weight;
  // B2
  if (result.getRank() != indices.getRank() + 1 ||
      failed(verifyCompatibleShape(result.getShape().drop_back(),
                                   indices.getShape())) ||
      result.getShape().back() != weight.getDimSize(1))
    return emitOpError() << "requires a result of the indices' shape and K = "
                         << weight.getDimSize(1) << " (B2), found " << result;
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

int64_t AttentionOp::getHeadsPerGroup() {
  RankedTensorType query = getQuery().getType(), key = getKey().getType();
  return query.getDimSize(query.getRank() - 3) /
         key.getDimSize(key.getRank() - 3);
}

/// A1, A2: shapes of the three operands, each [..., heads, rows, columns].
static LogicalResult verifyAttentionOperands(AttentionOp op) {
  RankedTensorType query = op.getQuery().getType(), key = op.getKey().getType();
  RankedTensorType value = op.getValue().getType();
  int64_t rank = query.getRank();
  // A1
  if (rank < 3 || key.getRank() != rank || value.getRank() != rank)
    return op.emitOpError() << "requires a query, key and value of the same "
                               "three or more dimensions (A1), found "
                            << query << ", " << key << " and " << value;
  int64_t heads = query.getDimSize(rank - 3), groups = key.getDimSize(rank - 3);
  // A2
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(groups) ||
      groups < 1 || heads % groups != 0 ||
      failed(verifyCompatibleShape(query.getShape().drop_back(3),
                                   key.getShape().drop_back(3))) ||
      failed(verifyCompatibleShape(query.getShape().take_back(),
                                   key.getShape().take_back())))
    return op.emitOpError() << "requires a key of the query's leading and last "
                               "dimensions, and a number of query heads that "
                               "the key's divides (A2), found "
                            << query << " and " << key;
  // A3
  if (failed(verifyCompatibleShape(key.getShape().drop_back(),
                                   value.getShape().drop_back())))
    return op.emitOpError() << "requires a value of the key's dimensions but "
                               "the last (A3), found "
                            << key << " and " << value;
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttentionOperands(*this)))
    return failure();
  RankedTensorType query = getQuery().getType(), result = getType();
  int64_t rank = query.getRank();
  // A4
  if (result.getRank() != rank ||
      failed(verifyCompatibleShape(query.getShape().drop_back(),
                                   result.getShape().drop_back())) ||
      failed(verifyCompatibleShape(getValue().getType().getShape().take_back(),
                                   result.getShape().take_back())))
    return emitOpError() << "requires a result of the query's dimensions with "
                            "the value's last (A4), found "
                         << result;
  if (!getMask())
    return success();
  // A5
  SmallVector<int64_t> scores(query.getShape());
  scores.back() = getKey().getType().getDimSize(rank - 2);
  RankedTensorType mask = getMask().getType();
  bool fits = mask.getRank() >= 2 && mask.getRank() <= rank;
  for (int64_t i = 1; fits && i <= mask.getRank(); ++i) {
    int64_t extent = mask.getDimSize(mask.getRank() - i);
    fits = extent == 1 ||
           succeeded(verifyCompatibleShape(extent, scores[rank - i]));
  }
  if (fits)
    return success();
  return emitOpError() << "requires a mask whose two to " << rank
                       << " dimensions are 1 or those of the scores (A5), "
                          "found "
                       << mask;
}

//===----------------------------------------------------------------------===//
// QuantizeOp, DequantizeOp, PackOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  QuantizedTensorType result = getType();
  // Q1
  if (result.getExpressedType() != getInput().getType())
    return emitOpError() << "requires a result that expresses "
                         << getInput().getType() << " (Q1), found " << result;
  EncodingAttr encoding = result.getEncoding();
  auto integer = encoding.getElement().getIntegerFormat();
  auto real = dyn_cast<SmallFloatAttr>(encoding.getElement());
  // Q2
  bool isInteger = integer && (integer->width == 8 || integer->width == 16) &&
                   integer->kind != numerics::IntegerKind::Unsigned;
  bool isReal = real && isa<Float8E4M3FNType, Float8E5M2Type>(real.getType());
  if (!isInteger && !isReal)
    return emitOpError() << "requires codes of int<8>, int<16>, "
                            "float<f8E4M3FN> or float<f8E5M2> (Q2), found "
                         << encoding.getElement();
  // Q3
  if (encoding.getZeroPoint() != ZeroPointKind::None || encoding.getMinimum())
    return emitOpError() << "requires a symmetric encoding (Q3), found "
                         << encoding;
  // Q4: a scale shared by rows would make a row depend on its neighbours.
  if (encoding.getGranularity().getKind() == numerics::Granularity::Tensor)
    return emitOpError() << "requires scales per row or group (Q4), found "
                         << encoding;
  // Q5
  if (!encoding.getScale().isF32() && !encoding.getScale().isF16())
    return emitOpError() << "requires scales of f32 or f16 (Q5), found "
                         << encoding;
  if (FloatAttr scale = getScaleAttr()) {
    // Q6
    APFloat number = scale.getValue();
    if (!number.isFinite() || number.isNegative() || number.isZero())
      return emitOpError()
             << "requires a scale that is positive and finite (Q6), found "
             << number.convertToDouble();
    // Q7
    bool losesInfo = false;
    number.convert(encoding.getScale().getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &losesInfo);
    if (losesInfo)
      return emitOpError() << "requires a scale of the encoding's type (Q7), "
                              "found "
                           << scale.getValueAsDouble() << " for "
                           << encoding.getScale();
  }
  return success();
}

LogicalResult DequantizeOp::verify() {
  // D1
  if (getInput().getType().getExpressedType() == getType())
    return success();
  return emitOpError() << "requires a result of the expressed type "
                       << getInput().getType().getExpressedType()
                       << " (D1), found " << getType();
}

LogicalResult PackOp::verify() {
  QuantizedTensorType input = getInput().getType(), result = getType();
  // P1
  if (input.withLayout(result.getLayout()) == result)
    return success();
  return emitOpError()
         << "requires types that differ in layout alone (P1), found " << input
         << " and " << result;
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto producer = getInput().getDefiningOp<PackOp>();
  if (!producer)
    return {};
  if (producer.getInput().getType() == getType())
    return producer.getInput();
  getInputMutable().assign(producer.getInput());
  return getResult();
}

//===----------------------------------------------------------------------===//
// ObserveOp, StatisticsOp
//===----------------------------------------------------------------------===//

LogicalResult ObserveOp::verify() {
  // O1
  if (getName().empty())
    return emitOpError() << "requires a name for its record (O1), found none";
  // O2
  RankedTensorType type = getInput().getType();
  if (type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1))
    return success();
  return emitOpError() << "requires rows of static length (O2), found " << type;
}

ElementsAttr StatisticsOp::getComponent(StringRef name) {
  return getComponents().getAs<ElementsAttr>(name);
}

/// The shape that a component must have, in terms of the number of columns;
/// nothing for components that only their users know.
static std::optional<SmallVector<int64_t>> getStatisticsShape(StringRef name,
                                                              int64_t columns) {
  if (name == statistic::kSecondMoment)
    return SmallVector<int64_t>{columns, columns};
  if (llvm::is_contained({statistic::kMinimum, statistic::kMaximum,
                          statistic::kMean, statistic::kMeanSquare},
                         name))
    return SmallVector<int64_t>{columns};
  return std::nullopt;
}

LogicalResult StatisticsOp::verify() {
  // S1
  if (getCount() < 1)
    return emitOpError() << "requires a count of at least 1 row (S1), found "
                         << getCount();
  int64_t columns = ShapedType::kDynamic;
  for (NamedAttribute component : getComponents()) {
    StringRef name = component.getName();
    auto elements = dyn_cast<ElementsAttr>(component.getValue());
    // S2
    if (!elements || !isa<FloatType>(elements.getElementType()))
      return emitOpError() << "requires component '" << name
                           << "' to be elements of floats (S2), found "
                           << component.getValue();
    ArrayRef<int64_t> found = elements.getShapedType().getShape();
    auto wanted = getStatisticsShape(name, columns);
    if (!wanted)
      continue;
    if (columns == ShapedType::kDynamic && !found.empty()) {
      columns = found[0];
      wanted = getStatisticsShape(name, columns);
    }
    // S3
    if (found != ArrayRef<int64_t>(*wanted))
      return emitOpError() << "requires component '" << name
                           << "' to have the columns of the others (S3), found "
                           << elements.getShapedType();
  }
  return success();
}
