//===- CodedTensor.cpp - codes and parameters, however they are written ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A matrix of the loops: those over groups and within a group become columns,
// in their order, all others rows. One scale per slice makes the slice a row.
// What this does to the order of the loops is undone on the value, by a reshape
// and a transpose that `lowbit-raise` sees through.
//
//===----------------------------------------------------------------------===//

#include "CodedTensor.h"

#include "lowbit/Numerics/Float16.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/PackedData.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

float LoopParameters::at(ArrayRef<int64_t> loops) const {
  int64_t index = 0;
  for (auto [loop, stride] : llvm::zip(loops, strides))
    index += loop * stride;
  return values[index];
}

/// Whether loop `i` selects a scale or zero point.
static bool selects(const CodedTensor &tensor, unsigned i) {
  auto reads = [&](const LoopParameters &parameters) {
    return !parameters.strides.empty() && parameters.strides[i] != 0;
  };
  return tensor.extents[i] > 1 &&
         (reads(tensor.scale) || reads(tensor.zeroPoint));
}

std::optional<unsigned> lowbit::findGroupLoop(const CodedTensor &tensor) {
  unsigned rank = tensor.extents.size(), selecting = 0;
  std::optional<unsigned> result;
  for (unsigned i = 0; i < rank; ++i) {
    if (!selects(tensor, i))
      continue;
    ++selecting;
    if (i + 1 < rank && !selects(tensor, i + 1))
      result = i;
  }
  return selecting > 1 ? result : std::nullopt;
}

//===----------------------------------------------------------------------===//
// The matrix
//===----------------------------------------------------------------------===//

namespace {
/// The loops of a tensor as those of a matrix.
struct MatrixLoops {
  SmallVector<int64_t> rows, columns;
  GranularityInterface granularity;

  /// Rows, then columns.
  SmallVector<int64_t> order() const {
    SmallVector<int64_t> result(rows);
    llvm::append_range(result, columns);
    return result;
  }
};
} // namespace

static std::optional<MatrixLoops> splitLoops(const CodedTensor &tensor,
                                             MLIRContext *context,
                                             std::string &reason) {
  int64_t rank = tensor.extents.size();
  SmallVector<int64_t> selecting;
  for (int64_t i = 0; i < rank; ++i)
    if (selects(tensor, i))
      selecting.push_back(i);
  MatrixLoops loops;
  if (tensor.groupLoop) {
    int64_t first = *tensor.groupLoop, end = first + 1, size = 1;
    for (; end < rank && !selects(tensor, end); ++end)
      size *= tensor.extents[end];
    for (int64_t i = 0; i < rank; ++i)
      (i < first || i >= end ? loops.rows : loops.columns).push_back(i);
    loops.granularity = PerGroupAttr::get(context, size);
  } else if (selecting.size() <= 1) {
    int64_t row = selecting.empty() ? -1 : selecting.front();
    for (int64_t i = 0; i < rank; ++i) {
      bool isRow = selecting.empty() ? i + 1 < rank : i == row;
      (isRow ? loops.rows : loops.columns).push_back(i);
    }
    loops.granularity =
        selecting.empty() ? GranularityInterface(PerTensorAttr::get(context))
                          : GranularityInterface(PerChannelAttr::get(context));
  } else {
    reason = "scales differ from element to element in no run of columns";
    return std::nullopt;
  }
  return loops;
}

/// The zero point as it is subtracted from codes of `kind`, or none. Codes of
/// signed integers become offset binary; a zero point in the middle of unsigned
/// ones makes them signed, and an integer one in their range is stored as such.
static ZeroPointKind chooseZeroPoint(CodedTensor &tensor) {
  std::optional<numerics::IntegerFormat> format =
      tensor.element.getIntegerFormat();
  std::vector<float> &points = tensor.zeroPoint.values;
  if (!format)
    return ZeroPointKind::None;
  MLIRContext *context = tensor.element.getContext();
  bool isSigned = format->kind != numerics::IntegerKind::Unsigned;
  uint8_t middle = 1u << (format->width - 1);
  if (isSigned)
    for (uint8_t &code : tensor.codes)
      code ^= middle;
  if (points.empty() && isSigned) {
    points = {0};
    tensor.zeroPoint.strides.assign(tensor.extents.size(), 0);
  }
  auto all = [&](auto predicate) { return llvm::all_of(points, predicate); };
  float offset = isSigned ? middle : 0;
  int64_t last = format->codeCount() - 1;
  bool isInteger = all([&](float point) {
    float code = point + offset;
    return code >= 0 && code <= last && code == std::floor(code);
  });
  // {-1, 0} in one bit is not the {-1, 1} of int<1>.
  bool mayBeSigned = format->width > 1;
  if (mayBeSigned && isSigned && !isInteger)
    return ZeroPointKind::Fractional;
  for (float &point : points)
    point += offset;
  bool isMiddle = !points.empty() && mayBeSigned &&
                  all([&](float point) { return point == middle; });
  tensor.element = isMiddle ? ElementFormatInterface(IntAttr::get(
                                  context, format->width, /*restricted=*/false))
                            : UIntAttr::get(context, format->width);
  if (isMiddle || all([](float point) { return point == 0; }))
    return ZeroPointKind::None;
  return isInteger ? ZeroPointKind::Integer : ZeroPointKind::Fractional;
}

