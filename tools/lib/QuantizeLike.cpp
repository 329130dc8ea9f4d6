//===- QuantizeLike.cpp - trained weights back onto their grid ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/ExchangeWeights.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/PackedData.h"
#include <cmath>

using namespace lowbit;

namespace {

/// A weight of the model whose grid is taken.
struct Grid {
  GlobalOp global;
  WeightPart part;
  /// How the activations that meet it are quantized; null for float ones.
  EncodingAttr activations = {};
  bool isTaken = false;
};

/// Quantizes the weights of a module onto the grids of another.
class LikeQuantizer {
public:
  LikeQuantizer(mlir::ModuleOp module) : module(module) {}
  llvm::Error readGrids(mlir::ModuleOp like);
  llvm::Error run(llvm::StringRef file);

private:
  llvm::Error quantize(mlir::OpOperand &weight);
  llvm::Expected<GlobalOp> makeGlobal(const ConstantMatrix &matrix,
                                      const Grid &grid);
  void quantizeInput(LinearOp op, EncodingAttr activations);
  void dropFloat();

  mlir::ModuleOp module;
  llvm::StringMap<Grid> grids;
  llvm::StringMap<GlobalOp> made;
};

} // namespace

llvm::Error LikeQuantizer::readGrids(mlir::ModuleOp like) {
  for (GlobalOp global : like.getOps<GlobalOp>())
    if (auto type = llvm::dyn_cast<QuantizedTensorType>(global.getType());
        type && type.getRank() == 2)
      for (const WeightPart &part : getWeightParts(global))
        grids[part.name] = {global, part};
  like.walk([&](LinearOp op) {
    auto input = llvm::dyn_cast<QuantizedTensorType>(op.getInput().getType());
    auto read = op.getWeight().getDefiningOp<WeightOp>();
    // Packing gives all others 16 bits by itself.
    if (!input || !read || input.getEncoding().getCodeBits() != 8)
      return;
    for (const WeightPart &part : getWeightParts(read.getGlobalOp()))
      grids[part.name].activations = input.getEncoding();
  });
  if (grids.empty())
    return makeError("has no low-bit weights whose grid could be taken");
  return llvm::Error::success();
}

llvm::Expected<GlobalOp> LikeQuantizer::makeGlobal(const ConstantMatrix &matrix,
                                                   const Grid &grid) {
  GlobalOp other = grid.global;
  DiagnosticText errors(*module.getContext());
  llvm::FailureOr<QuantizedWeight> source = QuantizedWeight::read(other);
  if (llvm::failed(source))
    return errors.takeError("a weight cannot be read");
  const numerics::QuantizedMatrix &old = source->getMatrix();
  if (old.encoding.element.tableOwner() != numerics::TableOwner::Format)
    return makeError("weight '" + matrix.name() +
                     "' has a learned table, which is no grid to share");
  // Scales that are quantized are taken as they are read.
  numerics::QuantizedMatrix result;
  result.reset(numerics::expandedEncoding(old.encoding), matrix.rows,
               matrix.columns);
  int64_t groups = old.encoding.groupCount(matrix.columns);
  auto take = [&](const std::vector<float> &from, std::vector<float> &to) {
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = from[old.encoding.parameterIndex(
          grid.part.first + int64_t(i) / groups * grid.part.step,
          int64_t(i) % groups, groups)];
  };
  take(old.scales, result.scales);
  take(old.zeroPoints, result.zeroPoints);
  take(old.minima, result.minima);
  std::vector<float> stored(matrix.columns);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    std::vector<float> numbers = matrix.readRows(row, row + 1);
    for (int64_t k = 0; k < matrix.columns; ++k) {
      if (!std::isfinite(numbers[k]))
        return makeError("weight '" + matrix.name() +
                         "' is not finite in row " + llvm::Twine(row));
      stored[source->getStoredColumn(k)] = numbers[k];
    }
    numerics::assignCodes(stored.data(), row, row + 1, result);
  }
  auto type = llvm::cast<QuantizedTensorType>(other.getType());
  auto dense = QuantizedTensorType::get({matrix.rows, matrix.columns},
                                        type.getElementType(),
                                        type.getEncoding().getExpanded());
  mlir::OpBuilder builder(module.getContext());
  builder.setInsertionPointToStart(module.getBody());
  if (matrix.global)
    builder.setInsertionPoint(matrix.global);
  std::string name = matrix.name() + ".like";
  return GlobalOp::create(
      builder, module.getLoc(), name, dense,
      packComponents(dense, result, matrix.name(),
                     other.getComponent(component::kPermutation)));
}

