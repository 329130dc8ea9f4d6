//===- Convolution.cpp - Conv and ConvTranspose ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One group is upstream's named convolution; several are a generic op with the
// group as a dimension of its own. Padding is a tensor.pad before it. A
// transposed convolution is an ordinary one: zeros between the elements of its
// input, the kernel reversed, input and output channels exchanged.
//
//===----------------------------------------------------------------------===//

#include "Accumulator.h"
#include "Indexing.h"
#include "OperatorTable.h"
#include "Windows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
namespace linalg = mlir::linalg;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;

//===----------------------------------------------------------------------===//
// One group
//===----------------------------------------------------------------------===//

template <typename Op>
static mlir::Value createNamed(Importer &im, mlir::Value x, mlir::Value w,
                               mlir::Value init, const Window &window) {
  auto &b = im.ops();
  return Op::create(b, init.getType(), mlir::ValueRange{x, w}, init,
                    b.getI64TensorAttr(window.strides),
                    b.getI64TensorAttr(window.dilations))
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Several groups
//===----------------------------------------------------------------------===//

/// Maps over the loops (batch, group, filter, outputs..., channel, kernel...)
/// of the input [N, G, C, ...], the kernel [G, F, C, ...] and the result.
static llvm::SmallVector<mlir::AffineMap, 3>
groupedMaps(const Window &window, mlir::MLIRContext *context) {
  int64_t rank = window.rank(), loops = 4 + 2 * rank;
  auto dim = [&](int64_t i) { return mlir::getAffineDimExpr(i, context); };
  mlir::AffineExpr channel = dim(3 + rank);
  llvm::SmallVector<mlir::AffineExpr> input{dim(0), dim(1), channel};
  llvm::SmallVector<mlir::AffineExpr> kernel{dim(1), dim(2), channel};
  llvm::SmallVector<mlir::AffineExpr> output{dim(0), dim(1), dim(2)};
  for (int64_t i = 0; i < rank; ++i) {
    mlir::AffineExpr o = dim(3 + i), k = dim(4 + rank + i);
    input.push_back(o * window.strides[i] + k * window.dilations[i]);
    kernel.push_back(k);
    output.push_back(o);
  }
  return {mlir::AffineMap::get(loops, 0, input, context),
          mlir::AffineMap::get(loops, 0, kernel, context),
          mlir::AffineMap::get(loops, 0, output, context)};
}

static mlir::Value createGrouped(Importer &im, mlir::Value x, mlir::Value w,
                                 mlir::Value init, const Window &window) {
  auto &b = im.ops();
  llvm::SmallVector<IteratorType> iterators(3 + window.rank(),
                                            IteratorType::parallel);
  iterators.append(1 + window.rank(), IteratorType::reduction);
  return linalg::GenericOp::create(
             b, init.getType(), mlir::ValueRange{x, w}, init,
             groupedMaps(window, b.getContext()), iterators,
             [](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
               using namespace mlir::arith;
               mlir::Value p = args[0], q = args[1], sum = args[2];
               if (p.getType() != sum.getType()) {
                 p = ExtFOp::create(r, loc, sum.getType(), p);
                 q = ExtFOp::create(r, loc, sum.getType(), q);
               }
               p = MulFOp::create(r, loc, p, q);
               linalg::YieldOp::create(
                   r, loc, AddFOp::create(r, loc, sum, p).getResult());
             })
      .getResult(0);
}

/// `dims` with dimension `axis` split into groups and what is in each.
static Dims splitGroups(ArrayRef<Expr> dims, int64_t axis, int64_t groups) {
  Dims result(dims.begin(), dims.end());
  result[axis] = Expr(groups);
  result.insert(result.begin() + axis + 1,
                Expr(dims[axis].constant() / groups));
  return result;
}

//===----------------------------------------------------------------------===//
// Any
//===----------------------------------------------------------------------===//

/// Slides `w` [F, C / groups, ...] over the padded `x` [N, C, ...].
static Expected<Value> convolve(Importer &im, const Node &node, const Value &x,
                                const Value &w, const Window &window,
                                int64_t groups) {
  int32_t type = accumulatorOf(x.type);
  mlir::Type element = im.elementType(type);
  Dims dims{x.dims[0], w.dims[0]};
  dims.append(window.outputs.begin(), window.outputs.end());
  mlir::Value result;
  if (groups == 1 && window.rank() <= 3) {
    mlir::Value init = im.filled(element, dims, 0);
    mlir::Value input = im.full(x), kernel = im.full(w);
    result = window.rank() == 1 ? createNamed<linalg::Conv1DNcwFcwOp>(
                                      im, input, kernel, init, window)
             : window.rank() == 2
                 ? createNamed<linalg::Conv2DNchwFchwOp>(im, input, kernel,
                                                         init, window)
                 : createNamed<linalg::Conv3DNcdhwFcdhwOp>(im, input, kernel,
                                                           init, window);
    return im.cast(node, im.fromTensor(type, dims, result), x.type);
  }
  Expected<Value> input = im.reshape(node, x, splitGroups(x.dims, 1, groups));
  if (!input)
    return input;
  Expected<Value> kernel = im.reshape(node, w, splitGroups(w.dims, 0, groups));
  if (!kernel)
    return kernel;
  Dims apart = splitGroups(dims, 1, groups);
  mlir::Value init = im.filled(element, apart, 0);
  result = createGrouped(im, im.full(*input), im.full(*kernel), init, window);
  Expected<Value> narrow =
      im.cast(node, im.fromTensor(type, apart, result), x.type);
  return narrow ? im.reshape(node, *narrow, dims) : std::move(narrow);
}

/// Adds a bias [F] to `y` [N, F, ...].
static Expected<Value> addBias(Importer &im, const Node &node, Value y,
                               const Value &bias) {
  if (bias.rank() != 1 || bias.dims[0] != y.dims[1])
    return im.error(node,
                    "the bias must have one element for each channel of " +
                        im.str(y.dims) + ", found " + im.str(bias.dims));
  Dims dims(y.rank() - 1, Expr(1));
  dims[0] = bias.dims[0];
  Expected<Value> column = im.reshape(node, bias, dims);
  return column ? im.add(node, y, *column) : std::move(column);
}

/// The kernel's extents after the first two, which must be numbers.
static Expected<Axes> kernelExtents(Importer &im, const Node &node,
                                    const Value &x, const Value &w) {
  if (Error failed = im.requireFloat(node, x))
    return std::move(failed);
  if (Error failed = im.requireSameType(node, x, w))
    return std::move(failed);
  Axes extents, given = node.integers("kernel_shape");
  for (const Expr &dim : ArrayRef<Expr>(w.dims))
    if (dim.isConstant())
      extents.push_back(dim.constant());
  if (x.rank() != w.rank() || x.rank() < 3 || !x.dims[1].isConstant() ||
      int64_t(extents.size()) != w.rank())
    return im.error(node, "needs an input [N, C, ...] and a kernel of the same "
                          "rank with known channels, found " +
                              im.str(x.dims) + " and " + im.str(w.dims));
  extents.erase(extents.begin(), extents.begin() + firstSpatial);
  if (node.find("kernel_shape") && given != extents)
    return im.error(node,
                    "attribute kernel_shape must be the kernel's extents, "
                    "found a kernel " +
                        im.str(w.dims));
  if (llvm::any_of(extents, [](int64_t extent) { return extent < 1; }))
    return im.error(node, "the kernel is empty: " + im.str(w.dims));
  return extents;
}

static Error emitConv(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0), &w = im.in(node, 1);
  Expected<Axes> kernel = kernelExtents(im, node, x, w);
  if (!kernel)
    return kernel.takeError();
  int64_t groups = node.integer("group", 1);
  int64_t filters = w.dims[0].constant();
  if (groups < 1 || filters % groups != 0 ||
      im.symbols.mul(w.dims[1], Expr(groups)) != x.dims[1])
    return im.error(node, "a kernel " + im.str(w.dims) + " in " +
                              llvm::Twine(groups) + " groups does not fit " +
                              im.str(x.dims));
  Expected<Window> window = readWindow(im, node, x, *kernel);
  if (!window)
    return window.takeError();
  Expected<Value> padded = padSpatial(
      im, node, x, *window, im.ops().getZeroAttr(im.elementType(x.type)));
  if (!padded)
    return padded.takeError();
  Expected<Value> y = convolve(im, node, *padded, w, *window, groups);
  if (y && node.hasInput(2))
    y = addBias(im, node, *y, im.in(node, 2));
  return im.result(node, std::move(y));
}

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// The kernel [C, F / groups, ...] of a transposed convolution as one of an
/// ordinary convolution: [F, C / groups, ...], reversed.
static Expected<Value> transposedKernel(Importer &im, const Node &node,
                                        const Value &w, int64_t groups) {
  Value kernel = im.emitted(w);
  for (int64_t axis = firstSpatial; axis < w.rank(); ++axis)
    if (!w.dims[axis].isConstant(1))
      kernel = readBackwards(
          im, kernel, axis, Expr(w.dims[axis].constant() - 1), w.dims[axis], 1);
  Expected<Value> apart =
      im.reshape(node, kernel, splitGroups(w.dims, 0, groups));
  if (!apart)
    return apart;
  Axes order;
  for (int64_t axis = 0; axis < apart->rank(); ++axis)
    order.push_back(axis);
  std::swap(order[1], order[2]);
  Expected<Value> turned = im.transpose(node, *apart, order);
  if (!turned)
    return turned;
  Dims dims = turned->dims;
  Expected<Expr> filters = im.checked(node, im.symbols.mul(dims[0], dims[1]));
  if (!filters)
    return filters.takeError();
  dims[0] = *filters;
  dims.erase(dims.begin() + 1);
  return im.reshape(node, *turned, dims);
}

