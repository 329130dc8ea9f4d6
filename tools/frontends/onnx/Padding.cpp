//===- Padding.cpp - Pad, and reading in reverse --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A constant around a tensor is a tensor.pad. The other modes read the input
// at positions that are computed per element.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "OperatorTable.h"
#include "Windows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Reading elsewhere
//===----------------------------------------------------------------------===//

Value lowbit::frontend::readBackwards(Importer &im, const Value &x,
                                      int64_t axis, const Expr &start,
                                      const Expr &size, int64_t step) {
  Dims dims = x.dims;
  dims[axis] = size;
  mlir::Value first = im.indexValue(start);
  return readAt(
      im, x, dims,
      [&](mlir::OpBuilder &r, mlir::Location loc, ArrayRef<mlir::Value> index) {
        llvm::SmallVector<mlir::Value> at(index);
        mlir::Value stride = arith::ConstantIndexOp::create(r, loc, step);
        mlir::Value way = arith::MulIOp::create(r, loc, at[axis], stride);
        at[axis] = arith::SubIOp::create(r, loc, first, way);
        return at;
      });
}

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

namespace {
enum class PadMode { Reflect, Edge, Wrap };

/// The position in a dimension of `extent` that a position outside of it
/// repeats.
struct PadPosition {
  mlir::OpBuilder &r;
  mlir::Location loc;
  mlir::Value extent, zero, one;

  PadPosition(mlir::OpBuilder &r, mlir::Location loc, mlir::Value extent)
      : r(r), loc(loc), extent(extent),
        zero(arith::ConstantIndexOp::create(r, loc, 0)),
        one(arith::ConstantIndexOp::create(r, loc, 1)) {}

  mlir::Value sub(mlir::Value a, mlir::Value b) {
    return arith::SubIOp::create(r, loc, a, b);
  }
  mlir::Value add(mlir::Value a, mlir::Value b) {
    return arith::AddIOp::create(r, loc, a, b);
  }
  /// `index` modulo `period`, not negative.
  mlir::Value modulo(mlir::Value index, mlir::Value period) {
    mlir::Value rest = arith::RemSIOp::create(r, loc, index, period);
    mlir::Value negative =
        arith::CmpIOp::create(r, loc, arith::CmpIPredicate::slt, rest, zero);
    return arith::SelectOp::create(r, loc, negative, add(rest, period), rest);
  }
  mlir::Value at(mlir::Value index, PadMode mode) {
    mlir::Value last = sub(extent, one);
    if (mode == PadMode::Edge)
      return arith::MaxSIOp::create(
          r, loc, arith::MinSIOp::create(r, loc, index, last), zero);
    if (mode == PadMode::Wrap)
      return modulo(index, extent);
    // Back and forth; a single element has a period of 1.
    mlir::Value period = arith::MaxSIOp::create(r, loc, add(last, last), one);
    mlir::Value rest = modulo(index, period);
    return arith::MinSIOp::create(r, loc, rest, sub(period, rest));
  }
};
} // namespace

/// Amounts before and after each dimension of `x`.
static Error readPads(Importer &im, const Node &node, const Value &x, Dims &low,
                      Dims &high) {
  Dims pads;
  if (node.version() < 11) {
    Axes given = node.integers("pads");
    pads.assign(given.begin(), given.end());
  } else {
    Expected<Dims> input = im.shapeInput(node, 1);
    if (!input)
      return input.takeError();
    pads = *input;
  }
  Axes axes;
  if (node.hasInput(3)) {
    Expected<Axes> given = im.constantInput(node, 3);
    if (!given)
      return given.takeError();
    if (Error failed = im.axes(node, *given, x.rank()).takeError())
      return failed;
    for (int64_t axis : *given)
      axes.push_back(axis < 0 ? axis + x.rank() : axis);
  } else {
    for (int64_t axis = 0; axis < x.rank(); ++axis)
      axes.push_back(axis);
  }
  if (pads.size() != 2 * axes.size())
    return im.error(node, "needs two pads for each of " +
                              llvm::Twine(axes.size()) + " axes, found " +
                              im.str(pads));
  low.assign(x.rank(), Expr(0));
  high = low;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    low[axis] = pads[i];
    high[axis] = pads[i + axes.size()];
  }
  return Error::success();
}

