//===- Movement.cpp - operators that move whole blocks of data ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <limits>

using namespace lowbit::frontend;
namespace tensor = mlir::tensor;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Transpose
//===----------------------------------------------------------------------===//

Expected<Value> Importer::transpose(const Node &node, const Value &input,
                                    ArrayRef<int64_t> permutation) {
  Dims dims;
  for (int64_t axis : permutation)
    dims.push_back(input.dims[axis]);
  if (const Scalar *element = input.uniform())
    return knownValue(input.type, dims, {*element});
  if (std::optional<Value> known =
          rearrangeKnown(input, dims, [&](llvm::MutableArrayRef<int64_t> at) {
            llvm::SmallVector<int64_t> old(at);
            for (auto [axis, source] : llvm::enumerate(permutation))
              at[source] = old[axis];
          }))
    return *known;
  Value view = emitted(input);
  // Order in which the result's axes read the tensor's dimensions.
  Value result = view;
  result.dims = dims;
  result.axes.clear();
  llvm::SmallVector<int64_t> order;
  for (auto [axis, source] : llvm::enumerate(permutation)) {
    auto found = llvm::find(view.axes, source);
    if (found == view.axes.end())
      continue;
    order.push_back(found - view.axes.begin());
    result.axes.push_back(axis);
  }
  if (llvm::is_sorted(order))
    return result;
  auto type = mlir::cast<mlir::RankedTensorType>(view.tensor.getType());
  Dims extents;
  for (auto [p, source] : llvm::enumerate(order))
    extents.push_back(type.getDimSize(source) == 1 ? Expr(1)
                                                   : dims[result.axes[p]]);
  mlir::Value init = empty(type.getElementType(), extents);
  result.tensor = mlir::linalg::TransposeOp::create(builder, builder.getLoc(),
                                                    view.tensor, init, order)
                      ->getResult(0);
  return result;
}