/// `x` with `stride` - 1 zeros between neighbours along spatial dimensions.
static Expected<Value> spread(Importer &im, const Node &node, const Value &x,
                              ArrayRef<int64_t> strides) {
  if (llvm::all_of(strides, [](int64_t stride) { return stride == 1; }))
    return x;
  auto &b = im.ops();
  Dims dims = x.dims;
  llvm::SmallVector<mlir::OpFoldResult> offsets(x.rank(), b.getIndexAttr(0));
  llvm::SmallVector<mlir::OpFoldResult> steps(x.rank(), b.getIndexAttr(1));
  for (auto [i, stride] : llvm::enumerate(strides)) {
    Expr &dim = dims[firstSpatial + i];
    if (dim.isConstant(0))
      return im.error(node, "needs an input without empty dimensions, found " +
                                im.str(x.dims));
    std::optional<Expr> gaps = im.symbols.sub(dim, Expr(1));
    gaps = gaps ? im.symbols.mul(*gaps, Expr(stride)) : gaps;
    gaps = gaps ? im.symbols.add(*gaps, Expr(1)) : gaps;
    if (!gaps)
      return im.checked(node, gaps).takeError();
    dim = *gaps;
    steps[firstSpatial + i] = b.getIndexAttr(stride);
  }
  mlir::Value zeros = im.filled(im.elementType(x.type), dims, 0);
  if (llvm::is_contained(dims, Expr(0)))
    return im.fromTensor(x.type, dims, zeros);
  mlir::Value result = mlir::tensor::InsertSliceOp::create(
      b, im.full(x), zeros, offsets, im.extents(x.dims), steps);
  return im.fromTensor(x.type, dims, result);
}

