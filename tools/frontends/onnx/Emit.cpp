//===- Emit.cpp - elementwise ops as linalg.generic -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broadcasts become indexing maps, scalars move into the region, and
// dimensions that no operand carries stay out of the loop nest. So upstream
// fusion sees through whole chains of ONNX nodes.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <algorithm>
#include <cmath>

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;
using onnx::TensorProto;

/// The most elements that are computed at import.
static constexpr int64_t maxFoldedElements = 4096;

mlir::Value ScalarBuilder::constant(mlir::Value like, double value) {
  mlir::Type type = like.getType();
  if (auto real = mlir::dyn_cast<mlir::FloatType>(type))
    return make<mlir::arith::ConstantOp>(mlir::FloatAttr::get(real, value));
  return make<mlir::arith::ConstantOp>(
      mlir::IntegerAttr::get(type, int64_t(value)));
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

Error Importer::undecided(const Node &node, ArrayRef<Expr> a, ArrayRef<Expr> b,
                          const Expr &da, const Expr &db) {
  std::string text = "cannot broadcast " + str(a) + " with " + str(b);
  if (da.isConstant() && db.isConstant())
    return error(node, text);
  // Another dimension may be what decides this one.
  for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const Expr &x = a[a.size() - i], &y = b[b.size() - i];
    if (x != y && !x.isConstant(1) && !y.isConstant(1))
      session.learned |= symbols.assumeEqual(x, y);
  }
  return needEqual(node, da, db,
                   text + ": whether " + symbols.str(da) + " and " +
                       symbols.str(db) + " are equal is not known");
}