static Error emitTranspose(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Axes permutation = node.integers("perm");
  if (!node.find("perm"))
    for (int64_t axis = x.rank(); axis-- > 0;)
      permutation.push_back(axis);
  Expected<Axes> sorted = im.axes(node, permutation, x.rank());
  if (!sorted)
    return sorted.takeError();
  if (int64_t(sorted->size()) != x.rank())
    return im.error(node, "perm must name each of " + llvm::Twine(x.rank()) +
                              " dimensions once");
  for (int64_t &axis : permutation)
    axis = axis < 0 ? axis + x.rank() : axis;
  return im.result(node, im.transpose(node, x, permutation));
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// Known elements of a slice.
static std::optional<Value> sliceKnown(const Value &x, int64_t axis,
                                       const Expr &offset, const Expr &size,
                                       int64_t step) {
  Dims dims = x.dims;
  dims[axis] = size;
  if (!offset.isConstant())
    return std::nullopt;
  return rearrangeKnown(x, dims, [&](llvm::MutableArrayRef<int64_t> at) {
    at[axis] = offset.constant() + at[axis] * step;
  });
}

Value Importer::slice(const Value &input, int64_t axis, const Expr &offset,
                      const Expr &size, int64_t step) {
  if (offset.isConstant(0) && size == input.dims[axis] && step == 1)
    return input;
  if (std::optional<Value> known = sliceKnown(input, axis, offset, size, step))
    return *known;
  Dims dims = input.dims;
  dims[axis] = size;
  if (const Scalar *element = input.uniform())
    return knownValue(input.type, dims, {*element});
  // No offset is inside of an empty dimension, so an empty slice isn't one.
  if (llvm::is_contained(dims, Expr(0)))
    return fromTensor(input.type, dims, empty(elementType(input.type), dims));
  mlir::Value source = full(input);
  llvm::SmallVector<mlir::OpFoldResult> offsets(input.rank(),
                                                builder.getIndexAttr(0));
  llvm::SmallVector<mlir::OpFoldResult> strides(input.rank(),
                                                builder.getIndexAttr(1));
  offsets[axis] = extent(offset);
  strides[axis] = builder.getIndexAttr(step);
  return fromTensor(input.type, dims,
                    tensor::ExtractSliceOp::create(builder, source, offsets,
                                                   extents(dims), strides));
}

/// `bound` counted from the front and clamped to [lowest, highest].
static Expected<Expr> clampBound(Importer &im, const Node &node, Expr bound,
                                 const Expr &dim, const Expr &lowest,
                                 const Expr &highest) {
  Symbols &symbols = im.symbols;
  if (symbols.upperBound(bound) < 0) {
    std::optional<Expr> moved = symbols.upperBound(bound) <= -maxExtent
                                    ? std::optional(lowest)
                                    : symbols.add(bound, dim);
    std::optional<Expr> clamped =
        moved ? symbols.max(*moved, lowest) : std::nullopt;
    return im.checked(node, clamped);
  }
  if (!symbols.isNonNegative(bound))
    return im.needNonNegative(node, bound,
                              "whether the bound " + symbols.str(bound) +
                                  " is negative is not known");
  return im.checked(node, symbols.min(bound, highest));
}

/// Positions start, start + step, ... before (or above) end along `axis`.
static Expected<Value> sliceAxis(Importer &im, const Node &node, const Value &x,
                                 int64_t axis, const Expr &start,
                                 const Expr &end, int64_t step) {
  if (step == 0 || step > maxExtent)
    return im.error(node, "step " + llvm::Twine(step) + " is not supported");
  // Anything below walks back to the first position.
  step = std::max(step, -maxExtent);
  const Expr &dim = x.dims[axis];
  std::optional<Expr> last = im.symbols.sub(dim, Expr(1));
  if (!last)
    return im.checked(node, last).takeError();
  bool back = step < 0;
  Expr lowest(back ? -1 : 0), highest = back ? *last : dim;
  Expected<Expr> from = clampBound(im, node, start, dim, Expr(0), highest);
  if (!from)
    return from.takeError();
  Expected<Expr> to = clampBound(im, node, end, dim, lowest, highest);
  if (!to)
    return to.takeError();
  std::optional<Expr> span =
      back ? im.symbols.sub(*from, *to) : im.symbols.sub(*to, *from);
  if (span)
    span = im.symbols.ceilDiv(*span, Expr(std::abs(step)));
  if (span)
    span = im.symbols.max(*span, Expr(0));
  Expected<Expr> size = im.checked(node, span);
  if (!size)
    return size.takeError();
  if (!back)
    return im.slice(x, axis, *from, *size, step);
  if (std::optional<Value> known = sliceKnown(x, axis, *from, *size, step))
    return *known;
  return readBackwards(im, x, axis, *from, *size, -step);
}

/// Integers of an attribute, or of an input since version 10.
static Expected<Dims> sliceBounds(Importer &im, const Node &node,
                                  llvm::StringRef name, int input) {
  if (node.version() >= 10)
    return im.shapeInput(node, input);
  Axes given = node.integers(name);
  return Dims(given.begin(), given.end());
}

static Error emitSlice(Importer &im, const Node &node) {
  Value x = im.in(node, 0);
  Expected<Dims> starts = sliceBounds(im, node, "starts", 1);
  if (!starts)
    return starts.takeError();
  Expected<Dims> ends = sliceBounds(im, node, "ends", 2);
  if (!ends)
    return ends.takeError();
  Axes axes = node.integers("axes"), steps(starts->size(), 1);
  for (size_t i = 0; !node.find("axes") && i < starts->size(); ++i)
    axes.push_back(i);
  for (int input : {3, 4}) {
    if (!node.hasInput(input))
      continue;
    Expected<Axes> given = im.constantInput(node, input);
    if (!given)
      return given.takeError();
    (input == 3 ? axes : steps) = *given;
  }
  if (ends->size() != starts->size() || axes.size() != starts->size() ||
      steps.size() != starts->size())
    return im.error(node, "starts, ends, axes and steps must have one length");
  Expected<Axes> distinct = im.axes(node, axes, x.rank());
  if (!distinct)
    return distinct.takeError();
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = axes[i] < 0 ? axes[i] + x.rank() : axes[i];
    Expected<Value> part =
        sliceAxis(im, node, x, axis, (*starts)[i], (*ends)[i], steps[i]);
    if (!part)
      return part.takeError();
    x = std::move(*part);
  }
  im.set(node, 0, std::move(x));
  return Error::success();
}

