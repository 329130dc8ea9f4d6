//===- MatMul.cpp - contractions ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product with a matrix is `linalg.matmul` on rows: leading dimensions are
// collapsed before and expanded after. A batched product is
// `linalg.batch_matmul`, or a generic contraction where a batch is broadcast.
// 16-bit floats are accumulated in f32.
//
//===----------------------------------------------------------------------===//

#include "Accumulator.h"
#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace lowbit::frontend;
namespace linalg = mlir::linalg;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;

/// x [..., K] times a matrix [K, N].
Expected<Value> Importer::matmulRows(const Node &node, const Value &a,
                                     const Value &b) {
  ArrayRef<Expr> lead = ArrayRef<Expr>(a.dims).drop_back();
  Expected<Expr> rows = checked(node, symbols.product(lead));
  if (!rows)
    return rows.takeError();
  Expected<Value> flat = reshape(node, a, {*rows, a.dims.back()});
  if (!flat)
    return flat;
  int32_t type = accumulatorOf(a.type);
  Dims dims{*rows, b.dims[1]};
  mlir::Value x = full(*flat), w = full(b);
  mlir::Value init = filled(elementType(type), dims, 0);
  mlir::Value product =
      linalg::MatmulOp::create(builder, mlir::ValueRange{x, w}, init)
          .getResult(0);
  Expected<Value> narrow = cast(node, fromTensor(type, dims, product), a.type);
  if (!narrow)
    return narrow;
  Dims result(lead.begin(), lead.end());
  result.push_back(b.dims[1]);
  return reshape(node, *narrow, result);
}

/// Map of an operand of a contraction over loops (batch..., m, n, k): its last
/// two dimensions are read at `loops`, batches are right-aligned.
static mlir::AffineMap operandMap(const Value &view, int64_t batches,
                                  ArrayRef<Expr> batch, int64_t secondLast,
                                  int64_t last, mlir::MLIRContext *context) {
  auto type = mlir::cast<mlir::RankedTensorType>(view.tensor.getType());
  llvm::SmallVector<mlir::AffineExpr> results;
  for (auto [p, axis] : llvm::enumerate(view.axes)) {
    int64_t loop = axis == view.rank() - 1 ? last
                   : axis == view.rank() - 2
                       ? secondLast
                       : axis + batches - (view.rank() - 2);
    bool repeated =
        loop < batches
            ? type.getDimSize(p) == 1 && !batch[loop].isConstant(1)
            : type.getDimSize(p) == 1 && !view.dims[axis].isConstant(1);
    results.push_back(repeated ? mlir::getAffineConstantExpr(0, context)
                               : mlir::getAffineDimExpr(loop, context));
  }
  return mlir::AffineMap::get(batches + 3, 0, results, context);
}

/// `value` with its last two dimensions whole, so that every loop bound is
/// read from some operand; repeated batches stay out of memory.
static Value contractionOperand(Importer &im, const Value &value) {
  if (!value.known) {
    Value view = im.emitted(value);
    auto type = mlir::cast<mlir::RankedTensorType>(view.tensor.getType());
    size_t whole = 0;
    for (auto [p, axis] : llvm::enumerate(view.axes))
      whole += axis >= view.rank() - 2 &&
               (type.getDimSize(p) != 1 || view.dims[axis].isConstant(1));
    if (whole == 2)
      return view;
  }
  return im.fromTensor(value.type, value.dims, im.full(value));
}

