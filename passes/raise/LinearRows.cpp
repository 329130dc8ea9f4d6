//===- LinearRows.cpp - layers on some rows of a weight's codes -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A group of a convolution multiplies some rows of its weight. Of a weight that
// comes as codes they become a weight of their own: the same codes and
// parameters, so that no numbers are computed when the model runs.
//
//===----------------------------------------------------------------------===//

#include "RaisePatterns.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/PackedData.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// Where the elements of a slice begin in its source, in row-major order, if
/// they stand side by side there.
static std::optional<int64_t> getRunStart(tensor::ExtractSliceOp op) {
  auto shape = op.getSourceType().getShape();
  auto isStatic = [](ArrayRef<int64_t> values) {
    return llvm::none_of(values, ShapedType::isDynamic);
  };
  if (!isStatic(shape) || !isStatic(op.getStaticOffsets()) ||
      !isStatic(op.getStaticSizes()) ||
      llvm::any_of(op.getStaticStrides(), [](int64_t s) { return s != 1; }))
    return std::nullopt;
  int64_t start = 0;
  bool isOne = true;
  for (auto [extent, offset, size] :
       llvm::zip_equal(shape, op.getStaticOffsets(), op.getStaticSizes())) {
    // Behind a dimension of which there is more than one position all is whole.
    if (!isOne && size != extent)
      return std::nullopt;
    isOne &= size == 1;
    start = start * extent + offset;
  }
  return start;
}

namespace {
/// Rows of a global that a layer multiplies.
struct Rows {
  WeightOp weight;
  int64_t first, count;
};
} // namespace

static std::optional<Rows> findRows(LinearOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getWeight().getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  int64_t start = 0;
  Value value = op.getWeight();
  bool isPart = false;
  for (Operation *producer = value.getDefiningOp();
       isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                       tensor::ExtractSliceOp>(producer);
       producer = value.getDefiningOp()) {
    value = producer->getOperand(0);
    auto slice = dyn_cast<tensor::ExtractSliceOp>(producer);
    if (!slice)
      continue;
    std::optional<int64_t> run = getRunStart(slice);
    if (!run || isPart)
      return std::nullopt;
    start = *run;
    isPart = true;
  }
  auto dequantize = value.getDefiningOp<DequantizeOp>();
  auto weight =
      dequantize ? dequantize.getInput().getDefiningOp<WeightOp>() : WeightOp();
  if (!weight || !isPart)
    return std::nullopt;
  int64_t columns = cast<QuantizedTensorType>(weight.getType()).getColumns();
  if (type.getRank() != 2 || type.getDimSize(1) != columns ||
      start % columns != 0)
    return std::nullopt;
  return Rows{weight, start / columns, type.getDimSize(0)};
}

/// Whether a row's parameters are its own or those of all.
static bool hasPlainRows(QuantizedTensorType type) {
  EncodingAttr encoding = type.getEncoding();
  return !type.getLayout() && !encoding.getPermuted() &&
         !encoding.getNumerics().stored && !encoding.getColumnScale() &&
         encoding.getElement().getWindowBits() == encoding.getCodeBits();
}

//===----------------------------------------------------------------------===//
// The weight of some rows
//===----------------------------------------------------------------------===//

/// Copies the part of a component that belongs to rows of `target`: all of it
/// where there is one for the matrix.
template <typename Number>
static void copyRows(const numerics::QuantizedMatrix &source, int64_t first,
                     std::vector<Number> numerics::QuantizedMatrix::*component,
                     numerics::QuantizedMatrix &target) {
  const std::vector<Number> &from = source.*component;
  std::vector<Number> &to = target.*component;
  size_t begin =
      to.size() == from.size() ? 0 : first * (to.size() / target.rows);
  std::copy_n(from.begin() + begin, to.size(), to.begin());
}

static FailureOr<GlobalOp> createRows(GlobalOp global, const Rows &rows,
                                      StringRef name) {
  auto source = unpackComponents(global);
  if (failed(source))
    return failure();
  using Matrix = numerics::QuantizedMatrix;
  Matrix part;
  part.reset(source->encoding, rows.count, source->columns);
  copyRows(*source, rows.first, &Matrix::codes, part);
  for (auto component : {&Matrix::scales, &Matrix::zeroPoints, &Matrix::minima,
                         &Matrix::outerScales})
    copyRows(*source, rows.first, component, part);
  copyRows(*source, rows.first, &Matrix::tables, part);
  auto whole = cast<QuantizedTensorType>(global.getType());
  auto type = QuantizedTensorType::get(
      {part.rows, part.columns}, whole.getElementType(), whole.getEncoding());
  OpBuilder builder(global);
  return GlobalOp::create(builder, global.getLoc(), name, type,
                          packComponents(type, part, name));
}

LogicalResult lowbit::takeRowsOfCodes(ModuleOp module) {
  llvm::MapVector<LinearOp, Rows> layers;
  module.walk([&](LinearOp op) {
    std::optional<Rows> rows = findRows(op);
    if (rows && hasPlainRows(cast<QuantizedTensorType>(rows->weight.getType())))
      layers.insert({op, *rows});
  });
  SymbolTable symbols(module);
  llvm::DenseMap<std::pair<StringAttr, int64_t>, GlobalOp> parts;
  llvm::SetVector<GlobalOp> sources;
  for (auto &[op, rows] : layers) {
    auto source = symbols.lookup<GlobalOp>(rows.weight.getGlobal());
    GlobalOp &part = parts[{source.getSymNameAttr(), rows.first}];
    if (!part) {
      std::string name =
          (source.getSymName() + ".rows" + llvm::Twine(rows.first)).str();
      while (symbols.lookup(name))
        name += "_";
      FailureOr<GlobalOp> created = createRows(source, rows, name);
      if (failed(created))
        return failure();
      part = *created;
      symbols.insert(part);
      sources.insert(source);
    }
    OpBuilder builder(op);
    Value weight = WeightOp::create(builder, op.getLoc(), part.getType(),
                                    part.getSymName());
    Operation *unused = op.getWeight().getDefiningOp();
    op.getWeightMutable().assign(weight);
    while (unused && isOpTriviallyDead(unused)) {
      Operation *next = unused->getNumOperands() > 0
                            ? unused->getOperand(0).getDefiningOp()
                            : nullptr;
      unused->erase();
      unused = next;
    }
  }
  GlobalEraser eraser(module, /*releasesData=*/false);
  for (GlobalOp source : sources)
    eraser.eraseIfUnused(source);
  return success();
}