static std::string refuseSlice(const Node &node) {
  bool given = node.find("starts") && node.find("ends");
  bool inputs = node.hasInput(1) && node.hasInput(2);
  if (node.version() < 10 ? !given : !inputs || node.find("starts"))
    return "bounds must be inputs since version 10, and attributes before";
  return "";
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

/// Sizes of the parts: given, or equal with a shorter last one.
static Expected<Dims> splitSizes(Importer &im, const Node &node,
                                 const Expr &dim) {
  if (node.version() >= 13 && node.hasInput(1))
    return im.shapeInput(node, 1);
  if (node.version() < 13 && node.find("split")) {
    Axes given = node.integers("split");
    return Dims(given.begin(), given.end());
  }
  int64_t parts = node.integer("num_outputs", node.numOutputs());
  if (parts != node.numOutputs())
    return im.error(node, "attribute num_outputs must be the number of "
                          "outputs");
  std::optional<Expr> size = im.symbols.ceilDiv(dim, Expr(parts));
  std::optional<Expr> before =
      size ? im.symbols.mul(*size, Expr(parts - 1)) : std::nullopt;
  std::optional<Expr> last =
      before ? im.symbols.sub(dim, *before) : std::nullopt;
  Expected<Expr> rest = im.checked(node, last);
  if (!rest)
    return rest.takeError();
  Dims sizes(parts - 1, *size);
  sizes.push_back(*rest);
  return sizes;
}

static Error emitSplit(Importer &im, const Node &node) {
  Value x = im.in(node, 0);
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), x.rank());
  if (!axis)
    return axis.takeError();
  Expected<Dims> sizes = splitSizes(im, node, x.dims[*axis]);
  if (!sizes)
    return sizes.takeError();
  if (int64_t(sizes->size()) != node.numOutputs())
    return im.error(node, llvm::Twine(sizes->size()) + " sizes for " +
                              llvm::Twine(node.numOutputs()) + " outputs");
  Dims offsets{Expr(0)};
  for (const Expr &size : *sizes) {
    if (!im.symbols.isNonNegative(size))
      return im.needNonNegative(
          node, size, "part " + im.symbols.str(size) + " may be negative");
    Expected<Expr> next =
        im.checked(node, im.symbols.add(offsets.back(), size));
    if (!next)
      return next.takeError();
    offsets.push_back(*next);
  }
  if (!im.symbols.isEqual(offsets.back(), x.dims[*axis]).value_or(false))
    return im.needEqual(node, offsets.back(), x.dims[*axis],
                        "parts sum to " + im.symbols.str(offsets.back()) +
                            ", the extent is " + im.symbols.str(x.dims[*axis]));
  if (!x.known)
    x = im.emitted(x);
  for (auto [i, size] : llvm::enumerate(*sizes))
    im.set(node, i, im.slice(x, *axis, offsets[i], size));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Concat
//===----------------------------------------------------------------------===//

/// Concatenated known elements; how exporters build shapes.
static std::optional<Value> concatKnown(ArrayRef<const Value *> parts,
                                        ArrayRef<Expr> dims, int64_t axis) {
  int64_t outer = 1, inner = 1;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (!dim.isConstant() || dim.constant() > 4096)
      return std::nullopt;
    (int64_t(i) < axis ? outer : inner) *= dim.constant();
    if (outer * inner > 4096)
      return std::nullopt;
  }
  std::vector<Scalar> elements;
  for (int64_t block = 0; block < outer; ++block)
    for (const Value *part : parts) {
      std::optional<int64_t> size = part->size();
      if (!part->known || !size)
        return std::nullopt;
      int64_t length = *size / outer;
      for (int64_t i = 0; i < length; ++i)
        elements.push_back(part->element(block * length + i));
    }
  return knownValue(parts[0]->type, dims, std::move(elements));
}

/// Extents of the result; all but `axis` must agree.
static Expected<Dims> concatDims(Importer &im, const Node &node,
                                 ArrayRef<const Value *> parts, int64_t axis) {
  Dims dims = parts[0]->dims;
  for (const Value *part : parts.drop_front()) {
    if (Error failed = im.requireSameType(node, *parts[0], *part))
      return std::move(failed);
    std::string text =
        "cannot concatenate " + im.str(dims) + " and " + im.str(part->dims);
    if (part->rank() != parts[0]->rank())
      return im.error(node, text);
    for (int64_t i = 0; i < part->rank(); ++i)
      if (i != axis &&
          !im.symbols.isEqual(part->dims[i], dims[i]).value_or(false))
        return im.needEqual(node, dims[i], part->dims[i], text);
    Expected<Expr> sum =
        im.checked(node, im.symbols.add(dims[axis], part->dims[axis]));
    if (!sum)
      return sum.takeError();
    dims[axis] = *sum;
  }
  return dims;
}

