//===- Indexing.cpp - operators that compute where to read ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Indexing.h"
#include "OperatorTable.h"

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

Error lowbit::frontend::requireIndices(Importer &im, const Node &node,
                                       const Value &indices) {
  if (indices.type == TensorProto::INT64 || indices.type == TensorProto::INT32)
    return Error::success();
  return im.error(node, "indices must be int32 or int64, found " +
                            typeName(indices.type));
}

Error lowbit::frontend::requireInside(Importer &im, const Node &node,
                                      const Value &data, const Value &positions,
                                      int64_t axis) {
  bool isEmpty = llvm::is_contained(positions.dims, Expr(0));
  if (data.dims[axis].isConstant(0) && !isEmpty)
    return im.error(node, "there are no elements along axis " +
                              llvm::Twine(axis) + " of " + im.str(data.dims));
  for (int64_t i = 0; i < data.rank(); ++i) {
    const Expr &room = data.dims[i], &needed = positions.dims[i];
    if (i == axis || im.symbols.isEqual(room, needed).value_or(false))
      continue;
    std::string message =
        ("indices " + im.str(positions.dims) + " are outside of " +
         im.str(data.dims) + " along axis " + llvm::Twine(i))
            .str();
    if (im.symbols.isLess(room, needed).value_or(false))
      return im.error(node, message);
    Expected<Expr> spare = im.checked(node, im.symbols.sub(room, needed));
    if (!spare)
      return spare.takeError();
    if (!im.symbols.isNonNegative(*spare))
      return im.needNonNegative(node, *spare, message);
  }
  return Error::success();
}

Value lowbit::frontend::readAt(Importer &im, const Value &data,
                               ArrayRef<Expr> dims, Locate locate) {
  auto &b = im.ops();
  mlir::Value source = im.full(data);
  mlir::Value init = im.empty(im.elementType(data.type), dims);
  llvm::SmallVector<IteratorType> iterators(dims.size(),
                                            IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{}, init,
      b.getMultiDimIdentityMap(dims.size()), iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange) {
        llvm::SmallVector<mlir::Value> at;
        for (size_t axis = 0; axis < dims.size(); ++axis)
          at.push_back(linalg::IndexOp::create(r, loc, axis));
        mlir::Value element =
            mlir::tensor::ExtractOp::create(r, loc, source, locate(r, loc, at));
        linalg::YieldOp::create(r, loc, element);
      });
  return im.fromTensor(data.type, dims, generic.getResult(0));
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Extents of a gather: the indices' dimensions replace the axis.
static Dims gatherDims(const Value &data, const Value &indices, int64_t axis) {
  Dims dims(data.dims.begin(), data.dims.begin() + axis);
  dims.append(indices.dims.begin(), indices.dims.end());
  dims.append(data.dims.begin() + axis + 1, data.dims.end());
  return dims;
}

/// Known elements at constant positions.
static Expected<std::optional<Value>>
gatherKnown(Importer &im, const Node &node, const Value &data,
            const Value &indices, int64_t axis) {
  std::optional<int64_t> size = indices.size();
  if (!data.known || !indices.known || !size || *size > 4096 ||
      !data.dims[axis].isConstant())
    return std::nullopt;
  int64_t extent = data.dims[axis].constant();
  llvm::SmallVector<int64_t> places;
  for (int64_t i = 0; i < *size; ++i) {
    const Expr &index = indices.element(i).integer;
    if (!index.isConstant())
      return std::nullopt;
    places.push_back(index.constant() + (index.constant() < 0 ? extent : 0));
    if (places.back() < 0 || places.back() >= extent)
      return im.error(node, "index " + im.symbols.str(index) +
                                " is out of range for " + im.str(data.dims));
  }
  // With the indices as one dimension, positions differ along the axis alone.
  Dims flat = data.dims;
  flat[axis] = Expr(*size);
  std::optional<Value> known =
      rearrangeKnown(data, flat, [&](llvm::MutableArrayRef<int64_t> at) {
        at[axis] = places[at[axis]];
      });
  if (known)
    known->dims = gatherDims(data, indices, axis);
  return known;
}