Expected<Dims> Importer::broadcast(const Node &node,
                                   ArrayRef<const Value *> inputs) {
  Dims result;
  for (const Value *input : inputs) {
    size_t rank = std::max<size_t>(result.size(), input->rank());
    while (result.size() < rank)
      result.insert(result.begin(), Expr(1));
    size_t shift = rank - input->rank();
    for (auto [i, dim] : llvm::enumerate(input->dims)) {
      Expr &target = result[i + shift];
      if (target == dim || dim.isConstant(1))
        continue;
      if (!target.isConstant(1)) {
        if (!symbols.isEqual(target, dim).value_or(false))
          return undecided(node, result, input->dims, target, dim);
        continue;
      }
      target = dim;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

/// Position of element `index` (row-major in `dims`) in an operand that is
/// broadcast to `dims`.
static size_t sourceIndex(int64_t index, ArrayRef<Expr> dims,
                          const Value &operand) {
  size_t source = 0, stride = 1;
  for (int64_t k = dims.size() - 1, o = operand.rank() - 1; k >= 0 && o >= 0;
       --k, --o) {
    int64_t coordinate = index % dims[k].constant();
    index /= dims[k].constant();
    int64_t extent = operand.dims[o].constant();
    if (extent != 1)
      source += coordinate * stride;
    stride *= extent;
  }
  return source;
}

/// All elements of an elementwise operator on known operands, or nothing.
static std::optional<std::vector<Scalar>>
foldElements(Symbols &symbols, ArrayRef<const Value *> inputs,
             ArrayRef<Expr> dims, int32_t resultType, Fold fold) {
  bool uniform = llvm::all_of(
      inputs, [](const Value *input) { return input->uniform() != nullptr; });
  int64_t size = 1;
  for (const Expr &dim : dims) {
    if (uniform)
      break;
    if (!dim.isConstant() || dim.constant() > maxFoldedElements)
      return std::nullopt;
    size *= dim.constant();
    if (size > maxFoldedElements)
      return std::nullopt;
  }
  std::vector<Scalar> elements;
  for (int64_t i = 0; i < size; ++i) {
    llvm::SmallVector<Scalar, 4> operands;
    for (const Value *input : inputs)
      operands.push_back(input->uniform()
                             ? *input->uniform()
                             : input->element(sourceIndex(i, dims, *input)));
    std::optional<Scalar> element = fold(symbols, operands, resultType);
    if (!element)
      return std::nullopt;
    elements.push_back(std::move(*element));
  }
  return elements;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

namespace {
/// An operand of an elementwise op: a scalar, or a view with its map.
struct Operand {
  const Scalar *scalar = nullptr;
  mlir::Value outside; ///< A scalar that depends on extents.
  Value view;
  int64_t shift = 0; ///< Leading dimensions that the operand lacks.
};
} // namespace

static bool repeats(const Operand &operand, size_t p, ArrayRef<Expr> dims) {
  auto type = mlir::cast<mlir::RankedTensorType>(operand.view.tensor.getType());
  int64_t axis = operand.view.axes[p] + operand.shift;
  return type.getDimSize(p) == 1 && !dims[axis].isConstant(1);
}

/// The result's axes that some operand carries, ascending: the loops.
static Axes loopAxes(ArrayRef<Operand> operands, ArrayRef<Expr> dims) {
  llvm::SmallVector<bool> carried(dims.size(), false);
  for (const Operand &operand : operands)
    for (size_t p = 0; p < operand.view.axes.size(); ++p)
      if (!repeats(operand, p, dims))
        carried[operand.view.axes[p] + operand.shift] = true;
  Axes loops;
  for (size_t axis = 0; axis < dims.size(); ++axis)
    if (carried[axis])
      loops.push_back(axis);
  return loops;
}

static mlir::AffineMap mapOf(const Operand &operand, ArrayRef<Expr> dims,
                             ArrayRef<int64_t> loops,
                             mlir::MLIRContext *context) {
  llvm::SmallVector<mlir::AffineExpr> results;
  for (auto [p, axis] : llvm::enumerate(operand.view.axes)) {
    if (repeats(operand, p, dims)) {
      results.push_back(mlir::getAffineConstantExpr(0, context));
      continue;
    }
    size_t loop = llvm::find(loops, axis + operand.shift) - loops.begin();
    results.push_back(mlir::getAffineDimExpr(loop, context));
  }
  return mlir::AffineMap::get(loops.size(), 0, results, context);
}

static Operand operandOf(Importer &im, const Value &input, size_t rank) {
  Operand operand;
  operand.view.type = input.type;
  operand.shift = rank - input.rank();
  operand.scalar = input.uniform();
  if (!operand.scalar)
    operand.view = im.emitted(input);
  else if (!operand.scalar->isConstant())
    operand.outside =
        im.constantScalar(im.elementType(input.type), *operand.scalar);
  return operand;
}

/// The operands inside of the region, where `args` are elements of tensors.
static llvm::SmallVector<mlir::Value, 4> elementsOf(Importer &im,
                                                    mlir::OpBuilder &region,
                                                    ArrayRef<Operand> operands,
                                                    mlir::ValueRange args) {
  // Constants belong into the region; the importer's builder makes them.
  mlir::OpBuilder::InsertionGuard guard(im.ops());
  im.ops().restoreInsertionPoint(region.saveInsertionPoint());
  llvm::SmallVector<mlir::Value, 4> elements;
  for (const Operand &operand : operands) {
    if (!operand.scalar) {
      elements.push_back(args.front());
      args = args.drop_front();
    } else {
      elements.push_back(
          operand.outside ? operand.outside
                          : im.constantScalar(im.elementType(operand.view.type),
                                              *operand.scalar));
    }
  }
  region.restoreInsertionPoint(im.ops().saveInsertionPoint());
  return elements;
}

Expected<Value> Importer::elementwise(const Node &node,
                                      ArrayRef<const Value *> inputs,
                                      int32_t resultType, Body body,
                                      Fold fold) {
  Expected<Dims> dims = broadcast(node, inputs);
  if (!dims)
    return dims.takeError();
  bool known = llvm::all_of(
      inputs, [](const Value *value) { return value->known.has_value(); });
  if (fold && known)
    if (auto elements = foldElements(symbols, inputs, *dims, resultType, fold))
      return knownValue(resultType, *dims, std::move(*elements));

  llvm::SmallVector<Operand, 4> operands;
  for (const Value *input : inputs)
    operands.push_back(operandOf(*this, *input, dims->size()));
  Axes loops = loopAxes(operands, *dims);
  mlir::MLIRContext *context = builder.getContext();
  llvm::SmallVector<mlir::Value> tensors;
  llvm::SmallVector<mlir::AffineMap> maps;
  for (const Operand &operand : operands)
    if (!operand.scalar) {
      tensors.push_back(operand.view.tensor);
      maps.push_back(mapOf(operand, *dims, loops, context));
    }
  maps.push_back(
      mlir::AffineMap::getMultiDimIdentityMap(loops.size(), context));
  Dims extents;
  for (int64_t axis : loops)
    extents.push_back((*dims)[axis]);
  if (tensors.empty()) {
    // Scalars alone are computed once, outside of all loops.
    ScalarBuilder scalars{builder, builder.getLoc(), inputs[0]->type,
                          resultType};
    auto elements = elementsOf(*this, builder, operands, {});
    mlir::Value element = body(scalars, elements);
    Value result = fromTensor(resultType, *dims, nullptr);
    result.axes.clear();
    result.tensor = mlir::tensor::FromElementsOp::create(
        builder, mlir::RankedTensorType::get({}, element.getType()), element);
    return result;
  }
  llvm::SmallVector<IteratorType> iterators(loops.size(),
                                            IteratorType::parallel);
  mlir::Value init = empty(elementType(resultType), extents);
  auto generic = mlir::linalg::GenericOp::create(
      builder, init.getType(), tensors, init, maps, iterators,
      [&](mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange args) {
        auto elements = elementsOf(*this, b, operands, args.drop_back());
        ScalarBuilder scalars{b, loc, inputs[0]->type, resultType};
        mlir::linalg::YieldOp::create(b, loc, body(scalars, elements));
      });
  Value result = fromTensor(resultType, *dims, generic.getResult(0));
  result.axes = loops;
  return result;
}

/// `number` as an integer; what is too large for one is nearly the largest.
static int64_t toInteger(double number) {
  constexpr double kMost = 0x1p62;
  return std::isnan(number) ? 0 : int64_t(std::clamp(number, -kMost, kMost));
}

Value Importer::scalar(const Value &like, double number) {
  return knownValue(like.type, {},
                    {isFloat(like.type) ? Scalar::of(number)
                                        : Scalar::of(Expr(toInteger(number)))});
}
