//===- Shapes.cpp - operators that read or change shapes ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents are expressions, so Shape and Size are constants of the import, and
// Reshape is a collapse and an expand wherever products of extents match.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Shape, Size
//===----------------------------------------------------------------------===//

static Error emitShape(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + x.rank() : at, 0, x.rank());
  };
  int64_t start = clamp(node.integer("start", 0));
  int64_t end = clamp(node.integer("end", x.rank()));
  std::vector<Scalar> elements;
  for (int64_t axis = start; axis < end; ++axis)
    elements.push_back(Scalar::of(x.dims[axis]));
  Expr count(int64_t(elements.size()));
  im.set(node, 0, knownValue(TensorProto::INT64, {count}, elements));
  return Error::success();
}

static Error emitSize(Importer &im, const Node &node) {
  Expected<Expr> size =
      im.checked(node, im.symbols.product(im.in(node, 0).dims));
  if (!size)
    return size.takeError();
  im.set(node, 0, knownValue(TensorProto::INT64, {}, {Scalar::of(*size)}));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

namespace {
/// Runs of source and target dimensions that hold the same elements.
struct Grouping {
  llvm::SmallVector<mlir::ReassociationIndices> sources, targets;
  Dims products;
};
} // namespace

/// Matches `from` and `to` run by run, or gives nothing where no proof of equal
/// products is found. Both have at least one dimension.
static std::optional<Grouping> groupDims(Symbols &symbols, ArrayRef<Expr> from,
                                         ArrayRef<Expr> to) {
  Grouping result;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    mlir::ReassociationIndices source{int64_t(i)}, target{int64_t(j)};
    Expr a = from[i++], b = to[j++];
    while (a != b) {
      bool growSource = symbols.divideExactly(b, a).has_value();
      bool growTarget = !growSource && symbols.divideExactly(a, b).has_value();
      bool any = false;
      std::optional<Expr> next;
      if (!growTarget && i < from.size()) {
        if (!(next = symbols.mul(a, from[i])))
          return std::nullopt;
        a = *next;
        source.push_back(i++);
        any = true;
      }
      if (!growSource && j < to.size()) {
        if (!(next = symbols.mul(b, to[j])))
          return std::nullopt;
        b = *next;
        target.push_back(j++);
        any = true;
      }
      if (!any)
        return std::nullopt;
    }
    result.sources.push_back(source);
    result.targets.push_back(target);
    result.products.push_back(a);
  }
  // What is left on one side holds no more elements only if it is all ones.
  for (; i < from.size(); ++i) {
    if (!from[i].isConstant(1))
      return std::nullopt;
    result.sources.back().push_back(i);
  }
  for (; j < to.size(); ++j) {
    if (!to[j].isConstant(1))
      return std::nullopt;
    result.targets.back().push_back(j);
  }
  return result;
}

/// Whether dimensions of `from` that become one number are numbers, as MLIR
/// demands; a symbol times 0 is none.
static bool keepsConstants(ArrayRef<Expr> from, const Expr &product,
                           ArrayRef<int64_t> run) {
  return !product.isConstant() ||
         llvm::all_of(run, [&](int64_t i) { return from[i].isConstant(); });
}

/// Null where the shapes can't be matched run by run.
static mlir::Value reassociate(Importer &im, mlir::Value x, int32_t type,
                               ArrayRef<Expr> from, ArrayRef<Expr> to) {
  auto &b = im.ops();
  mlir::Type element = im.elementType(type);
  llvm::SmallVector<mlir::ReassociationIndices> none;
  if (to.empty())
    return mlir::tensor::CollapseShapeOp::create(b, im.tensorType(element, to),
                                                 x, none);
  if (from.empty())
    return mlir::tensor::ExpandShapeOp::create(b, im.tensorType(element, to), x,
                                               none, im.extents(to));
  std::optional<Grouping> groups = groupDims(im.symbols, from, to);
  if (!groups)
    return nullptr;
  for (auto [source, target, product] :
       llvm::zip_equal(groups->sources, groups->targets, groups->products))
    if (!keepsConstants(from, product, source) ||
        !keepsConstants(to, product, target))
      return nullptr;
  if (groups->products.size() < from.size())
    x = mlir::tensor::CollapseShapeOp::create(
        b, im.tensorType(element, groups->products), x, groups->sources);
  if (groups->products.size() < to.size())
    x = mlir::tensor::ExpandShapeOp::create(b, im.tensorType(element, to), x,
                                            groups->targets, im.extents(to));
  return x;
}