/// One position that is known to be in range reads a slice.
static Expected<std::optional<Value>>
gatherSlice(Importer &im, const Node &node, const Value &data,
            const Value &indices, int64_t axis) {
  if (!indices.uniform() || indices.rank() != 0)
    return std::nullopt;
  Symbols &symbols = im.symbols;
  Expr at = indices.uniform()->integer;
  const Expr &extent = data.dims[axis];
  if (symbols.upperBound(at) < 0) {
    Expected<Expr> moved = im.checked(node, symbols.add(at, extent));
    if (!moved)
      return moved.takeError();
    at = *moved;
  }
  std::optional<bool> inRange = symbols.isLess(at, extent);
  if (symbols.upperBound(at) < 0 || (inRange && !*inRange))
    return im.error(node, "index " + symbols.str(indices.uniform()->integer) +
                              " is out of range for " + im.str(data.dims));
  if (symbols.lowerBound(at) < 0 || !inRange)
    return std::nullopt;
  Value row = im.slice(data, axis, at, Expr(1));
  Expected<Value> result =
      im.reshape(node, row, gatherDims(data, indices, axis));
  if (!result)
    return result.takeError();
  return *result;
}

mlir::Value lowbit::frontend::safeIndex(mlir::OpBuilder &b, mlir::Location loc,
                                        mlir::Value index, mlir::Value extent) {
  mlir::Value i = arith::IndexCastOp::create(b, loc, b.getIndexType(), index);
  mlir::Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, loc, 1);
  mlir::Value negative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, i, zero);
  mlir::Value moved = arith::AddIOp::create(b, loc, i, extent);
  i = arith::SelectOp::create(b, loc, negative, moved, i);
  mlir::Value last = arith::SubIOp::create(b, loc, extent, one);
  return arith::MaxSIOp::create(b, loc, arith::MinSIOp::create(b, loc, i, last),
                                zero);
}

static Value gatherElements(Importer &im, const Value &data,
                            const Value &indices, int64_t axis) {
  auto &b = im.ops();
  Dims dims = gatherDims(data, indices, axis);
  mlir::Value source = im.full(data), at = im.full(indices);
  mlir::Value extent = im.indexValue(data.dims[axis]);
  mlir::Value init = im.empty(im.elementType(data.type), dims);
  llvm::SmallVector<mlir::AffineExpr> reads;
  for (int64_t i = 0; i < indices.rank(); ++i)
    reads.push_back(b.getAffineDimExpr(axis + i));
  mlir::AffineMap maps[] = {
      mlir::AffineMap::get(dims.size(), 0, reads, b.getContext()),
      b.getMultiDimIdentityMap(dims.size())};
  llvm::SmallVector<IteratorType> iterators(dims.size(),
                                            IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), at, init, maps, iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        llvm::SmallVector<mlir::Value> position;
        for (int64_t i = 0; i < data.rank(); ++i) {
          int64_t loop = i < axis ? i : i + indices.rank() - 1;
          position.push_back(
              i == axis ? safeIndex(r, loc, args[0], extent)
                        : mlir::Value(linalg::IndexOp::create(r, loc, loop)));
        }
        mlir::Value element =
            mlir::tensor::ExtractOp::create(r, loc, source, position);
        linalg::YieldOp::create(r, loc, element);
      });
  return im.fromTensor(data.type, dims, generic.getResult(0));
}

static Error emitGather(Importer &im, const Node &node) {
  const Value &data = im.in(node, 0), &indices = im.in(node, 1);
  if (Error failed = requireIndices(im, node, indices))
    return failed;
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), data.rank());
  if (!axis)
    return axis.takeError();
  if (data.dims[*axis].isConstant(0))
    return im.error(node, "cannot gather from " + im.str(data.dims));
  auto known = gatherKnown(im, node, data, indices, *axis);
  if (known && !*known)
    known = gatherSlice(im, node, data, indices, *axis);
  if (!known)
    return known.takeError();
  im.set(node, 0,
         *known ? std::move(**known)
                : gatherElements(im, data, indices, *axis));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// GatherElements and GatherND
//===----------------------------------------------------------------------===//

static Error emitGatherElements(Importer &im, const Node &node) {
  const Value &data = im.in(node, 0), &indices = im.in(node, 1);
  if (Error failed = requireIndices(im, node, indices))
    return failed;
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), data.rank());
  if (!axis)
    return axis.takeError();
  if (indices.rank() != data.rank() || data.dims[*axis].isConstant(0))
    return im.error(node, "cannot gather elements of " + im.str(data.dims) +
                              " at " + im.str(indices.dims));
  if (Error failed = requireInside(im, node, data, indices, *axis))
    return failed;
  mlir::Value positions = im.full(indices);
  mlir::Value extent = im.indexValue(data.dims[*axis]);
  im.set(node, 0,
         readAt(im, data, indices.dims,
                [&](mlir::OpBuilder &r, mlir::Location loc,
                    ArrayRef<mlir::Value> at) {
                  llvm::SmallVector<mlir::Value> place(at);
                  mlir::Value index =
                      mlir::tensor::ExtractOp::create(r, loc, positions, at);
                  place[*axis] = safeIndex(r, loc, index, extent);
                  return place;
                }));
  return Error::success();
}

