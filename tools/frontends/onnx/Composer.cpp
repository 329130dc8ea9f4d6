//===- Composer.cpp - operators in terms of others ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
using onnx::TensorProto;

/// The operator set that composed operators are written in.
static constexpr int64_t composedVersion = 18;

Composer::~Composer() {
  llvm::consumeError(std::move(problem));
  for (const std::string &name : names)
    im.forget(name);
}

void Composer::fail(Error error) {
  if (failed || !error) {
    llvm::consumeError(std::move(error));
    return;
  }
  llvm::consumeError(std::move(problem));
  problem = std::move(error);
  failed = true;
}

void Composer::require(bool condition, const Twine &message) {
  if (!failed && !condition)
    fail(im.error(node, message));
}

Error Composer::finish() {
  Error result = std::move(problem);
  problem = Error::success();
  return result;
}

Value Composer::unwrap(Expected<Value> value) {
  if (value)
    return std::move(*value);
  fail(value.takeError());
  return Value();
}

Expr Composer::unwrap(std::optional<Expr> e) {
  if (e)
    return *e;
  if (!failed)
    fail(im.checked(node, e).takeError());
  return Expr();
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static void addAttribute(onnx::NodeProto &proto, const Attribute &attribute) {
  onnx::AttributeProto &out = *proto.add_attribute();
  out.set_name(attribute.name.str());
  if (auto *integer = std::get_if<int64_t>(&attribute.value)) {
    out.set_type(onnx::AttributeProto::INT);
    out.set_i(*integer);
  } else if (auto *real = std::get_if<float>(&attribute.value)) {
    out.set_type(onnx::AttributeProto::FLOAT);
    out.set_f(*real);
  } else if (auto *text = std::get_if<std::string>(&attribute.value)) {
    out.set_type(onnx::AttributeProto::STRING);
    out.set_s(*text);
  } else {
    out.set_type(onnx::AttributeProto::INTS);
    for (int64_t value : std::get<Axes>(attribute.value))
      out.add_ints(value);
  }
}

std::string Composer::fresh() {
  // An output is defined by one node only.
  int i = 0;
  while (!node.hasOutput(i))
    ++i;
  std::string name;
  do
    name = node.getProto().output(i) + "#" + llvm::utostr(count++);
  while (im.find(name));
  names.push_back(name);
  return name;
}

std::string Composer::nameOf(const Value &value) {
  // Weights are called as the model calls them.
  for (int i = 0; value.weight && i < node.numInputs(); ++i)
    if (has(i) && in(i).weight == value.weight && in(i).dims == value.dims)
      return node.getProto().input(i);
  std::string name = fresh();
  onnx::NodeProto definition;
  definition.add_output(name);
  im.set(Node(definition, composedVersion), 0, value);
  return name;
}

llvm::SmallVector<Value> Composer::emit(StringRef op, ArrayRef<Value> inputs,
                                        onnx::NodeProto &&proto, int outputs) {
  llvm::SmallVector<Value> results(outputs);
  if (failed)
    return results;
  proto.set_op_type(op.str());
  proto.set_name(node.getProto().name());
  for (const Value &input : inputs)
    proto.add_input(input.type ? nameOf(input) : "");
  for (int i = 0; i < outputs; ++i)
    proto.add_output(fresh());
  Node inner(proto, composedVersion);
  const Operator &composed = *OperatorTable::get().find(proto);
  for (int i = 0; i < composed.minInputs; ++i)
    require(inner.hasInput(i), "input " + Twine(i) + " of the " + op +
                                   " that it stands for is missing");
  if (failed)
    return results;
  fail(composed.emit(im, inner));
  for (int i = 0; !failed && i < outputs; ++i)
    fail(im.checkSize(node, im.output(inner, i)));
  for (int i = 0; !failed && i < outputs; ++i)
    results[i] = im.output(inner, i);
  return results;
}

llvm::SmallVector<Value> Composer::applyAll(StringRef op,
                                            ArrayRef<Value> inputs, int count) {
  return emit(op, inputs, onnx::NodeProto(), count);
}

Value Composer::apply(StringRef op, ArrayRef<Value> inputs,
                      ArrayRef<Attribute> attributes) {
  onnx::NodeProto proto;
  for (const Attribute &attribute : attributes)
    addAttribute(proto, attribute);
  return emit(op, inputs, std::move(proto)).front();
}

Value Composer::applySelf(StringRef op, ArrayRef<Value> inputs,
                          ArrayRef<StringRef> without) {
  onnx::NodeProto proto;
  for (const onnx::AttributeProto &attribute : node.getProto().attribute())
    if (!llvm::is_contained(without, attribute.name()))
      *proto.add_attribute() = attribute;
  return emit(op, inputs, std::move(proto)).front();
}

Value Composer::applySelf(StringRef op, int inputs,
                          ArrayRef<StringRef> without) {
  llvm::SmallVector<Value> values;
  for (int i = 0; i < inputs; ++i)
    values.push_back(has(i) ? in(i) : Value());
  return applySelf(op, values, without);
}

Value Composer::add(const Value &a, const Value &b) {
  return failed ? Value() : unwrap(im.add(node, a, b));
}

Value Composer::sub(const Value &a, const Value &b) {
  return failed ? Value() : unwrap(im.sub(node, a, b));
}

Value Composer::mul(const Value &a, const Value &b) {
  return failed ? Value() : unwrap(im.mul(node, a, b));
}

Value Composer::softmaxFrom(const Value &a, int64_t axis) {
  if (failed)
    return Value();
  llvm::Expected<int64_t> first = im.axis(node, axis, a.rank());
  if (!first) {
    fail(first.takeError());
    return Value();
  }
  if (*first + 1 == a.rank())
    return apply("Softmax", {a}, {{"axis", int64_t(-1)}});
  Dims flat(a.dims.begin(), a.dims.begin() + *first);
  Expr rest(1);
  for (const Expr &dim : llvm::ArrayRef(a.dims).drop_front(*first))
    rest = product(rest, dim);
  flat.push_back(rest);
  Value rows = reshape(a, flat);
  return reshape(apply("Softmax", {rows}, {{"axis", int64_t(-1)}}), a.dims);
}

Value Composer::scale(const Value &a, double factor) {
  return failed || factor == 1 ? a : mul(a, Importer::scalar(a, factor));
}

Value Composer::matmul(const Value &a, const Value &b) {
  return failed ? Value() : unwrap(im.matmul(node, a, b));
}

Value Composer::cast(const Value &a, int32_t type) {
  return failed ? Value() : unwrap(im.cast(node, a, type));
}

Value Composer::reshape(const Value &a, ArrayRef<Expr> dims) {
  return failed ? Value() : unwrap(im.reshape(node, a, dims));
}

Value Composer::transpose(const Value &a, ArrayRef<int64_t> permutation) {
  return failed ? Value() : unwrap(im.transpose(node, a, permutation));
}

Value Composer::slice(const Value &a, int64_t axis, const Expr &offset,
                      const Expr &size) {
  require(axis >= 0 && axis < a.rank(), "cannot take a part of " +
                                            im.str(a.dims) + " along axis " +
                                            Twine(axis));
  Expr end = failed ? Expr() : sum(offset, size);
  if (failed)
    return Value();
  bool isOutside = im.symbols.upperBound(offset) < 0 ||
                   im.symbols.upperBound(size) < 0 ||
                   im.symbols.isLess(a.dims[axis], end).value_or(false);
  require(!isOutside, "positions " + im.symbols.str(offset) + " to " +
                          im.symbols.str(end) + " along axis " + Twine(axis) +
                          " are not inside of " + im.str(a.dims));
  return failed ? Value() : im.slice(a, axis, offset, size);
}

Value Composer::concat(ArrayRef<Value> parts, int64_t axis) {
  return apply("Concat", parts, {{"axis", axis}});
}

Value Composer::integers(ArrayRef<Expr> values) {
  std::vector<Scalar> elements;
  for (const Expr &value : values)
    elements.push_back(Scalar::of(value));
  return knownValue(TensorProto::INT64, {Expr(int64_t(values.size()))},
                    std::move(elements));
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

Expr Composer::product(const Expr &a, const Expr &b) {
  return unwrap(im.symbols.mul(a, b));
}

Expr Composer::sum(const Expr &a, const Expr &b) {
  return unwrap(im.symbols.add(a, b));
}

Expr Composer::difference(const Expr &a, const Expr &b) {
  return unwrap(im.symbols.sub(a, b));
}

Expr Composer::quotient(const Expr &a, const Expr &b) {
  if (b.isConstant(0)) {
    require(false, "cannot divide " + im.symbols.str(a) + " by 0");
    return Expr();
  }
  std::optional<Expr> result = im.symbols.divideExactly(a, b);
  require(result.has_value(), im.symbols.str(a) + " must be a multiple of " +
                                  im.symbols.str(b) + im.advice(a));
  return result.value_or(Expr());
}

void Composer::requireEqual(const Expr &a, const Expr &b,
                            const Twine &message) {
  if (!failed && !im.symbols.isEqual(a, b).value_or(false))
    fail(im.needEqual(node, a, b, message));
}

void Composer::define(int i, const Value &value) {
  if (!failed)
    im.set(node, i, value);
}

Value lowbit::frontend::countAlong(Composer &c, const Expr &size, int64_t axis,
                                   int64_t rank) {
  auto scalar = [](Expr e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(std::move(e))});
  };
  Value range = c.apply("Range", {scalar(0), scalar(size), scalar(1)});
  Dims dims(rank, Expr(1));
  dims[axis] = size;
  return c.reshape(range, dims);
}