static bool isHalf(float number) {
  return numerics::roundToHalf(number) == number;
}

static EncodingAttr chooseEncoding(CodedTensor &tensor,
                                   GranularityInterface granularity) {
  MLIRContext *context = tensor.element.getContext();
  ZeroPointKind kind = chooseZeroPoint(tensor);
  bool fitsHalf = llvm::all_of(tensor.scale.values, isHalf) &&
                  (kind != ZeroPointKind::Fractional ||
                   llvm::all_of(tensor.zeroPoint.values, isHalf));
  FloatType scale = fitsHalf ? FloatType(Float16Type::get(context))
                             : FloatType(Float32Type::get(context));
  return EncodingAttr::get(context, tensor.element, kind, /*minimum=*/false,
                           granularity, scale, /*permuted=*/false);
}

static int64_t product(ArrayRef<int64_t> extents, ArrayRef<int64_t> loops) {
  int64_t result = 1;
  for (int64_t loop : loops)
    result *= extents[loop];
  return result;
}

/// Advances `indices` of `loops`, the last one fastest.
static void advance(MutableArrayRef<int64_t> indices, ArrayRef<int64_t> loops,
                    ArrayRef<int64_t> extents) {
  for (int64_t loop : llvm::reverse(loops)) {
    if (++indices[loop] < extents[loop])
      return;
    indices[loop] = 0;
  }
}

static numerics::QuantizedMatrix fillMatrix(const CodedTensor &tensor,
                                            const MatrixLoops &loops,
                                            EncodingAttr encoding) {
  numerics::QuantizedMatrix matrix;
  int64_t columns = product(tensor.extents, loops.columns);
  matrix.reset(encoding.getNumerics(), product(tensor.extents, loops.rows),
               columns);
  SmallVector<int64_t> strides = computeSuffixProduct(tensor.extents);
  SmallVector<int64_t> order = loops.order(), indices(tensor.extents.size(), 0);
  int64_t size = matrix.encoding.columnsPerGroup(columns);
  int64_t groups = matrix.encoding.groupCount(columns);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      matrix.setCode(row, column, tensor.codes[linearize(indices, strides)]);
      if (column % size == 0) {
        int64_t place =
            matrix.encoding.parameterIndex(row, column / size, groups);
        matrix.scales[place] = tensor.scale.at(indices);
        if (!matrix.zeroPoints.empty())
          matrix.zeroPoints[place] = tensor.zeroPoint.at(indices);
      }
      advance(indices, order, tensor.extents);
    }
  return matrix;
}

/// `matrix` with the loops of the tensor as dimensions.
static Value toLoops(OpBuilder &builder, Location loc, Value matrix,
                     ArrayRef<int64_t> extents, const MatrixLoops &loops) {
  SmallVector<int64_t> order = loops.order();
  SmallVector<int64_t> shape = applyPermutation(extents, order);
  auto type = cast<RankedTensorType>(matrix.getType()).clone(shape);
  int64_t rows = loops.rows.size(), rank = extents.size();
  SmallVector<ReassociationIndices> groups{
      llvm::to_vector<2>(llvm::seq<int64_t>(0, rows)),
      llvm::to_vector<2>(llvm::seq<int64_t>(rows, rank))};
  if (loops.rows.empty() || loops.columns.empty()) {
    auto flat = type.clone({product(extents, order)});
    matrix = tensor::CollapseShapeOp::create(
        builder, loc, flat, matrix, ArrayRef{ReassociationIndices{0, 1}});
    groups = {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))};
  }
  if (matrix.getType() != type)
    matrix = tensor::ExpandShapeOp::create(builder, loc, type, matrix, groups);
  if (llvm::is_sorted(order))
    return matrix;
  Value init =
      tensor::EmptyOp::create(builder, loc, extents, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, matrix, init,
                                     invertPermutationVector(order))
      ->getResult(0);
}