static Error emitGatherND(Importer &im, const Node &node) {
  const Value &data = im.in(node, 0), &indices = im.in(node, 1);
  if (Error failed = requireIndices(im, node, indices))
    return failed;
  int64_t batch = node.integer("batch_dims", 0);
  int64_t lead = indices.rank() - 1;
  int64_t depth = lead >= 0 && indices.dims.back().isConstant()
                      ? indices.dims.back().constant()
                      : -1;
  bool fits =
      batch >= 0 && batch <= lead && depth >= 0 && batch + depth <= data.rank();
  for (int64_t i = 0; fits && i < batch; ++i)
    fits = data.dims[i] == indices.dims[i];
  for (int64_t i = 0; fits && i < depth; ++i)
    fits = !data.dims[batch + i].isConstant(0) ||
           llvm::is_contained(indices.dims, Expr(0));
  if (!fits)
    return im.error(node, "indices " + im.str(indices.dims) +
                              " do not address " + im.str(data.dims) +
                              " after " + llvm::Twine(batch) +
                              " batch dimensions");
  Dims dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.append(data.dims.begin() + batch + depth, data.dims.end());
  mlir::Value positions = im.full(indices);
  llvm::SmallVector<mlir::Value> extents;
  for (int64_t i = 0; i < depth; ++i)
    extents.push_back(im.indexValue(data.dims[batch + i]));
  im.set(node, 0,
         readAt(im, data, dims,
                [&](mlir::OpBuilder &r, mlir::Location loc,
                    ArrayRef<mlir::Value> at) {
                  llvm::SmallVector<mlir::Value> place(at.take_front(batch));
                  llvm::SmallVector<mlir::Value> where(at.take_front(lead));
                  where.push_back(nullptr);
                  for (int64_t i = 0; i < depth; ++i) {
                    where.back() = arith::ConstantIndexOp::create(r, loc, i);
                    mlir::Value index = mlir::tensor::ExtractOp::create(
                        r, loc, positions, where);
                    place.push_back(safeIndex(r, loc, index, extents[i]));
                  }
                  place.append(at.begin() + lead, at.end());
                  return place;
                }));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// OneHot and EyeLike
//===----------------------------------------------------------------------===//

/// values[1] where the new axis' position is the index, values[0] elsewhere.
static Error emitOneHot(Importer &im, const Node &node) {
  const Value &indices = im.in(node, 0), &values = im.in(node, 2);
  const Scalar *given = im.in(node, 1).uniform();
  std::optional<int64_t> integer =
      given && given->isReal ? wholeNumber(*given) : std::nullopt;
  if (!given || (given->isReal && !integer))
    return im.error(node, "input depth must be an integer that depends on "
                          "shapes and constants only");
  Expr depth = integer ? Expr(*integer) : given->integer;
  Expected<int64_t> axis =
      im.axis(node, node.integer("axis", -1), indices.rank() + 1);
  if (!axis)
    return axis.takeError();
  if (values.rank() != 1 || !values.dims[0].isConstant(2))
    return im.error(node, "input values must have two elements, found " +
                              im.str(values.dims));
  if (isBool(indices.type) || im.symbols.lowerBound(depth) < 1)
    return im.error(node, "needs numbers as indices and a positive depth");
  Expected<Value> whole = im.cast(node, indices, TensorProto::INT64);
  if (!whole)
    return whole.takeError();
  Dims dims = indices.dims;
  dims.insert(dims.begin() + *axis, depth);
  auto &b = im.ops();
  mlir::Value at = im.full(*whole), choice = im.full(values);
  mlir::Value extent = im.indexValue(depth);
  mlir::Value off = mlir::tensor::ExtractOp::create(
      b, choice, mlir::ValueRange{arith::ConstantIndexOp::create(b, 0)});
  mlir::Value on = mlir::tensor::ExtractOp::create(
      b, choice, mlir::ValueRange{arith::ConstantIndexOp::create(b, 1)});
  mlir::Value init = im.empty(im.elementType(values.type), dims);
  mlir::AffineMap all = b.getMultiDimIdentityMap(dims.size());
  mlir::AffineMap maps[] = {all.dropResult(*axis), all};
  llvm::SmallVector<IteratorType> iterators(dims.size(),
                                            IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), at, init, maps, iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value i =
            arith::IndexCastOp::create(r, loc, r.getIndexType(), args[0]);
        mlir::Value zero = arith::ConstantIndexOp::create(r, loc, 0);
        mlir::Value negative =
            arith::CmpIOp::create(r, loc, arith::CmpIPredicate::slt, i, zero);
        mlir::Value moved = arith::AddIOp::create(r, loc, i, extent);
        i = arith::SelectOp::create(r, loc, negative, moved, i);
        mlir::Value equal =
            arith::CmpIOp::create(r, loc, arith::CmpIPredicate::eq, i,
                                  linalg::IndexOp::create(r, loc, *axis));
        linalg::YieldOp::create(
            r, loc,
            arith::SelectOp::create(r, loc, equal, on, off).getResult());
      });
  im.set(node, 0, im.fromTensor(values.type, dims, generic.getResult(0)));
  return Error::success();
}

