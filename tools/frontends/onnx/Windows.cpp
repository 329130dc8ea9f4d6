//===- Windows.cpp - what convolutions and pooling have in common ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Expected;
using mlir::utils::IteratorType;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

/// Products of two sizes of windows are far from overflow.
static constexpr int64_t maxWindow = int64_t(1) << 24;

std::string lowbit::frontend::refuseWindow(const Node &node) {
  std::string automatic = node.string("auto_pad", "NOTSET");
  if (automatic != "NOTSET" && automatic != "VALID" &&
      automatic != "SAME_UPPER" && automatic != "SAME_LOWER")
    return "attribute auto_pad = '" + automatic + "' is not supported";
  for (llvm::StringRef name : {"kernel_shape", "strides", "dilations"})
    for (int64_t value : node.integers(name))
      if (value < 1 || value > maxWindow)
        return "attribute " + name.str() + " must be positive, found " +
               std::to_string(value);
  for (int64_t value : node.integers("pads"))
    if (value < 0 || value > maxWindow)
      return "attribute pads must not be negative, found " +
             std::to_string(value);
  return "";
}

/// Pads of SAME: as many positions as strides fit into the extent.
static std::optional<Expr> samePadding(Symbols &symbols, const Expr &extent,
                                       int64_t reach, int64_t stride,
                                       const Expr &outputs) {
  std::optional<Expr> last = symbols.sub(outputs, Expr(1));
  if (last)
    last = symbols.mul(*last, Expr(stride));
  if (last)
    last = symbols.add(*last, Expr(reach));
  if (last)
    last = symbols.sub(*last, extent);
  return last ? symbols.max(*last, Expr(0)) : std::nullopt;
}

/// Positions of a window that reaches over `reach` elements. With `roundUp` the
/// last one may hang over the end, but must begin before it.
static std::optional<Expr> positions(Symbols &symbols, const Expr &extent,
                                     const Expr &begin, const Expr &end,
                                     int64_t reach, int64_t stride,
                                     bool roundUp) {
  std::optional<Expr> inside = symbols.add(extent, begin);
  std::optional<Expr> whole = inside ? symbols.add(*inside, end) : std::nullopt;
  std::optional<Expr> span =
      whole ? symbols.sub(*whole, Expr(reach)) : std::nullopt;
  if (span)
    span = roundUp ? symbols.ceilDiv(*span, Expr(stride))
                   : symbols.floorDiv(*span, Expr(stride));
  std::optional<Expr> count = span ? symbols.add(*span, Expr(1)) : std::nullopt;
  if (!count || !roundUp)
    return count;
  std::optional<Expr> starts = symbols.ceilDiv(*inside, Expr(stride));
  return starts ? symbols.min(*count, *starts) : std::nullopt;
}

namespace {
/// The given attributes, or what the specification takes without them.
struct WindowAttributes {
  Axes strides, dilations, pads;
  std::string automatic;
  bool roundUp;

  WindowAttributes(const Node &node, int64_t rank)
      : strides(orElse(node, "strides", rank, 1)),
        dilations(orElse(node, "dilations", rank, 1)),
        pads(orElse(node, "pads", 2 * rank, 0)),
        automatic(node.string("auto_pad", "NOTSET")),
        roundUp(node.integer("ceil_mode", 0) != 0) {}

  static Axes orElse(const Node &node, llvm::StringRef name, int64_t size,
                     int64_t value) {
    return node.find(name) ? node.integers(name) : Axes(size, value);
  }
};
} // namespace