void LikeQuantizer::quantizeInput(LinearOp op, EncodingAttr activations) {
  auto input = llvm::dyn_cast<mlir::RankedTensorType>(op.getInput().getType());
  if (!input || !activations)
    return;
  auto type = QuantizedTensorType::get(input.getShape(), input.getElementType(),
                                       activations);
  mlir::OpBuilder builder(op);
  op.getInputMutable().assign(
      QuantizeOp::create(builder, op.getLoc(), type, op.getInput()));
}

llvm::Error LikeQuantizer::quantize(mlir::OpOperand &weight) {
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight.get());
  auto found = matrix ? grids.find(matrix->name()) : grids.end();
  if (found == grids.end())
    return llvm::Error::success();
  Grid &grid = found->second;
  int64_t columns =
      llvm::cast<mlir::ShapedType>(grid.global.getType()).getDimSize(1);
  if (grid.part.count != matrix->rows || columns != matrix->columns)
    return makeError("weight '" + matrix->name() + "' must be " +
                     llvm::Twine(grid.part.count) + " x " +
                     llvm::Twine(columns) + ", found " +
                     llvm::Twine(matrix->rows) + " x " +
                     llvm::Twine(matrix->columns));
  GlobalOp &global = made[found->getKey()];
  if (!global) {
    llvm::Expected<GlobalOp> created = makeGlobal(*matrix, grid);
    if (!created)
      return created.takeError();
    global = *created;
    grid.isTaken = true;
  }
  mlir::Operation *op = weight.getOwner();
  mlir::OpBuilder builder(op);
  weight.set(WeightOp::create(builder, op->getLoc(), global.getType(),
                              global.getSymName()));
  if (auto linear = llvm::dyn_cast<LinearOp>(op))
    quantizeInput(linear, grid.activations);
  return llvm::Error::success();
}

/// Erases what read the float weights and the weights themselves; the low-bit
/// ones take over the names.
void LikeQuantizer::dropFloat() {
  bool changed = true;
  while (changed) {
    changed = false;
    module.walk([&](mlir::Operation *op) {
      if (op->use_empty() && op->getNumResults() &&
          mlir::isMemoryEffectFree(op)) {
        op->erase();
        changed = true;
      }
    });
  }
  for (auto &entry : made) {
    GlobalOp old = module.lookupSymbol<GlobalOp>(entry.getKey());
    if (old && !mlir::SymbolTable::symbolKnownUseEmpty(old, module))
      continue;
    if (old)
      old.erase();
    auto name = mlir::StringAttr::get(module.getContext(), entry.getKey());
    if (mlir::succeeded(mlir::SymbolTable::replaceAllSymbolUses(entry.second,
                                                                name, module)))
      entry.second.setSymNameAttr(name);
  }
}

llvm::Error LikeQuantizer::run(llvm::StringRef file) {
  llvm::SmallVector<mlir::OpOperand *> weights;
  module.walk([&](mlir::Operation *op) {
    if (auto linear = llvm::dyn_cast<LinearOp>(op))
      weights.push_back(&linear.getWeightMutable());
    else if (auto embedding = llvm::dyn_cast<EmbeddingOp>(op))
      weights.push_back(&embedding.getWeightMutable());
  });
  for (mlir::OpOperand *weight : weights)
    if (!llvm::isa<QuantizedTensorType>(weight->get().getType()))
      if (llvm::Error error = quantize(*weight))
        return error;
  llvm::SmallVector<llvm::StringRef> missing;
  for (auto &entry : grids)
    if (!entry.second.isTaken)
      missing.push_back(entry.getKey());
  llvm::sort(missing);
  if (!missing.empty())
    return makeError(
        "--like: the model has no float weight '" + missing.front() +
        "', which is low-bit in '" + file + "'" +
        (missing.size() == 1
             ? ""
             : ", nor " + llvm::Twine(missing.size() - 1) + " more of them"));
  dropFloat();
  return llvm::Error::success();
}

llvm::Error lowbit::quantizeLike(mlir::ModuleOp raised, llvm::StringRef like) {
  auto other = loadArtefact(like, *raised.getContext());
  if (!other)
    return other.takeError();
  LikeQuantizer quantizer(raised);
  if (llvm::Error error = quantizer.readGrids(**other))
    return makeFileError(like, llvm::toString(std::move(error)));
  return quantizer.run(like);
}