/// The element of mode constant: an attribute or an input, zero without one.
static Expected<mlir::TypedAttr> padElement(Importer &im, const Node &node,
                                            const Value &x) {
  mlir::Type type = im.elementType(x.type);
  if (node.version() < 11)
    return mlir::TypedAttr(mlir::FloatAttr::get(type, node.real("value", 0)));
  if (!node.hasInput(2))
    return mlir::cast<mlir::TypedAttr>(im.ops().getZeroAttr(type));
  const Value &value = im.in(node, 2);
  if (Error failed = im.requireSameType(node, x, value))
    return std::move(failed);
  const Scalar *element = value.uniform();
  if (!element || !element->isConstant())
    return im.error(node, "input constant_value must be constant");
  if (isFloat(x.type))
    return mlir::TypedAttr(mlir::FloatAttr::get(type, element->number()));
  return mlir::TypedAttr(mlir::IntegerAttr::get(
      type, llvm::APInt(type.getIntOrFloatBitWidth(),
                        uint64_t(element->integer.constant()), false, true)));
}

static Error emitPad(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Dims low, high;
  if (Error failed = readPads(im, node, x, low, high))
    return failed;
  std::string name = node.string("mode", "constant");
  if (name == "constant") {
    if (node.version() < 11 && !isFloat(x.type))
      return im.requireFloat(node, x);
    Expected<mlir::TypedAttr> element = padElement(im, node, x);
    if (!element)
      return element.takeError();
    return im.result(node, padConstant(im, node, x, low, high, *element));
  }
  PadMode mode = name == "reflect" ? PadMode::Reflect
                 : name == "edge"  ? PadMode::Edge
                                   : PadMode::Wrap;
  Dims dims;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    std::optional<Expr> sum = im.symbols.add(x.dims[axis], low[axis]);
    sum = sum ? im.symbols.add(*sum, high[axis]) : sum;
    if (!sum)
      return im.checked(node, sum).takeError();
    if (im.symbols.lowerBound(x.dims[axis]) < 1 && x.dims[axis] != *sum)
      return im.error(node, "cannot repeat elements of " + im.str(x.dims) +
                                ", which may be empty");
    dims.push_back(*sum);
  }
  llvm::SmallVector<mlir::Value> extents, begins;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    extents.push_back(im.indexValue(x.dims[axis]));
    begins.push_back(im.indexValue(low[axis]));
  }
  im.set(node, 0,
         readAt(im, x, dims,
                [&](mlir::OpBuilder &r, mlir::Location loc,
                    ArrayRef<mlir::Value> index) {
                  llvm::SmallVector<mlir::Value> at(index);
                  for (int64_t axis = 0; axis < x.rank(); ++axis) {
                    if (dims[axis] == x.dims[axis] && low[axis].isConstant(0))
                      continue;
                    PadPosition position(r, loc, extents[axis]);
                    at[axis] =
                        position.at(position.sub(at[axis], begins[axis]), mode);
                  }
                  return at;
                }));
  return Error::success();
}

static std::string refusePad(const Node &node) {
  std::string mode = node.string("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" &&
      !(mode == "wrap" && node.version() >= 19))
    return "attribute mode = '" + mode + "' is not supported";
  if (node.version() >= 11 && !node.hasInput(1))
    return "pads must be an input since version 11";
  return "";
}

void lowbit::frontend::addPaddingOperators(OperatorTable &table) {
  table.add({
      {"Pad", 2, newest, 1, 4, 1, "mode:s pads:I value:f", emitPad, refusePad},
  });
}