/// Appends pads and positions along spatial dimension `i`.
static bool addAxis(Importer &im, Window &window, const WindowAttributes &given,
                    int64_t i, const Expr &extent) {
  Symbols &symbols = im.symbols;
  int64_t stride = window.strides[i];
  int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
  if (llvm::StringRef(given.automatic).starts_with("SAME")) {
    std::optional<Expr> outputs = symbols.ceilDiv(extent, Expr(stride));
    std::optional<Expr> total =
        outputs ? samePadding(symbols, extent, reach, stride, *outputs)
                : std::nullopt;
    std::optional<Expr> less =
        total ? symbols.floorDiv(*total, Expr(2)) : std::nullopt;
    std::optional<Expr> more = less ? symbols.sub(*total, *less) : std::nullopt;
    if (!more)
      return false;
    bool upper = given.automatic == "SAME_UPPER";
    window.padBegin.push_back(upper ? *less : *more);
    window.padEnd.push_back(upper ? *more : *less);
    window.outputs.push_back(*outputs);
    return true;
  }
  bool valid = given.automatic == "VALID";
  window.padBegin.push_back(valid ? 0 : given.pads[i]);
  window.padEnd.push_back(valid ? 0 : given.pads[i + window.rank()]);
  std::optional<Expr> outputs =
      positions(symbols, extent, window.padBegin.back(), window.padEnd.back(),
                reach, stride, given.roundUp);
  if (!outputs)
    return false;
  if (given.roundUp) {
    // What hangs over the end is padding, too.
    std::optional<Expr> inside = symbols.add(extent, window.padBegin.back());
    std::optional<Expr> needed =
        inside ? samePadding(symbols, *inside, reach, stride, *outputs)
               : std::nullopt;
    std::optional<Expr> end =
        needed ? symbols.max(*needed, window.padEnd.back()) : std::nullopt;
    if (!end)
      return false;
    window.padEnd.back() = *end;
  }
  window.outputs.push_back(*outputs);
  return true;
}

Expected<Window> lowbit::frontend::readWindow(Importer &im, const Node &node,
                                              const Value &x,
                                              ArrayRef<int64_t> kernel) {
  // For some callers the operator table has asked already; others go without.
  if (std::string reason = refuseWindow(node); !reason.empty())
    return im.error(node, reason);
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  if (kernel.empty())
    window.kernel = node.integers("kernel_shape");
  int64_t rank = std::max<int64_t>(x.rank() - firstSpatial, 0);
  WindowAttributes given(node, rank);
  if (rank < 1 || window.rank() != rank ||
      int64_t(given.strides.size()) != rank ||
      int64_t(given.dilations.size()) != rank ||
      int64_t(given.pads.size()) != 2 * rank)
    return im.error(node, "kernel_shape, strides, dilations and pads must have "
                          "entries for each dimension of " +
                              im.str(x.dims) + " after the first two");
  window.strides = given.strides;
  window.dilations = given.dilations;
  // Attributes are bounded above; a kernel's extents may be any.
  for (int64_t extent : window.kernel)
    if (extent > maxWindow)
      return im.error(node, "a window of " + llvm::Twine(extent) +
                                " positions is too large");
  for (int64_t i = 0; i < rank; ++i) {
    if (!addAxis(im, window, given, i, x.dims[i + firstSpatial]))
      return im.checked(node, std::nullopt).takeError();
    Expected<Expr> spare =
        im.checked(node, im.symbols.sub(window.outputs[i], Expr(1)));
    if (!spare)
      return spare.takeError();
    if (!im.symbols.isNonNegative(*spare))
      return im.needNonNegative(
          node, *spare, "the window does not fit into " + im.str(x.dims));
  }
  return window;
}

//===----------------------------------------------------------------------===//
// Padding
//===----------------------------------------------------------------------===//