/// Ones on diagonal k of a matrix as large as the input, zeros elsewhere.
static Error emitEyeLike(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  int32_t type = node.integer("dtype", x.type);
  if (x.rank() != 2 || byteSize(type) == 0)
    return im.error(node, "needs a matrix and a known type, found " +
                              im.str(x.dims) + " and " + typeName(type));
  auto &b = im.ops();
  mlir::Type element = im.elementType(type);
  mlir::Value init = im.empty(element, x.dims);
  mlir::Value k = im.indexValue(Expr(node.integer("k", 0)));
  auto generic = linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{}, init, b.getMultiDimIdentityMap(2),
      llvm::SmallVector<IteratorType>(2, IteratorType::parallel),
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange) {
        mlir::Value moved = arith::AddIOp::create(
            r, loc, linalg::IndexOp::create(r, loc, 0), k);
        mlir::Value equal =
            arith::CmpIOp::create(r, loc, arith::CmpIPredicate::eq, moved,
                                  linalg::IndexOp::create(r, loc, 1));
        mlir::Value zero =
            arith::ConstantOp::create(r, loc, r.getZeroAttr(element));
        mlir::Value one =
            arith::ConstantOp::create(r, loc, r.getOneAttr(element));
        linalg::YieldOp::create(
            r, loc,
            arith::SelectOp::create(r, loc, equal, one, zero).getResult());
      });
  im.set(node, 0, im.fromTensor(type, x.dims, generic.getResult(0)));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Trilu
//===----------------------------------------------------------------------===//

/// Keeps the elements on one side of diagonal k and clears the others.
static Error emitTrilu(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (x.rank() < 2)
    return im.error(node, "needs matrices, found " + im.str(x.dims));
  Expr diagonal(0);
  if (node.hasInput(1)) {
    const Scalar *k = im.in(node, 1).uniform();
    if (!k || k->isReal)
      return im.error(node, "input k must be an integer that depends on "
                            "shapes and constants only");
    diagonal = k->integer;
  }
  bool upper = node.integer("upper", 1) != 0;
  auto &b = im.ops();
  int64_t rank = x.rank();
  mlir::Value source = im.full(x), k = im.indexValue(diagonal);
  mlir::Type element = im.elementType(x.type);
  mlir::Value init = im.empty(element, x.dims);
  mlir::AffineMap maps[] = {b.getMultiDimIdentityMap(rank),
                            b.getMultiDimIdentityMap(rank)};
  llvm::SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), source, init, maps, iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value row = linalg::IndexOp::create(r, loc, rank - 2);
        mlir::Value column = linalg::IndexOp::create(r, loc, rank - 1);
        mlir::Value edge = arith::AddIOp::create(r, loc, row, k);
        mlir::Value keep = arith::CmpIOp::create(
            r, loc,
            upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle,
            column, edge);
        mlir::Value zero =
            arith::ConstantOp::create(r, loc, r.getZeroAttr(element));
        mlir::Value kept = arith::SelectOp::create(r, loc, keep, args[0], zero);
        linalg::YieldOp::create(r, loc, kept);
      });
  im.set(node, 0, im.fromTensor(x.type, x.dims, generic.getResult(0)));
  return Error::success();
}

void lowbit::frontend::addIndexingOperators(OperatorTable &table) {
  table.add({
      {"Gather", 1, newest, 2, 2, 1, "axis:i", emitGather},
      {"GatherElements", 11, newest, 2, 2, 1, "axis:i", emitGatherElements},
      {"GatherND", 11, newest, 2, 2, 1, "batch_dims:i", emitGatherND},
      {"OneHot", 9, newest, 3, 3, 1, "axis:i", emitOneHot},
      {"EyeLike", 9, newest, 1, 1, 1, "dtype:i k:i", emitEyeLike},
      {"Trilu", 14, newest, 1, 2, 1, "upper:i", emitTrilu},
  });
}