static Error emitConcat(Importer &im, const Node &node) {
  llvm::SmallVector<const Value *> parts;
  for (int i = 0; i < node.numInputs(); ++i) {
    if (!node.hasInput(i))
      return im.error(node, "input " + llvm::Twine(i) + " is missing");
    parts.push_back(&im.in(node, i));
  }
  Expected<int64_t> axis =
      im.axis(node, node.integer("axis", 0), parts[0]->rank());
  if (!axis)
    return axis.takeError();
  Expected<Dims> dims = concatDims(im, node, parts, *axis);
  if (!dims)
    return dims.takeError();
  if (parts.size() == 1) {
    im.set(node, 0, Value(*parts[0]));
    return Error::success();
  }
  if (std::optional<Value> known = concatKnown(parts, *dims, *axis)) {
    im.set(node, 0, std::move(*known));
    return Error::success();
  }
  auto &b = im.ops();
  mlir::Value result = im.empty(im.elementType(parts[0]->type), *dims);
  Expr offset(0);
  for (const Value *part : parts) {
    if (llvm::is_contained(part->dims, Expr(0)))
      continue;
    llvm::SmallVector<mlir::OpFoldResult> offsets(part->rank(),
                                                  b.getIndexAttr(0));
    llvm::SmallVector<mlir::OpFoldResult> strides(part->rank(),
                                                  b.getIndexAttr(1));
    offsets[*axis] = im.extent(offset);
    result = tensor::InsertSliceOp::create(b, im.full(*part), result, offsets,
                                           im.extents(part->dims), strides);
    Expected<Expr> next =
        im.checked(node, im.symbols.add(offset, part->dims[*axis]));
    if (!next)
      return next.takeError();
    offset = *next;
  }
  im.set(node, 0, im.fromTensor(parts[0]->type, *dims, result));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Tile
//===----------------------------------------------------------------------===//

/// Each tiled dimension [d] is a view [r, d] that is reshaped to [r * d].
static Error emitTile(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Dims> repeats = im.shapeInput(node, 1);
  if (!repeats)
    return repeats.takeError();
  if (int64_t(repeats->size()) != x.rank())
    return im.error(node, "needs one repeat per dimension of " +
                              im.str(x.dims) + ", found " + im.str(*repeats));
  Value view = x.known && x.uniform() ? x : im.emitted(x);
  Dims wide, result;
  llvm::SmallVector<int64_t> moved;
  for (auto [dim, repeat] : llvm::zip_equal(x.dims, *repeats)) {
    if (!im.symbols.isNonNegative(repeat))
      return im.needNonNegative(node, repeat,
                                "repeat " + im.symbols.str(repeat) +
                                    " may be negative");
    wide.push_back(repeat);
    moved.push_back(wide.size());
    wide.push_back(dim);
    Expected<Expr> extent = im.checked(node, im.symbols.mul(dim, repeat));
    if (!extent)
      return extent.takeError();
    result.push_back(*extent);
  }
  if (view.known)
    return im.result(node, knownValue(x.type, result, {*x.uniform()}));
  view.dims = wide;
  for (int64_t &axis : view.axes)
    axis = moved[axis];
  return im.result(node, im.reshape(node, view, result));
}

void lowbit::frontend::addMovementOperators(OperatorTable &table) {
  table.add({
      {"Transpose", 1, newest, 1, 1, 1, "perm:I", emitTranspose},
      {"Slice", 1, newest, 1, 5, 1, "starts:I ends:I axes:I", emitSlice,
       refuseSlice},
      {"Split", 2, newest, 1, 2, variadic, "axis:i split:I num_outputs:i",
       emitSplit},
      {"Concat", 4, newest, 1, variadic, 1, "axis:i", emitConcat},
      {"Tile", 6, newest, 2, 2, 1, "", emitTile},
  });
}