Expected<Value> lowbit::frontend::padConstant(Importer &im, const Node &node,
                                              const Value &x,
                                              ArrayRef<Expr> low,
                                              ArrayRef<Expr> high,
                                              mlir::TypedAttr element) {
  Value source = x;
  Dims dims, before, after;
  bool changes = false;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    Dims amounts{low[axis], high[axis]};
    Expr crop[2];
    for (int side : {0, 1}) {
      if (im.symbols.lowerBound(amounts[side]) >= 0)
        continue;
      if (im.symbols.upperBound(amounts[side]) > 0)
        return im.error(
            node, "whether the padding " + im.symbols.str(amounts[side]) +
                      " is negative is not known" + im.advice(amounts[side]));
      Expected<Expr> cropped =
          im.checked(node, im.symbols.mul(amounts[side], Expr(-1)));
      if (!cropped)
        return cropped.takeError();
      crop[side] = *cropped;
      amounts[side] = Expr(0);
    }
    std::optional<Expr> size = im.symbols.sub(x.dims[axis], crop[0]);
    size = size ? im.symbols.sub(*size, crop[1]) : std::nullopt;
    std::optional<Expr> sum =
        size ? im.symbols.add(*size, amounts[0]) : std::nullopt;
    sum = sum ? im.symbols.add(*sum, amounts[1]) : std::nullopt;
    if (!sum)
      return im.checked(node, sum).takeError();
    if (im.symbols.upperBound(*size) < 0)
      return im.error(node,
                      "negative padding leaves nothing of " + im.str(x.dims));
    source = im.slice(source, axis, crop[0], *size);
    changes |= !amounts[0].isConstant(0) || !amounts[1].isConstant(0);
    before.push_back(amounts[0]);
    after.push_back(amounts[1]);
    dims.push_back(*sum);
  }
  if (!changes)
    return source;
  mlir::Value tensor = im.full(source);
  mlir::Value number = mlir::arith::ConstantOp::create(im.ops(), element);
  auto padded = mlir::tensor::PadOp::create(
      im.ops(), im.tensorType(element.getType(), dims), tensor,
      im.extents(before), im.extents(after), number);
  return im.fromTensor(x.type, dims, padded);
}

Expected<Value> lowbit::frontend::padSpatial(Importer &im, const Node &node,
                                             const Value &x,
                                             const Window &window,
                                             mlir::TypedAttr element) {
  Dims low(firstSpatial, Expr(0)), high(firstSpatial, Expr(0));
  low.append(window.padBegin.begin(), window.padBegin.end());
  high.append(window.padEnd.begin(), window.padEnd.end());
  return padConstant(im, node, x, low, high, element);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

llvm::SmallVector<mlir::AffineMap, 3>
lowbit::frontend::windowMaps(const Window &window, mlir::MLIRContext *context) {
  int64_t rank = window.rank(), loops = firstSpatial + 2 * rank;
  auto dim = [&](int64_t i) { return mlir::getAffineDimExpr(i, context); };
  llvm::SmallVector<mlir::AffineExpr> input{dim(0), dim(1)}, kernel,
      output{dim(0), dim(1)};
  for (int64_t i = 0; i < rank; ++i) {
    mlir::AffineExpr o = dim(firstSpatial + i);
    mlir::AffineExpr k = dim(firstSpatial + rank + i);
    input.push_back(o * window.strides[i] + k * window.dilations[i]);
    kernel.push_back(k);
    output.push_back(o);
  }
  return {mlir::AffineMap::get(loops, 0, input, context),
          mlir::AffineMap::get(loops, 0, kernel, context),
          mlir::AffineMap::get(loops, 0, output, context)};
}

Expected<Value> lowbit::frontend::reduceWindows(Importer &im, const Node &node,
                                                const Value &x,
                                                const Window &window,
                                                ReduceKind kind) {
  Reducer reduction(kind, x.type);
  mlir::Type accumulator = im.elementType(reduction.accumulated);
  auto &b = im.ops();
  Dims dims{x.dims[0], x.dims[1]};
  dims.append(window.outputs.begin(), window.outputs.end());
  mlir::Value neutral =
      mlir::arith::ConstantOp::create(b, reduction.neutral(accumulator));
  mlir::Value init =
      mlir::linalg::FillOp::create(b, neutral, im.empty(accumulator, dims))
          .getResult(0);
  // Bounds of the window's loops come from a tensor without contents.
  mlir::Value extent =
      im.empty(accumulator, Dims(window.kernel.begin(), window.kernel.end()));
  llvm::SmallVector<IteratorType> iterators(dims.size(),
                                            IteratorType::parallel);
  iterators.append(window.rank(), IteratorType::reduction);
  mlir::Value source = im.full(x);
  auto generic = mlir::linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{source, extent}, init,
      windowMaps(window, b.getContext()), iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value combined = reduction.combine(r, loc, args[0], args[2]);
        mlir::linalg::YieldOp::create(r, loc, combined);
      });
  return im.cast(
      node, im.fromTensor(reduction.accumulated, dims, generic.getResult(0)),
      x.type);
}
