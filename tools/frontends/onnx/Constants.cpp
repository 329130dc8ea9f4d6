//===- Constants.cpp - constants, ranges and identities -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

static Error emitConstant(Importer &im, const Node &node) {
  if (const onnx::AttributeProto *tensor = node.find("value"))
    return im.result(node, im.constantTensor(node, tensor->t()));
  const onnx::AttributeProto &attribute = node.getProto().attribute(0);
  std::vector<Scalar> elements;
  bool isVector = attribute.type() == onnx::AttributeProto::INTS ||
                  attribute.type() == onnx::AttributeProto::FLOATS;
  bool isReal = attribute.type() == onnx::AttributeProto::FLOAT ||
                attribute.type() == onnx::AttributeProto::FLOATS;
  // What a field of another kind holds is not meant.
  if (!isVector && isReal)
    elements.push_back(Scalar::of(double(attribute.f())));
  else if (!isVector)
    elements.push_back(Scalar::of(Expr(attribute.i())));
  else if (isReal)
    for (float value : attribute.floats())
      elements.push_back(Scalar::of(double(value)));
  else
    for (int64_t value : attribute.ints())
      elements.push_back(Scalar::of(Expr(value)));
  Dims dims;
  if (isVector)
    dims.push_back(elements.size());
  if (elements.size() > 4096)
    return im.error(node, "lists longer than 4096 must be tensors");
  im.set(node, 0,
         knownValue(isReal ? TensorProto::FLOAT : TensorProto::INT64, dims,
                    std::move(elements)));
  return Error::success();
}

static std::string refuseConstant(const Node &node) {
  if (node.getProto().attribute_size() != 1)
    return "needs exactly one attribute";
  return "";
}

/// The value is a view without dimensions, so it is never materialised by
/// itself.
static Error emitConstantOfShape(Importer &im, const Node &node) {
  Expected<Dims> dims = im.shapeInput(node, 0);
  if (!dims)
    return dims.takeError();
  int32_t type = TensorProto::FLOAT;
  Scalar element = Scalar::of(0.0);
  if (const onnx::AttributeProto *attribute = node.find("value")) {
    Expected<Value> value = im.constantTensor(node, attribute->t());
    if (!value)
      return value.takeError();
    if (!value->uniform())
      return im.error(node, "attribute value must hold one element");
    type = value->type;
    element = *value->uniform();
  }
  for (const Expr &dim : *dims)
    if (!im.symbols.isNonNegative(dim))
      return im.needNonNegative(
          node, dim, "extent " + im.symbols.str(dim) + " may be negative");
  im.set(node, 0, knownValue(type, *dims, {element}));
  return Error::success();
}

static Error emitIdentity(Importer &im, const Node &node) {
  im.set(node, 0, Value(im.in(node, 0)));
  return Error::success();
}

/// Only the form for inference: nothing is dropped.
/// Outside of training, the input and a mask that keeps everything.
static Error emitDropout(Importer &im, const Node &node) {
  if (node.hasInput(2)) {
    const Scalar *training = im.in(node, 2).uniform();
    if (!training || !training->isConstant())
      return im.error(node, "training mode must be constant");
    const Scalar *ratio = node.hasInput(1) ? im.in(node, 1).uniform() : nullptr;
    bool keepsAll = ratio && ratio->isConstant() && ratio->number() == 0;
    if (training->number() != 0 && !keepsAll)
      return im.error(node, "training mode must be false: random numbers are "
                            "not supported");
  }
  const Value &x = im.in(node, 0);
  int32_t type = node.version() < 10 ? x.type : int32_t(TensorProto::BOOL);
  Scalar one = isFloat(type) ? Scalar::of(1.0) : Scalar::of(Expr(1));
  im.set(node, 1, knownValue(type, x.dims, {one}));
  return emitIdentity(im, node);
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

static mlir::Value scalarOf(Importer &im, mlir::Type element,
                            const Scalar &scalar) {
  if (scalar.isReal || !mlir::isa<mlir::FloatType>(element))
    return im.constantScalar(element, scalar);
  mlir::Value integer = im.constantScalar(im.ops().getI64Type(), scalar);
  return arith::SIToFPOp::create(im.ops(), element, integer);
}

/// The number or the integer expression that `value` is, or nothing.
static std::optional<Scalar> scalarOf(Importer &im, const Value &value) {
  if (const Scalar *scalar = value.uniform())
    return *scalar;
  std::optional<Expr> integer = im.castFrom(value);
  return integer ? std::optional(Scalar::of(*integer)) : std::nullopt;
}

/// Where one of them is an expression, whole numbers are integers, too.
static bool unify(llvm::MutableArrayRef<Scalar> scalars) {
  if (llvm::all_of(scalars, [](const Scalar &s) { return s.isReal; }))
    return true;
  for (Scalar &scalar : scalars) {
    if (!scalar.isReal)
      continue;
    std::optional<int64_t> whole = wholeNumber(scalar);
    if (!whole)
      return false;
    scalar = Scalar::of(Expr(*whole));
  }
  return true;
}

/// start + index * delta for a number of elements known at import.
static Value emitRange(Importer &im, int32_t type, const Scalar &start,
                       const Scalar &delta, const Expr &count) {
  mlir::Type element = im.elementType(type);
  auto &b = im.ops();
  mlir::Value init = im.empty(element, {count});
  mlir::Value first, step;
  if (!(start.isConstant() && start.number() == 0))
    first = scalarOf(im, element, start);
  if (!(delta.isConstant() && delta.number() == 1))
    step = scalarOf(im, element, delta);
  mlir::AffineMap map = b.getMultiDimIdentityMap(1);
  auto generic = mlir::linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{}, init, map,
      mlir::utils::IteratorType::parallel,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange) {
        mlir::Value x = mlir::linalg::IndexOp::create(r, loc, 0);
        bool isReal = isFloat(type);
        x = arith::IndexCastOp::create(
            r, loc, isReal ? mlir::Type(r.getI64Type()) : element, x);
        if (isReal) {
          x = arith::SIToFPOp::create(r, loc, element, x);
          if (step)
            x = arith::MulFOp::create(r, loc, x, step);
          if (first)
            x = arith::AddFOp::create(r, loc, x, first);
        } else {
          if (step)
            x = arith::MulIOp::create(r, loc, x, step);
          if (first)
            x = arith::AddIOp::create(r, loc, x, first);
        }
        mlir::linalg::YieldOp::create(r, loc, x);
      });
  return im.fromTensor(type, {count}, generic.getResult(0));
}

