//===- Sequences.cpp - sequences of tensors -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sequence exists at import only: its length and every position in it must
// follow from shapes and constants. Exporters collect the steps of a loop so.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;
using Values = std::vector<Value>;

static void define(Importer &im, const Node &node, Values elements) {
  Value result;
  result.sequence = std::make_shared<const Values>(std::move(elements));
  im.set(node, 0, std::move(result));
}

/// The elements of input 0.
static Expected<Values> elementsOf(Importer &im, const Node &node) {
  if (im.in(node, 0).sequence)
    return *im.in(node, 0).sequence;
  return im.error(node, "needs a sequence of tensors");
}

/// Input `i` as a position among `size`, or `otherwise`.
static Expected<size_t> positionAt(Importer &im, const Node &node, int i,
                                   size_t size, size_t otherwise) {
  if (!node.hasInput(i))
    return otherwise;
  const Scalar *given = im.in(node, i).uniform();
  if (!given || given->isReal || !given->isConstant())
    return im.error(node, "the position must be a constant integer");
  int64_t at = given->integer.constant();
  at = at < 0 ? at + int64_t(size) : at;
  if (at < 0 || at > int64_t(otherwise))
    return im.error(node, "position " + llvm::Twine(at) +
                              " is outside of a sequence of " +
                              llvm::Twine(size));
  return size_t(at);
}

static Error emitEmpty(Importer &im, const Node &node) {
  define(im, node, {});
  return Error::success();
}

static Error emitConstruct(Importer &im, const Node &node) {
  Values elements;
  for (int i = 0; i < node.numInputs(); ++i)
    elements.push_back(im.in(node, i));
  define(im, node, std::move(elements));
  return Error::success();
}

static Error emitInsert(Importer &im, const Node &node) {
  Expected<Values> elements = elementsOf(im, node);
  if (!elements)
    return elements.takeError();
  if (im.in(node, 1).sequence)
    return im.error(node, "cannot insert a sequence into another");
  Expected<size_t> at =
      positionAt(im, node, 2, elements->size(), elements->size());
  if (!at)
    return at.takeError();
  elements->insert(elements->begin() + *at, im.in(node, 1));
  define(im, node, std::move(*elements));
  return Error::success();
}

/// The position of an element that exists.
static Expected<size_t> existing(Importer &im, const Node &node,
                                 const Values &elements) {
  if (elements.empty())
    return im.error(node, "the sequence is empty");
  return positionAt(im, node, 1, elements.size(), elements.size() - 1);
}

static Error emitErase(Importer &im, const Node &node) {
  Expected<Values> elements = elementsOf(im, node);
  if (!elements)
    return elements.takeError();
  Expected<size_t> at = existing(im, node, *elements);
  if (!at)
    return at.takeError();
  elements->erase(elements->begin() + *at);
  define(im, node, std::move(*elements));
  return Error::success();
}

static Error emitAt(Importer &im, const Node &node) {
  Expected<Values> elements = elementsOf(im, node);
  if (!elements)
    return elements.takeError();
  Expected<size_t> at = existing(im, node, *elements);
  if (!at)
    return at.takeError();
  im.set(node, 0, (*elements)[*at]);
  return Error::success();
}

static Error emitLength(Importer &im, const Node &node) {
  Expected<Values> elements = elementsOf(im, node);
  if (!elements)
    return elements.takeError();
  Expr length(int64_t(elements->size()));
  im.set(node, 0, knownValue(TensorProto::INT64, {}, {Scalar::of(length)}));
  return Error::success();
}

static Error emitConcat(Importer &im, const Node &node) {
  Expected<Values> elements = elementsOf(im, node);
  if (!elements)
    return elements.takeError();
  Composer c(im, node);
  c.require(!elements->empty(), "the sequence is empty");
  bool isNew = node.integer("new_axis", 0) != 0;
  int64_t rank = elements->empty() ? 0 : elements->front().rank();
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), rank + isNew);
  if (!axis)
    return axis.takeError();
  for (Value &element : *elements) {
    Dims dims = element.dims;
    if (isNew && *axis <= int64_t(dims.size()))
      dims.insert(dims.begin() + *axis, Expr(1));
    element = c.reshape(element, dims);
  }
  c.define(0, c.concat(*elements, *axis));
  return c.finish();
}

/// The sizes of the parts along `dim`: 1 each, or of input 1.
static Expected<Dims> partSizes(Importer &im, const Node &node,
                                const Expr &dim) {
  Dims sizes;
  Expr size(1);
  if (node.hasInput(1)) {
    Expected<Dims> given = im.shapeInput(node, 1);
    if (!given || im.in(node, 1).rank() == 1)
      return given;
    size = given->front();
  }
  if (!dim.isConstant() || !size.isConstant() || size.constant() < 1 ||
      dim.constant() / size.constant() > 4096)
    return im.error(node, "cannot split " + im.symbols.str(dim) +
                              " into parts of " + im.symbols.str(size) +
                              im.advice(dim));
  for (int64_t at = 0; at < dim.constant(); at += size.constant())
    sizes.push_back(std::min(size.constant(), dim.constant() - at));
  return sizes;
}

static Error emitSplit(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), x.rank());
  if (!axis)
    return axis.takeError();
  Expected<Dims> sizes = partSizes(im, node, x.dims[*axis]);
  if (!sizes)
    return sizes.takeError();
  Composer c(im, node);
  bool drops = !node.hasInput(1) && node.integer("keepdims", 1) == 0;
  Values elements;
  Expr at(0);
  for (const Expr &size : *sizes) {
    Value part = c.slice(x, *axis, at, size);
    Dims dims = x.dims;
    dims.erase(dims.begin() + *axis);
    elements.push_back(drops ? c.reshape(part, dims) : part);
    at = c.sum(at, size);
  }
  c.requireEqual(at, x.dims[*axis],
                 "parts sum to " + im.symbols.str(at) + ", the extent is " +
                     im.symbols.str(x.dims[*axis]));
  if (c.ok())
    define(im, node, std::move(elements));
  return c.finish();
}

void lowbit::frontend::addSequenceOperators(OperatorTable &table) {
  table.add({
      {"SequenceEmpty", 11, newest, 0, 0, 1, "dtype:i", emitEmpty},
      {"SequenceConstruct", 11, newest, 1, variadic, 1, "", emitConstruct},
      {"SequenceInsert", 11, newest, 2, 3, 1, "", emitInsert, nullptr, "",
       true},
      {"SequenceErase", 11, newest, 1, 2, 1, "", emitErase, nullptr, "", true},
      {"SequenceAt", 11, newest, 2, 2, 1, "", emitAt, nullptr, "", true},
      {"SequenceLength", 11, newest, 1, 1, 1, "", emitLength, nullptr, "",
       true},
      {"ConcatFromSequence", 11, newest, 1, 1, 1, "axis:i new_axis:i",
       emitConcat, nullptr, "", true},
      {"SplitToSequence", 11, newest, 1, 2, 1, "axis:i keepdims:i", emitSplit},
  });
}