//===----------------------------------------------------------------------===//
// Globals
//===----------------------------------------------------------------------===//

WeightImporter::WeightImporter(ModuleOp module) : module(module) {}

/// Whether both hold the same bytes.
static bool isSameData(DictionaryAttr a, DictionaryAttr b) {
  return llvm::all_of(llvm::zip(a, b), [](auto pair) {
    auto left = cast<ElementsAttr>(std::get<0>(pair).getValue());
    auto right = cast<ElementsAttr>(std::get<1>(pair).getValue());
    return left == right || (!getRawBytes(left).empty() &&
                             getRawBytes(left) == getRawBytes(right));
  });
}

GlobalOp WeightImporter::findEqual(Type type, DictionaryAttr components) {
  for (GlobalOp global : globals)
    if (global.getType() == type &&
        isSameData(global.getComponents(), components))
      return global;
  return {};
}

/// What is missing of the numbers that the loops read; empty if nothing. Casts
/// of types can promise more than a constant has.
static std::string findMissing(const CodedTensor &tensor) {
  int64_t codes = 1;
  for (int64_t extent : tensor.extents)
    codes *= extent;
  std::string text;
  llvm::raw_string_ostream os(text);
  if (codes != static_cast<int64_t>(tensor.codes.size()))
    os << codes << " codes are required, found " << tensor.codes.size();
  for (const LoopParameters *parameters : {&tensor.scale, &tensor.zeroPoint}) {
    int64_t last = 0;
    for (auto [extent, stride] : llvm::zip(tensor.extents, parameters->strides))
      last += (extent - 1) * stride;
    if (text.empty() && !parameters->strides.empty() &&
        (last < 0 || last >= static_cast<int64_t>(parameters->values.size())))
      os << last + 1 << " parameters are required, found "
         << parameters->values.size();
  }
  return text;
}

Value WeightImporter::import(OpBuilder &builder, Location loc,
                             CodedTensor tensor, std::string &reason) {
  MLIRContext *context = module.getContext();
  if (tensor.extents.empty()) {
    reason = "a tensor is required, found a scalar";
    return {};
  }
  if (!llvm::all_of(tensor.scale.values,
                    [](float s) { return std::isfinite(s); })) {
    reason = "finite scales are required, found one that is not";
    return {};
  }
  reason = findMissing(tensor);
  std::optional<MatrixLoops> loops;
  if (reason.empty())
    loops = splitLoops(tensor, context, reason);
  if (!loops)
    return {};
  EncodingAttr encoding = chooseEncoding(tensor, loops->granularity);
  ScopedDiagnosticHandler handler(
      context, [&](Diagnostic &diagnostic) { reason = diagnostic.str(); });
  auto type = QuantizedTensorType::getChecked(
      [&] { return emitError(loc); },
      ArrayRef<int64_t>{product(tensor.extents, loops->rows),
                        product(tensor.extents, loops->columns)},
      tensor.expressedType, encoding, LayoutInterface());
  if (!type)
    return {};
  DictionaryAttr components =
      packComponents(type, fillMatrix(tensor, *loops, encoding), tensor.name);
  GlobalOp global = findEqual(type, components);
  if (!global) {
    std::string name = tensor.name;
    for (unsigned i = 0; module.lookupSymbol(name); ++i)
      name = (tensor.name + ".imported." + Twine(i)).str();
    OpBuilder atStart = OpBuilder::atBlockBegin(module.getBody());
    if (!globals.empty())
      atStart.setInsertionPointAfter(globals.back());
    global = GlobalOp::create(atStart, loc, name, type, components);
    globals.push_back(global);
    names.push_back(tensor.name);
  }
  Value weight = WeightOp::create(builder, loc, type, global.getSymName());
  Value matrix =
      DequantizeOp::create(builder, loc, type.getExpressedType(), weight);
  return toLoops(builder, loc, matrix, tensor.extents, *loops);
}

void WeightImporter::dropReplaced() {
  module.walk([](Operation *op) {
    if (isa<WeightOp, ml_program::GlobalLoadConstOp>(op) && op->use_empty())
      op->erase();
  });
  for (auto [global, name] : llvm::zip(globals, names)) {
    Operation *source = module.lookupSymbol(name);
    if (source == global)
      continue;
    if (source) {
      if (!isa<GlobalOp, ml_program::GlobalOp>(source) ||
          !SymbolTable::symbolKnownUseEmpty(source, module))
        continue;
      source->erase();
    }
    auto symbol = StringAttr::get(module.getContext(), name);
    if (succeeded(SymbolTable::replaceAllSymbolUses(global, symbol, module)))
      global.setSymNameAttr(symbol);
  }
}