/// ceil((limit - start) / delta), at least 0.
static std::optional<Expr> countOf(Symbols &symbols, const Scalar &start,
                                   const Scalar &limit, const Scalar &delta) {
  if (start.isReal) {
    double count = std::ceil((limit.real - start.real) / delta.real);
    if (!(count < double(maxExtent)))
      return std::nullopt;
    return Expr(count > 0 ? int64_t(count) : 0);
  }
  bool descending = symbols.upperBound(delta.integer) < 0;
  std::optional<Expr> span = descending
                                 ? symbols.sub(start.integer, limit.integer)
                                 : symbols.sub(limit.integer, start.integer);
  std::optional<Expr> step =
      descending ? symbols.mul(delta.integer, Expr(-1)) : delta.integer;
  std::optional<Expr> count =
      span && step ? symbols.ceilDiv(*span, *step) : std::nullopt;
  return count ? symbols.max(*count, Expr(0)) : std::nullopt;
}

static Error emitRangeNode(Importer &im, const Node &node) {
  const Value &start = im.in(node, 0), &limit = im.in(node, 1),
              &delta = im.in(node, 2);
  for (const Value *value : {&limit, &delta})
    if (Error failed = im.requireSameType(node, start, *value))
      return failed;
  llvm::SmallVector<Scalar, 3> scalars;
  for (const Value *value : {&start, &limit, &delta})
    if (std::optional<Scalar> scalar = scalarOf(im, *value);
        scalar && !isBool(value->type))
      scalars.push_back(*scalar);
  if (scalars.size() != 3 || !unify(scalars))
    return im.error(node, "start, limit and delta must be scalars that "
                          "depend on shapes and constants only");
  const Scalar &s = scalars[0], &d = scalars[2];
  Expected<Expr> count =
      im.checked(node, countOf(im.symbols, s, scalars[1], d));
  if (!count)
    return count.takeError();
  bool isSmall =
      count->isConstant() && count->constant() <= 64 && !isFloat(start.type);
  std::vector<Scalar> elements;
  for (int64_t i = 0; isSmall && i < count->constant(); ++i) {
    std::optional<Expr> offset = im.symbols.mul(d.integer, Expr(i));
    std::optional<Expr> element =
        offset ? im.symbols.add(s.integer, *offset) : std::nullopt;
    isSmall = element.has_value();
    if (element)
      elements.push_back(Scalar::of(*element));
  }
  im.set(node, 0,
         isSmall ? knownValue(start.type, {*count}, elements)
                 : emitRange(im, start.type, s, d, *count));
  return Error::success();
}

void lowbit::frontend::addConstantOperators(OperatorTable &table) {
  table.add({
      {"Constant", 1, newest, 0, 0, 1,
       "value:t value_int:i value_ints:I value_float:f value_floats:F",
       emitConstant, refuseConstant},
      {"ConstantOfShape", 9, newest, 1, 1, 1, "value:t", emitConstantOfShape},
      {"Identity", 1, newest, 1, 1, 1, "", emitIdentity},
      {"Dropout", 7, newest, 1, 3, 2, "ratio:f seed:i", emitDropout},
      {"Range", 11, newest, 3, 3, 1, "", emitRangeNode},
  });
}
