//===- Scatter.cpp - writing elements at computed positions ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One update after the other, as the order of duplicates matters: loops that
// insert into a copy of the data, which bufferization updates in place.
// Indices outside of the data are clamped, so that none writes elsewhere.
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

namespace {
/// A nest of loops over `extents` that carries one tensor.
using LoopBody = llvm::function_ref<mlir::Value(
    mlir::OpBuilder &, mlir::Location, ArrayRef<mlir::Value> indices,
    mlir::Value carried)>;
} // namespace

static mlir::Value emitLoops(mlir::OpBuilder &b, mlir::Location loc,
                             ArrayRef<mlir::Value> extents,
                             llvm::SmallVectorImpl<mlir::Value> &indices,
                             mlir::Value carried, LoopBody body) {
  if (indices.size() == extents.size())
    return body(b, loc, indices, carried);
  mlir::Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop =
      scf::ForOp::create(b, loc, zero, extents[indices.size()], one, carried,
                         [&](mlir::OpBuilder &inner, mlir::Location at,
                             mlir::Value index, mlir::ValueRange values) {
                           indices.push_back(index);
                           mlir::Value result = emitLoops(
                               inner, at, extents, indices, values[0], body);
                           indices.pop_back();
                           scf::YieldOp::create(inner, at, result);
                         });
  return loop.getResult(0);
}

/// Combines an update with the element that it meets.
static mlir::Value combineUpdate(mlir::OpBuilder &b, mlir::Location loc,
                                 llvm::StringRef reduction, int32_t type,
                                 mlir::Value update, mlir::Value old) {
  using Kind = arith::AtomicRMWKind;
  bool isReal = isFloat(type), natural = isUnsigned(type);
  Kind kind = isReal ? Kind::addf : Kind::addi;
  if (reduction == "mul")
    kind = isReal ? Kind::mulf : Kind::muli;
  else if (reduction == "max")
    kind = isReal ? Kind::maximumf : natural ? Kind::maxu : Kind::maxs;
  else if (reduction == "min")
    kind = isReal ? Kind::minimumf : natural ? Kind::minu : Kind::mins;
  return arith::getReductionOp(kind, b, loc, old, update);
}

static llvm::SmallVector<mlir::Value> indexValues(Importer &im,
                                                  ArrayRef<Expr> dims) {
  llvm::SmallVector<mlir::Value> values;
  for (const Expr &dim : dims)
    values.push_back(im.indexValue(dim));
  return values;
}

/// Writes `updates` into `data`. `locate` gives the position of one update,
/// whose own position is known.
static Error
scatter(Importer &im, const Node &node, const Value &data, const Value &updates,
        llvm::function_ref<llvm::SmallVector<mlir::Value>(
            mlir::OpBuilder &, mlir::Location, ArrayRef<mlir::Value>)>
            locate) {
  if (Error failed = im.requireSameType(node, data, updates))
    return failed;
  std::string reduction = node.string("reduction", "none");
  if (reduction != "none" && isBool(data.type))
    return im.error(node, "cannot combine booleans");
  mlir::Value source = im.full(updates);
  llvm::SmallVector<mlir::Value> extents = indexValues(im, updates.dims);
  llvm::SmallVector<mlir::Value> indices;
  auto &b = im.ops();
  mlir::Value result = emitLoops(
      b, b.getLoc(), extents, indices, im.full(data),
      [&](mlir::OpBuilder &r, mlir::Location loc, ArrayRef<mlir::Value> at,
          mlir::Value carried) -> mlir::Value {
        llvm::SmallVector<mlir::Value> target = locate(r, loc, at);
        mlir::Value update = tensor::ExtractOp::create(r, loc, source, at);
        if (reduction != "none") {
          mlir::Value old = tensor::ExtractOp::create(r, loc, carried, target);
          update = combineUpdate(r, loc, reduction, data.type, update, old);
        }
        return tensor::InsertOp::create(r, loc, update, carried, target);
      });
  im.set(node, 0, im.fromTensor(data.type, data.dims, result));
  return Error::success();
}

static std::string refuseScatter(const Node &node) {
  std::string reduction = node.string("reduction", "none");
  if (!llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction))
    return "attribute reduction = '" + reduction + "' is not supported";
  return "";
}

//===----------------------------------------------------------------------===//
// ScatterElements
//===----------------------------------------------------------------------===//

static Error emitScatterElements(Importer &im, const Node &node) {
  const Value &data = im.in(node, 0), &indices = im.in(node, 1),
              &updates = im.in(node, 2);
  if (Error failed = requireIndices(im, node, indices))
    return failed;
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), data.rank());
  if (!axis)
    return axis.takeError();
  if (indices.dims != updates.dims || indices.rank() != data.rank())
    return im.error(node, "indices " + im.str(indices.dims) + " and updates " +
                              im.str(updates.dims) +
                              " must have one shape, of the rank of " +
                              im.str(data.dims));
  if (Error failed = requireInside(im, node, data, indices, *axis))
    return failed;
  mlir::Value positions = im.full(indices);
  mlir::Value extent = im.indexValue(data.dims[*axis]);
  return scatter(
      im, node, data, updates,
      [&](mlir::OpBuilder &r, mlir::Location loc, ArrayRef<mlir::Value> at) {
        llvm::SmallVector<mlir::Value> target(at);
        mlir::Value index = tensor::ExtractOp::create(r, loc, positions, at);
        target[*axis] = safeIndex(r, loc, index, extent);
        return target;
      });
}