namespace {
/// Attributes of a transposed convolution, one entry per spatial dimension.
struct TransposedAttributes {
  Axes strides, pads, extra, shape;
  std::string automatic;

  TransposedAttributes(const Node &node, int64_t rank)
      : strides(orElse(node, "strides", rank, 1)),
        pads(orElse(node, "pads", 2 * rank, 0)),
        extra(orElse(node, "output_padding", rank, 0)),
        shape(node.integers("output_shape")),
        automatic(node.string("auto_pad", "NOTSET")) {}

  static Axes orElse(const Node &node, llvm::StringRef name, int64_t size,
                     int64_t value) {
    return node.find(name) ? node.integers(name) : Axes(size, value);
  }
  bool isSame() const { return llvm::StringRef(automatic).starts_with("SAME"); }
  bool fits(int64_t rank) const {
    return int64_t(strides.size()) == rank &&
           int64_t(pads.size()) == 2 * rank && int64_t(extra.size()) == rank &&
           (shape.empty() || int64_t(shape.size()) == rank);
  }
  /// Whether sums of a few of the numbers, and of `dilations` times a kernel's
  /// extents, are far from overflow.
  bool isModest(const Window &window) const {
    for (const Axes *list :
         {&strides, &pads, &extra, &shape, &window.dilations, &window.kernel})
      if (llvm::any_of(*list, [](int64_t v) { return v != int32_t(v); }))
        return false;
    return true;
  }
};
} // namespace