/// a [batch..., M, K] times b [batch..., K, N], either batch broadcast.
Expected<Value> Importer::contract(const Node &node, const Value &a,
                                   const Value &b, const Dims &batch) {
  int32_t type = accumulatorOf(a.type);
  Dims dims = batch;
  dims.push_back(a.dims[a.rank() - 2]);
  dims.push_back(b.dims.back());
  mlir::Value init = filled(elementType(type), dims, 0);
  bool plain = batch.size() == 1 && a.rank() == 3 && b.rank() == 3 &&
               a.dims[0] == batch[0] && b.dims[0] == batch[0];
  if (plain) {
    mlir::Value product = linalg::BatchMatmulOp::create(
                              builder, mlir::ValueRange{full(a), full(b)}, init)
                              .getResult(0);
    return cast(node, fromTensor(type, dims, product), a.type);
  }
  int64_t batches = batch.size(), m = batches, n = m + 1, k = m + 2;
  Value x = contractionOperand(*this, a), y = contractionOperand(*this, b);
  mlir::MLIRContext *context = builder.getContext();
  llvm::SmallVector<mlir::AffineExpr> outs;
  for (int64_t loop = 0; loop < k; ++loop)
    outs.push_back(mlir::getAffineDimExpr(loop, context));
  mlir::AffineMap maps[] = {operandMap(x, batches, batch, m, k, context),
                            operandMap(y, batches, batch, k, n, context),
                            mlir::AffineMap::get(k + 1, 0, outs, context)};
  llvm::SmallVector<IteratorType> iterators(k, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);
  mlir::Type accumulator = elementType(type);
  bool isReal = isFloat(a.type), widen = type != a.type;
  auto generic = linalg::GenericOp::create(
      builder, init.getType(), mlir::ValueRange{x.tensor, y.tensor}, init, maps,
      iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        using namespace mlir::arith;
        mlir::Value p = args[0], q = args[1];
        if (widen) {
          p = ExtFOp::create(r, loc, accumulator, p);
          q = ExtFOp::create(r, loc, accumulator, q);
        }
        mlir::Value sum;
        if (isReal)
          sum = AddFOp::create(r, loc, args[2], MulFOp::create(r, loc, p, q));
        else
          sum = AddIOp::create(r, loc, args[2], MulIOp::create(r, loc, p, q));
        linalg::YieldOp::create(r, loc, sum);
      });
  return cast(node, fromTensor(type, dims, generic.getResult(0)), a.type);
}

Expected<Value> Importer::matmul(const Node &node, const Value &a,
                                 const Value &b) {
  if (Error failed = requireSameType(node, a, b))
    return std::move(failed);
  if (isBool(a.type) || a.rank() == 0 || b.rank() == 0)
    return error(node, "needs numeric operands with dimensions, found " +
                           typeName(a.type) + " " + str(a.dims) + " and " +
                           str(b.dims));
  // A vector is a row on the left and a column on the right.
  if (a.rank() == 1 || b.rank() == 1) {
    Dims rowDims = a.dims, columnDims = b.dims;
    if (a.rank() == 1)
      rowDims.insert(rowDims.begin(), Expr(1));
    if (b.rank() == 1)
      columnDims.push_back(1);
    Expected<Value> row = reshape(node, a, rowDims);
    if (!row)
      return row;
    Expected<Value> column = reshape(node, b, columnDims);
    if (!column)
      return column;
    Expected<Value> product = matmul(node, *row, *column);
    if (!product)
      return product;
    Dims dims = product->dims;
    if (b.rank() == 1)
      dims.pop_back();
    if (a.rank() == 1)
      dims.erase(dims.end() - (b.rank() == 1 ? 1 : 2));
    return reshape(node, *product, dims);
  }
  const Expr &inner = a.dims.back(), &other = b.dims[b.rank() - 2];
  if (!symbols.isEqual(inner, other).value_or(false))
    return needEqual(node, inner, other,
                     "inner extents of " + str(a.dims) + " and " + str(b.dims) +
                         " must be equal");
  // An outer product needs no contraction, and fuses with its neighbours.
  if (inner.isConstant(1))
    return mul(node, a, b);
  if (b.rank() == 2)
    return matmulRows(node, a, b);
  Value batchA, batchB;
  batchA.dims.assign(a.dims.begin(), a.dims.end() - 2);
  batchB.dims.assign(b.dims.begin(), b.dims.end() - 2);
  Expected<Dims> batch = broadcast(node, {&batchA, &batchB});
  if (!batch)
    return batch.takeError();
  return contract(node, a, b, *batch);
}

static Error emitMatMul(Importer &im, const Node &node) {
  return im.result(node, im.matmul(node, im.in(node, 0), im.in(node, 1)));
}

