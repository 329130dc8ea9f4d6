//===- Indexing.cpp - operators that compute where to read ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
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

/// Elements of a known vector at constant positions.
static Expected<std::optional<Value>> gatherKnown(Importer &im,
                                                  const Node &node,
                                                  const Value &data,
                                                  const Value &indices) {
  std::optional<int64_t> size = indices.size();
  if (!data.known || data.rank() != 1 || !indices.known || !size ||
      *size > 4096 || !data.dims[0].isConstant())
    return std::nullopt;
  int64_t extent = data.dims[0].constant();
  std::vector<Scalar> elements;
  for (int64_t i = 0; i < *size; ++i) {
    const Expr &index = indices.element(i).integer;
    if (!index.isConstant())
      return std::nullopt;
    int64_t at = index.constant() + (index.constant() < 0 ? extent : 0);
    if (at < 0 || at >= extent)
      return im.error(node, "index " + im.symbols.str(index) +
                                " is out of range for " + im.str(data.dims));
    elements.push_back(data.element(at));
  }
  return knownValue(data.type, indices.dims, std::move(elements));
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

/// index + extent if negative, then clamped to [0, extent - 1], so that no
/// index reads outside of the data.
static mlir::Value safeIndex(mlir::OpBuilder &b, mlir::Location loc,
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
  if (indices.type != TensorProto::INT64 && indices.type != TensorProto::INT32)
    return im.error(node, "indices must be int32 or int64, found " +
                              typeName(indices.type));
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), data.rank());
  if (!axis)
    return axis.takeError();
  if (data.dims[*axis].isConstant(0))
    return im.error(node, "cannot gather from " + im.str(data.dims));
  auto known = gatherKnown(im, node, data, indices);
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
      {"Gather", 11, 23, 2, 2, 1, "axis:i", emitGather},
      {"Trilu", 14, 23, 1, 2, 1, "upper:i", emitTrilu},
  });
}
