//===- EmitReduce.cpp - reductions as linalg.generic ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums and products of 16-bit floats are accumulated in f32.
//
//===----------------------------------------------------------------------===//

#include "Accumulator.h"
#include "Importer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <limits>

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Expected;
using mlir::utils::IteratorType;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// One element
//===----------------------------------------------------------------------===//

Reducer::Reducer(ReduceKind kind, int32_t type, bool ignoreNaN)
    : accumulated(type), kind(kind), type(type), ignoreNaN(ignoreNaN) {
  if (kind == ReduceKind::Sum || kind == ReduceKind::Prod)
    accumulated = accumulatorOf(type);
}

mlir::TypedAttr Reducer::neutral(mlir::Type element) const {
  if (auto real = mlir::dyn_cast<mlir::FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    double value = kind == ReduceKind::Sum    ? 0
                   : kind == ReduceKind::Prod ? 1
                   : kind == ReduceKind::Max  ? -infinity
                                              : infinity;
    return mlir::FloatAttr::get(real, value);
  }
  unsigned bits = element.getIntOrFloatBitWidth();
  llvm::APInt value(bits, kind == ReduceKind::Prod ? 1 : 0);
  if (kind == ReduceKind::Max && !isUnsigned(type))
    value = llvm::APInt::getSignedMinValue(bits);
  if (kind == ReduceKind::Min)
    value = isUnsigned(type) ? llvm::APInt::getMaxValue(bits)
                             : llvm::APInt::getSignedMaxValue(bits);
  return mlir::IntegerAttr::get(element, value);
}

mlir::Value Reducer::combine(mlir::OpBuilder &b, mlir::Location loc,
                             mlir::Value element,
                             mlir::Value accumulator) const {
  using Kind = mlir::arith::AtomicRMWKind;
  bool isReal = isFloat(type);
  Kind combiner = Kind::addi;
  switch (kind) {
  case ReduceKind::Sum:
    combiner = isReal ? Kind::addf : Kind::addi;
    break;
  case ReduceKind::Prod:
    combiner = isReal ? Kind::mulf : Kind::muli;
    break;
  case ReduceKind::Max:
    combiner = isReal             ? (ignoreNaN ? Kind::maxnumf : Kind::maximumf)
               : isUnsigned(type) ? Kind::maxu
                                  : Kind::maxs;
    break;
  case ReduceKind::Min:
    combiner = isReal             ? (ignoreNaN ? Kind::minnumf : Kind::minimumf)
               : isUnsigned(type) ? Kind::minu
                                  : Kind::mins;
    break;
  }
  if (accumulated != type)
    element =
        mlir::arith::ExtFOp::create(b, loc, accumulator.getType(), element);
  return mlir::arith::getReductionOp(combiner, b, loc, element, accumulator);
}

//===----------------------------------------------------------------------===//
// Over axes
//===----------------------------------------------------------------------===//

/// One element from all of a known value of integers, or nothing.
static std::optional<Scalar> foldAll(Symbols &symbols, const Value &input,
                                     ReduceKind kind) {
  if (!input.known || !input.size() || *input.size() == 0 ||
      *input.size() > 64 || !isInteger(input.type))
    return std::nullopt;
  std::optional<Expr> result = input.element(0).integer;
  for (int64_t i = 1; result && i < *input.size(); ++i) {
    const Expr &next = input.element(i).integer;
    switch (kind) {
    case ReduceKind::Sum:
      result = symbols.add(*result, next);
      break;
    case ReduceKind::Prod:
      result = symbols.mul(*result, next);
      break;
    case ReduceKind::Max:
      result = symbols.max(*result, next);
      break;
    case ReduceKind::Min:
      result = symbols.min(*result, next);
      break;
    }
  }
  return result ? std::optional(Scalar::of(*result)) : std::nullopt;
}

Expected<Value> Importer::reduce(const Node &node, const Value &input,
                                 ArrayRef<int64_t> axes, ReduceKind kind,
                                 bool keepDims, bool ignoreNaN) {
  if (isBool(input.type))
    return error(node, "cannot reduce booleans");
  // Extents of shapes.
  if (int64_t(axes.size()) == input.rank())
    if (std::optional<Scalar> all = foldAll(symbols, input, kind))
      return knownValue(input.type, Dims(keepDims ? input.rank() : 0, Expr(1)),
                        {*all});
  Reducer reducer(kind, input.type, ignoreNaN);
  mlir::Type accumulator = elementType(reducer.accumulated);
  mlir::Value source = full(input);
  Dims kept, resultDims;
  Axes resultAxes;
  llvm::SmallVector<mlir::AffineExpr> outs;
  llvm::SmallVector<IteratorType> iterators;
  for (int64_t axis = 0; axis < input.rank(); ++axis) {
    bool reduced = llvm::is_contained(axes, axis);
    iterators.push_back(reduced ? IteratorType::reduction
                                : IteratorType::parallel);
    if (reduced) {
      if (keepDims)
        resultDims.push_back(1);
      continue;
    }
    outs.push_back(builder.getAffineDimExpr(axis));
    kept.push_back(input.dims[axis]);
    resultAxes.push_back(resultDims.size());
    resultDims.push_back(input.dims[axis]);
  }
  mlir::AffineMap maps[] = {
      mlir::AffineMap::getMultiDimIdentityMap(input.rank(),
                                              builder.getContext()),
      mlir::AffineMap::get(input.rank(), 0, outs, builder.getContext())};
  mlir::Value neutral =
      mlir::arith::ConstantOp::create(builder, reducer.neutral(accumulator));
  mlir::Value init =
      mlir::linalg::FillOp::create(builder, neutral, empty(accumulator, kept))
          .getResult(0);
  auto generic = mlir::linalg::GenericOp::create(
      builder, init.getType(), source, init, maps, iterators,
      [&](mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value combined = reducer.combine(b, loc, args[0], args[1]);
        mlir::linalg::YieldOp::create(b, loc, combined);
      });
  Value result =
      fromTensor(reducer.accumulated, resultDims, generic.getResult(0));
  result.axes = resultAxes;
  return cast(node, result, input.type);
}

Expected<Value> Importer::mean(const Node &node, const Value &input,
                               ArrayRef<int64_t> axes, bool keepDims) {
  Expected<Value> sum = reduce(node, input, axes, ReduceKind::Sum, keepDims);
  if (!sum)
    return sum;
  Dims counted;
  for (int64_t axis : axes)
    counted.push_back(input.dims[axis]);
  Expected<Expr> count = checked(node, symbols.product(counted));
  if (!count)
    return count.takeError();
  if (count->isConstant())
    return div(node, *sum, scalar(*sum, double(count->constant())));
  Value number = knownValue(TensorProto::INT64, {}, {Scalar::of(*count)});
  Expected<Value> converted = cast(node, number, input.type);
  return converted ? div(node, *sum, *converted)
                   : Expected<Value>(converted.takeError());
}