/// Appends pads and outputs along spatial dimension `i`.
static bool addTransposedAxis(Symbols &symbols, Window &window,
                              const TransposedAttributes &given, int64_t i,
                              const Expr &extent) {
  int64_t rank = window.rank(), stride = given.strides[i];
  int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
  // What is there before anything is cropped.
  std::optional<Expr> all = symbols.mul(extent, Expr(stride));
  all = all ? symbols.add(*all, Expr(reach + given.extra[i] - stride)) : all;
  std::optional<Expr> output;
  if (!given.shape.empty())
    output = Expr(given.shape[i]);
  else if (given.isSame())
    output = symbols.mul(extent, Expr(stride));
  else
    output = all ? symbols.sub(*all, Expr(given.pads[i] + given.pads[i + rank]))
                 : all;
  std::optional<Expr> total =
      all && output ? symbols.sub(*all, *output) : std::nullopt;
  if (!total)
    return false;
  std::optional<Expr> begin = Expr(given.pads[i]);
  if (!given.shape.empty() || given.isSame()) {
    Expr odd(given.automatic == "SAME_UPPER" ? 0 : 1);
    std::optional<Expr> sum = symbols.add(*total, odd);
    begin = sum ? symbols.floorDiv(*sum, Expr(2)) : sum;
  }
  std::optional<Expr> end = begin ? symbols.sub(*total, *begin) : begin;
  std::optional<Expr> low =
      end ? symbols.sub(Expr(reach - 1), *begin) : std::nullopt;
  std::optional<Expr> high =
      end ? symbols.sub(Expr(reach - 1 + given.extra[i]), *end) : std::nullopt;
  if (!low || !high)
    return false;
  window.padBegin.push_back(*low);
  window.padEnd.push_back(*high);
  window.outputs.push_back(*output);
  return true;
}

/// Pads and outputs of the ordinary convolution over the spread input.
static Expected<Window> transposedWindow(Importer &im, const Node &node,
                                         const Value &x,
                                         ArrayRef<int64_t> kernel) {
  int64_t rank = kernel.size();
  TransposedAttributes given(node, rank);
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  window.dilations = TransposedAttributes::orElse(node, "dilations", rank, 1);
  window.strides = Axes(rank, 1);
  if (!given.fits(rank) || int64_t(window.dilations.size()) != rank)
    return im.error(node, "strides, dilations, pads, output_padding and "
                          "output_shape must have entries for each dimension "
                          "of " +
                              im.str(x.dims) + " after the first two");
  if (!given.isModest(window))
    return im.error(node, "strides, dilations, pads, output_padding, "
                          "output_shape and kernel must fit into 32 bits");
  for (int64_t i = 0; i < rank; ++i)
    if (!addTransposedAxis(im.symbols, window, given, i,
                           x.dims[firstSpatial + i]))
      return im.checked(node, std::nullopt).takeError();
  return window;
}

static Error emitConvTranspose(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0), &w = im.in(node, 1);
  Expected<Axes> kernel = kernelExtents(im, node, x, w);
  if (!kernel)
    return kernel.takeError();
  int64_t groups = node.integer("group", 1);
  int64_t channels = x.dims[1].constant();
  if (groups < 1 || channels % groups != 0 || w.dims[0] != x.dims[1])
    return im.error(node, "a kernel " + im.str(w.dims) + " in " +
                              llvm::Twine(groups) + " groups does not fit " +
                              im.str(x.dims));
  Expected<Window> window = transposedWindow(im, node, x, *kernel);
  if (!window)
    return window.takeError();
  Axes strides =
      node.find("strides") ? node.integers("strides") : Axes(window->rank(), 1);
  Expected<Value> wide = spread(im, node, x, strides);
  Expected<Value> padded =
      wide ? padSpatial(im, node, *wide, *window,
                        im.ops().getZeroAttr(im.elementType(x.type)))
           : std::move(wide);
  if (!padded)
    return padded.takeError();
  Expected<Value> turned = transposedKernel(im, node, w, groups);
  if (!turned)
    return turned.takeError();
  Expected<Value> y = convolve(im, node, *padded, *turned, *window, groups);
  if (y && node.hasInput(2))
    y = addBias(im, node, *y, im.in(node, 2));
  return im.result(node, std::move(y));
}

void lowbit::frontend::addConvolutionOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral attributes =
      "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I";
  table.add({
      {"Conv", 1, newest, 2, 3, 1, attributes, emitConv, refuseWindow},
      {"ConvTranspose", 1, newest, 2, 3, 1,
       "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I "
       "output_padding:I output_shape:I",
       emitConvTranspose, refuseWindow},
  });
}