/// A reshape by run-time extents, for shapes whose runs can't be matched.
static mlir::Value reshapeDynamically(Importer &im, mlir::Value x, int32_t type,
                                      ArrayRef<Expr> to) {
  auto &b = im.ops();
  llvm::SmallVector<mlir::Value> sizes;
  for (const Expr &dim : to)
    sizes.push_back(im.indexValue(dim));
  mlir::Value shape = mlir::tensor::FromElementsOp::create(b, sizes);
  return mlir::tensor::ReshapeOp::create(
      b, im.tensorType(im.elementType(type), to), x, shape);
}

/// Products of the extents that are not in both lists: what is in question.
static void cancelCommon(Symbols &symbols, ArrayRef<Expr> from,
                         ArrayRef<Expr> to, Expr &before, Expr &after) {
  Dims left(from), right(to);
  for (const Expr &dim : from) {
    auto other = llvm::find(right, dim);
    if (other == right.end())
      continue;
    right.erase(other);
    left.erase(llvm::find(left, dim));
  }
  before = symbols.product(left).value_or(before);
  after = symbols.product(right).value_or(after);
}

Expected<Value> Importer::reshape(const Node &node, const Value &input,
                                  ArrayRef<Expr> dims) {
  if (llvm::ArrayRef<Expr>(input.dims) == dims)
    return input;
  std::optional<Expr> before = symbols.product(input.dims);
  std::optional<Expr> after = symbols.product(dims);
  if (!before || !after)
    return checked(node, std::nullopt).takeError();
  if (!symbols.isEqual(*before, *after).value_or(false)) {
    cancelCommon(symbols, input.dims, dims, *before, *after);
    return needEqual(node, *before, *after,
                     "cannot reshape " + str(input.dims) + " to " + str(dims));
  }
  bool isStatic =
      llvm::all_of(dims, [](const Expr &dim) { return dim.isConstant(); });
  // Elements that differ have places, which only numbers give them.
  if (input.known && (isStatic || input.uniform()))
    return knownValue(input.type, dims, *input.known);
  if (input.weight && isCodeType(input.type) && isStatic)
    return reshapedCodes(input, dims);
  Value view = emitted(input);
  if (std::optional<Value> same = unitReshape(view, dims))
    return *same;
  mlir::Value whole = full(view);
  mlir::Value reshaped =
      reassociate(*this, whole, input.type, input.dims, dims);
  if (!reshaped)
    reshaped = reshapeDynamically(*this, whole, input.type, dims);
  return fromTensor(input.type, dims, reshaped);
}

/// Replaces 0 by the input's extent and -1 by what remains.
static Expected<Dims> resolveShape(Importer &im, const Node &node,
                                   const Value &x, Dims target) {
  bool allowZero = node.integer("allowzero", 0) != 0;
  int64_t inferred = -1;
  Dims others;
  for (auto [i, dim] : llvm::enumerate(target)) {
    if (dim.isConstant(-1)) {
      if (inferred >= 0)
        return im.error(node, "more than one extent is -1");
      inferred = i;
      continue;
    }
    if (dim.isConstant(0) && !allowZero) {
      if (int64_t(i) >= x.rank())
        return im.error(node, "extent 0 at " + llvm::Twine(i) +
                                  " refers to no dimension of " +
                                  im.str(x.dims));
      dim = x.dims[i];
    }
    if (!im.symbols.isNonNegative(dim))
      return im.needNonNegative(
          node, dim, "extent " + im.symbols.str(dim) + " may be negative");
    others.push_back(dim);
  }
  if (inferred < 0)
    return target;
  std::optional<Expr> total = im.symbols.product(x.dims);
  std::optional<Expr> rest = im.symbols.product(others);
  std::optional<Expr> quotient =
      total && rest ? im.symbols.divideExactly(*total, *rest) : std::nullopt;
  if (!quotient)
    return im.error(node, "cannot infer the extent -1 of " + im.str(target) +
                              " from " + im.str(x.dims) +
                              (total ? im.advice(*total) : ""));
  target[inferred] = *quotient;
  return target;
}

static Error emitReshape(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Dims> target = im.shapeInput(node, 1);
  if (!target)
    return target.takeError();
  Expected<Dims> dims = resolveShape(im, node, x, std::move(*target));
  if (!dims)
    return dims.takeError();
  return im.result(node, im.reshape(node, x, *dims));
}