/// alpha * op(A) * op(B) + beta * C
static Error emitGemm(Importer &im, const Node &node) {
  Value operands[2] = {im.in(node, 0), im.in(node, 1)};
  llvm::StringRef transposes[2] = {"transA", "transB"};
  for (int i : {0, 1}) {
    if (operands[i].rank() != 2)
      return im.error(node,
                      "needs matrices, found " + im.str(operands[i].dims));
    if (node.integer(transposes[i], 0) == 0)
      continue;
    Expected<Value> turned = im.transpose(node, operands[i], {1, 0});
    if (!turned)
      return turned.takeError();
    operands[i] = std::move(*turned);
  }
  Expected<Value> result = im.matmul(node, operands[0], operands[1]);
  float alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  if (result && alpha != 1)
    result = im.mul(node, *result, Importer::scalar(*result, alpha));
  if (!result || !node.hasInput(2) || beta == 0)
    return im.result(node, std::move(result));
  Expected<Value> bias = Value(im.in(node, 2));
  if (beta != 1)
    bias = im.mul(node, *bias, Importer::scalar(*bias, beta));
  if (!bias)
    return bias.takeError();
  Dims dims = result->dims;
  result = im.add(node, *result, *bias);
  if (result && result->dims != dims)
    return im.error(node, "input C must broadcast to " + im.str(dims) +
                              ", found " + im.str(bias->dims));
  return im.result(node, std::move(result));
}

//===----------------------------------------------------------------------===//
// Det
//===----------------------------------------------------------------------===//

/// The first row of `a` [B, k, k] whose first number is the largest one, and
/// `a` without its first row once both have been exchanged. Returns 1, or -1
/// where they were different rows, as [B, 1, 1].
static Value exchangePivot(Composer &c, Value &a, Value &pivotRow, int64_t k) {
  Value column = c.slice(a, 2, Expr(0), Expr(1));
  Value place =
      c.apply("ArgMax", {c.apply("Abs", {column})}, {{"axis", int64_t(1)}});
  if (!c.ok())
    return Value();
  Value isPivot = c.apply("Equal", {countAlong(c, Expr(k), 1, 3), place});
  Value zero = Importer::scalar(a, 0), one = Importer::scalar(a, 1);
  pivotRow = c.apply("ReduceSum", {c.apply("Where", {isPivot, a, zero}),
                                   Composer::integers({Expr(1)})});
  Value first = c.slice(a, 1, Expr(0), Expr(1));
  a = c.slice(c.apply("Where", {isPivot, first, a}), 1, Expr(1), Expr(k - 1));
  Value stays = c.apply("Equal", {place, Importer::scalar(place, 0)});
  return c.apply("Where", {stays, one, Importer::scalar(one, -1)});
}

/// The product of the pivots of Gauss's elimination, which is written out: it
/// has as many steps as a matrix has rows.
static Error emitDet(Importer &im, const Node &node) {
  constexpr int64_t most = 32;
  Composer c(im, node);
  Value a = c.in(0);
  int64_t rank = a.rank();
  c.require(isFloat(a.type) && rank >= 2 && a.dims[rank - 1].isConstant() &&
                a.dims[rank - 1] == a.dims[rank - 2] &&
                a.dims[rank - 1].constant() > 0 &&
                a.dims[rank - 1].constant() <= most,
            "needs square matrices of floats of 1 to " + llvm::Twine(most) +
                " rows, a number that is known, found " + im.str(a.dims));
  if (!c.ok())
    return c.finish();
  Dims batch(a.dims.begin(), a.dims.end() - 2);
  Expr count(1);
  for (const Expr &dim : batch)
    count = c.product(count, dim);
  int64_t k = a.dims.back().constant();
  a = c.reshape(a, {count, Expr(k), Expr(k)});
  Value result = Importer::scalar(a, 1);
  for (; k > 1 && c.ok(); --k) {
    Value row;
    result = c.mul(result, exchangePivot(c, a, row, k));
    Value pivot = c.slice(row, 2, Expr(0), Expr(1));
    result = c.mul(result, pivot);
    if (!c.ok())
      break;
    // Below a pivot of 0 there is nothing to eliminate.
    Value isZero = c.apply("Equal", {pivot, Importer::scalar(pivot, 0)});
    pivot = c.apply("Where", {isZero, Importer::scalar(pivot, 1), pivot});
    Value factors = c.apply("Div", {c.slice(a, 2, Expr(0), Expr(1)), pivot});
    a = c.sub(c.slice(a, 2, Expr(1), Expr(k - 1)),
              c.mul(factors, c.slice(row, 2, Expr(1), Expr(k - 1))));
  }
  c.define(0, c.reshape(c.mul(result, a), batch));
  return c.finish();
}

void lowbit::frontend::addMatMulOperators(OperatorTable &table) {
  table.add({
      {"MatMul", 1, newest, 2, 2, 1, "", emitMatMul},
      {"Gemm", 7, newest, 2, 3, 1, "alpha:f beta:f transA:i transB:i",
       emitGemm},
      {"Det", 11, newest, 1, 1, 1, "", emitDet},
  });
}