//===----------------------------------------------------------------------===//
// ScatterND
//===----------------------------------------------------------------------===//

static Error emitScatterND(Importer &im, const Node &node) {
  const Value &data = im.in(node, 0), &indices = im.in(node, 1),
              &updates = im.in(node, 2);
  if (Error failed = requireIndices(im, node, indices))
    return failed;
  // A scalar has no last extent, which is as wrong as one that is too large.
  Expr last = indices.rank() < 1 ? Expr(data.rank() + 1) : indices.dims.back();
  if (!last.isConstant() || last.constant() > data.rank())
    return im.error(node, "the last extent of indices " + im.str(indices.dims) +
                              " must be a number of dimensions of " +
                              im.str(data.dims) + im.advice(last));
  int64_t depth = last.constant();
  Dims expected(indices.dims.begin(), indices.dims.end() - 1);
  int64_t batch = expected.size();
  expected.append(data.dims.begin() + depth, data.dims.end());
  if (updates.dims != expected)
    return im.error(node, "updates must be " + im.str(expected) + ", found " +
                              im.str(updates.dims));
  ArrayRef<Expr> addressed = ArrayRef<Expr>(data.dims).take_front(depth);
  if (llvm::is_contained(addressed, Expr(0)) &&
      !llvm::is_contained(updates.dims, Expr(0)))
    return im.error(node, "there are no elements in " + im.str(data.dims));
  mlir::Value positions = im.full(indices);
  llvm::SmallVector<mlir::Value> extents = indexValues(im, addressed);
  return scatter(
      im, node, data, updates,
      [&](mlir::OpBuilder &r, mlir::Location loc, ArrayRef<mlir::Value> at) {
        llvm::SmallVector<mlir::Value> target, where(at.take_front(batch));
        where.push_back(nullptr);
        for (int64_t i = 0; i < depth; ++i) {
          where.back() = arith::ConstantIndexOp::create(r, loc, i);
          mlir::Value index =
              tensor::ExtractOp::create(r, loc, positions, where);
          target.push_back(safeIndex(r, loc, index, extents[i]));
        }
        target.append(at.begin() + batch, at.end());
        return target;
      });
}

//===----------------------------------------------------------------------===//
// CumSum
//===----------------------------------------------------------------------===//

/// Sums of the slices up to each one along an axis.
static Error emitCumSum(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (isBool(x.type))
    return im.error(node, "needs numbers, found bool");
  const Scalar *given = im.in(node, 1).uniform();
  if (!given || given->isReal || !given->isConstant())
    return im.error(node, "input axis must be a constant integer");
  Expected<int64_t> axis = im.axis(node, given->integer.constant(), x.rank());
  if (!axis)
    return axis.takeError();
  bool reverse = node.integer("reverse", 0) != 0;
  bool exclusive = node.integer("exclusive", 0) != 0;
  auto &b = im.ops();
  mlir::Value source = im.full(x);
  mlir::Value init = im.empty(im.elementType(x.type), x.dims);
  llvm::SmallVector<mlir::Value> extents = indexValues(im, x.dims);
  mlir::Value extent = extents[*axis];
  // The axis is the innermost loop, which carries the sum of its row.
  Dims lead = x.dims;
  lead.erase(lead.begin() + *axis);
  llvm::SmallVector<mlir::Value> outer = indexValues(im, lead), indices;
  mlir::TypedAttr zeroAttr =
      mlir::cast<mlir::TypedAttr>(b.getZeroAttr(im.elementType(x.type)));
  mlir::Value result = emitLoops(
      b, b.getLoc(), outer, indices, init,
      [&](mlir::OpBuilder &r, mlir::Location loc, ArrayRef<mlir::Value> at,
          mlir::Value carried) -> mlir::Value {
        mlir::Value zero = arith::ConstantIndexOp::create(r, loc, 0);
        mlir::Value one = arith::ConstantIndexOp::create(r, loc, 1);
        mlir::Value none = arith::ConstantOp::create(r, loc, zeroAttr);
        auto row = scf::ForOp::create(
            r, loc, zero, extent, one, mlir::ValueRange{carried, none},
            [&](mlir::OpBuilder &i, mlir::Location l, mlir::Value step,
                mlir::ValueRange state) {
              mlir::Value position = step;
              if (reverse)
                position = arith::SubIOp::create(
                    i, l, arith::SubIOp::create(i, l, extent, one), step);
              llvm::SmallVector<mlir::Value> place(at);
              place.insert(place.begin() + *axis, position);
              mlir::Value element =
                  tensor::ExtractOp::create(i, l, source, place);
              mlir::Value sum =
                  combineUpdate(i, l, "add", x.type, element, state[1]);
              mlir::Value next = tensor::InsertOp::create(
                  i, l, exclusive ? state[1] : sum, state[0], place);
              scf::YieldOp::create(i, l, mlir::ValueRange{next, sum});
            });
        return row.getResult(0);
      });
  im.set(node, 0, im.fromTensor(x.type, x.dims, result));
  return Error::success();
}

void lowbit::frontend::addScatterOperators(OperatorTable &table) {
  table.add({
      {"Scatter", 9, 10, 3, 3, 1, "axis:i", emitScatterElements},
      {"ScatterElements", 11, newest, 3, 3, 1, "axis:i reduction:s",
       emitScatterElements, refuseScatter},
      {"ScatterND", 11, newest, 3, 3, 1, "reduction:s", emitScatterND,
       refuseScatter},
      {"CumSum", 11, newest, 2, 2, 1, "exclusive:i reverse:i", emitCumSum},
  });
}