static Error emitFlatten(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  int64_t axis = node.integer("axis", 1);
  if (axis < -x.rank() || axis > x.rank())
    return im.error(node, "axis " + llvm::Twine(axis) +
                              " is out of range for rank " +
                              llvm::Twine(x.rank()));
  axis = axis < 0 ? axis + x.rank() : axis;
  ArrayRef<Expr> dims(x.dims);
  std::optional<Expr> rows = im.symbols.product(dims.take_front(axis));
  std::optional<Expr> columns = im.symbols.product(dims.drop_front(axis));
  if (!rows || !columns)
    return im.checked(node, std::nullopt).takeError();
  return im.result(node, im.reshape(node, x, {*rows, *columns}));
}

//===----------------------------------------------------------------------===//
// Squeeze, Unsqueeze, Expand
//===----------------------------------------------------------------------===//

/// Axes come as an attribute before version 13, as an input since.
static Expected<Axes> givenAxes(Importer &im, const Node &node) {
  if (node.version() < 13)
    return node.integers("axes");
  if (!node.hasInput(1))
    return Axes();
  return im.constantInput(node, 1);
}

static Error emitUnsqueeze(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Axes> given = givenAxes(im, node);
  if (!given)
    return given.takeError();
  int64_t rank = x.rank() + given->size();
  Expected<Axes> axes = im.axes(node, *given, rank);
  if (!axes)
    return axes.takeError();
  Dims dims;
  auto next = x.dims.begin();
  for (int64_t axis = 0; axis < rank; ++axis)
    dims.push_back(llvm::is_contained(*axes, axis) ? Expr(1) : *next++);
  return im.result(node, im.reshape(node, x, dims));
}

static Error emitSqueeze(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Axes> given = givenAxes(im, node);
  if (!given)
    return given.takeError();
  bool all = node.version() < 13 ? !node.find("axes") : !node.hasInput(1);
  Expected<Axes> axes = im.axes(node, *given, x.rank());
  if (!axes)
    return axes.takeError();
  Dims dims;
  for (auto [axis, dim] : llvm::enumerate(x.dims)) {
    bool listed = llvm::is_contained(*axes, int64_t(axis));
    if ((all || listed) && dim.isConstant(1))
      continue;
    // Without axes, a dimension that may be 1 leaves the rank open.
    bool open = all && !im.symbols.isEqual(dim, Expr(1)).has_value();
    if (open && !listed)
      return im.error(node, "whether extent " + im.symbols.str(dim) +
                                " at axis " + llvm::Twine(axis) +
                                " is 1 is not known" + im.advice(dim));
    if (listed)
      return im.needEqual(node, dim, Expr(1),
                          "extent " + im.symbols.str(dim) + " at axis " +
                              llvm::Twine(axis) + " must be 1");
    dims.push_back(dim);
  }
  return im.result(node, im.reshape(node, x, dims));
}

/// Only the dimensions change: the value becomes a view.
static Error emitExpand(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Dims> target = im.shapeInput(node, 1);
  if (!target)
    return target.takeError();
  Value shape;
  shape.dims = *target;
  Expected<Dims> dims = im.broadcast(node, {&x, &shape});
  if (!dims)
    return dims.takeError();
  if (const Scalar *element = x.uniform()) {
    im.set(node, 0, knownValue(x.type, *dims, {*element}));
    return Error::success();
  }
  Value view = im.emitted(x);
  for (int64_t &axis : view.axes)
    axis += dims->size() - x.rank();
  view.dims = *dims;
  im.set(node, 0, std::move(view));
  return Error::success();
}

void lowbit::frontend::addShapeOperators(OperatorTable &table) {
  table.add({
      {"Shape", 1, newest, 1, 1, 1, "start:i end:i", emitShape},
      {"Size", 1, newest, 1, 1, 1, "", emitSize},
      {"Reshape", 5, newest, 2, 2, 1, "allowzero:i", emitReshape},
      {"Flatten", 1, newest, 1, 1, 1, "axis:i", emitFlatten},
      {"Unsqueeze", 1, newest, 1, 2, 1, "axes:I", emitUnsqueeze},
      {"Squeeze", 1, newest, 1, 2, 1, "axes:I", emitSqueeze},
      {"Expand", 8, newest, 2, 2, 1, "", emitExpand},
  });
}
