//===- Loop.cpp - loops ---------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A few steps whose number is known are written out, so that shapes and
// sequences may change from one to the next. Else a loop is `scf.for`, or
// `scf.while` where its condition is computed, and what it carries keeps its
// shape.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;
using Values = std::vector<Value>;

/// The most steps that are written out.
static constexpr int64_t maxUnrolled = 64;

static const onnx::GraphProto &bodyOf(const Node &node) {
  return node.find("body")->g();
}

static Value scalarOf(int32_t type, Expr e) {
  return knownValue(type, {}, {Scalar::of(std::move(e))});
}

/// A number in the IR as a value of rank 0.
static Value scalarFrom(Importer &im, int32_t type, mlir::Value number) {
  auto one = mlir::RankedTensorType::get({}, number.getType());
  return im.fromTensor(type, {},
                       tensor::FromElementsOp::create(im.ops(), one, number));
}

static mlir::Value extracted(Importer &im, const Value &flag) {
  return tensor::ExtractOp::create(im.ops(), im.full(flag), mlir::ValueRange{});
}

/// `value`, which is called `what`, as a value of rank 0. Anything but one
/// element of `type` is an error.
static Expected<Value> oneOf(Importer &im, const Node &node, const Value &value,
                             int32_t type, llvm::StringRef what) {
  if (!value.sequence && value.type == type && value.size() == 1)
    return im.reshape(node, value, {});
  return im.error(node, what + " must be one " + typeName(type) + ", found " +
                            typeName(value.type) + im.str(value.dims));
}

/// `value` as a tensor whose contents nothing else knows.
static Value opaque(Importer &im, const Value &value) {
  return im.fromTensor(value.type, value.dims, im.full(value));
}

/// What a step computes must have the shape of what it was given; `advice` says
/// what would make the number of steps known.
static Error requireSameShape(Importer &im, const Node &node, const Value &old,
                              const Value &next,
                              const std::string &advice = "") {
  if (old.sequence || next.sequence)
    return im.error(node, "carries a sequence through a number of steps that "
                          "is not known");
  if (Error failed = im.requireSameType(node, old, next))
    return failed;
  bool same = old.rank() == next.rank();
  for (int64_t i = 0; same && i < old.rank(); ++i)
    same = im.symbols.isEqual(old.dims[i], next.dims[i]).value_or(false);
  if (same)
    return Error::success();
  return im.error(node, "carries a value that changes its shape from " +
                            im.str(old.dims) + " to " + im.str(next.dims) +
                            advice);
}

//===----------------------------------------------------------------------===//
// Steps written out
//===----------------------------------------------------------------------===//

/// The parts of a scan output, one behind the other.
static Value stack(Composer &c, ArrayRef<Value> parts) {
  std::vector<Value> rows;
  for (const Value &part : parts) {
    c.require(!part.sequence, "collects a sequence of tensors");
    Dims dims = part.dims;
    dims.insert(dims.begin(), Expr(1));
    rows.push_back(c.reshape(part, dims));
  }
  return c.concat(rows, 0);
}

static Error unroll(Importer &im, const Node &node, int64_t steps,
                    Values carried) {
  Composer c(im, node);
  size_t states = carried.size(), scans = node.numOutputs() - states;
  std::vector<Values> parts(scans);
  Value condition = knownValue(TensorProto::BOOL, {}, {Scalar::of(Expr(1))});
  for (int64_t i = 0; i < steps; ++i) {
    const Scalar *goes = condition.uniform();
    if (goes && goes->isConstant() && goes->number() == 0)
      break;
    Values inputs{scalarOf(TensorProto::INT64, Expr(i)), condition};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    Expected<Values> outputs = im.runGraph(node, bodyOf(node), inputs);
    if (!outputs)
      return outputs.takeError();
    Expected<Value> next = oneOf(im, node, outputs->front(), TensorProto::BOOL,
                                 "its graph's condition");
    if (!next)
      return next.takeError();
    condition = *next;
    carried.assign(outputs->begin() + 1, outputs->begin() + 1 + states);
    for (size_t k = 0; k < scans; ++k)
      parts[k].push_back((*outputs)[1 + states + k]);
  }
  for (size_t i = 0; i < states; ++i)
    im.set(node, i, carried[i]);
  for (size_t k = 0; k < scans; ++k) {
    if (!node.hasOutput(states + k))
      continue;
    c.require(!parts[k].empty(), "no step runs, so that the shape of output " +
                                     llvm::Twine(states + k) + " is not known");
    c.define(states + k, stack(c, parts[k]));
  }
  return c.finish();
}

//===----------------------------------------------------------------------===//
// scf.for
//===----------------------------------------------------------------------===//

/// Writes `row` at `index` of `all`, [steps, ...].
static mlir::Value writeRow(Importer &im, mlir::Value all, const Value &row,
                            mlir::Value index) {
  auto &b = im.ops();
  Dims dims = row.dims;
  dims.insert(dims.begin(), Expr(1));
  llvm::SmallVector<mlir::OpFoldResult> offsets(dims.size(), b.getIndexAttr(0));
  llvm::SmallVector<mlir::OpFoldResult> strides(dims.size(), b.getIndexAttr(1));
  offsets[0] = index;
  return tensor::InsertSliceOp::create(b, im.full(row), all, offsets,
                                       im.extents(dims), strides);
}

namespace {
/// A loop of a number of steps that is known when it begins. `inputsAt` gives
/// the inputs of its body before the carried ones; what that returns after
/// `first` outputs is carried or collected.
class ForLoop {
public:
  using InputsAt = llvm::function_ref<Values(mlir::Value, const Values &)>;

  ForLoop(Importer &im, const Node &node, const Expr &steps, Values carried,
          size_t first, InputsAt inputsAt)
      : im(im), node(node), steps(steps), carried(std::move(carried)),
        first(first), inputsAt(inputsAt), states(this->carried.size()),
        scans(node.numOutputs() - states) {}

  Error emit();

private:
  Expected<Values> runBody(scf::ForOp loop);
  Error build(scf::ForOp loop, bool isTrial);
  Dims collected(const Value &row) const;
  void setOutputs(scf::ForOp loop);

  Importer &im;
  const Node &node;
  Expr steps;
  Values carried;
  size_t first;
  InputsAt inputsAt;
  size_t states, scans;
  /// What a step collects.
  Values rows;
};
} // namespace

/// What the body returns in a step of `loop`.
Expected<Values> ForLoop::runBody(scf::ForOp loop) {
  Values current;
  for (auto [i, value] : llvm::enumerate(carried))
    current.push_back(
        im.fromTensor(value.type, value.dims, loop.getRegionIterArgs()[i]));
  Expected<Values> outputs = im.runGraph(
      node, bodyOf(node), inputsAt(loop.getInductionVar(), current));
  if (outputs && outputs->size() != first + states + scans)
    return im.error(node, "its graph has " + llvm::Twine(outputs->size()) +
                              " outputs, the node needs " +
                              llvm::Twine(first + states + scans));
  return outputs;
}

/// Reads the body into `loop`: a trial finds out what it collects, else that is
/// written.
Error ForLoop::build(scf::ForOp loop, bool isTrial) {
  RegionScope scope(im, loop.getBody());
  Expected<Values> outputs = runBody(loop);
  if (!outputs)
    return outputs.takeError();
  llvm::SmallVector<mlir::Value> results;
  for (size_t i = 0; i < states; ++i) {
    const Value &next = (*outputs)[first + i];
    if (Error failed =
            requireSameShape(im, node, carried[i], next, im.advice(steps)))
      return failed;
    results.push_back(im.full(next));
  }
  if (isTrial) {
    rows.assign(outputs->begin() + first + states, outputs->end());
    if (llvm::any_of(rows, [](const Value &v) { return bool(v.sequence); }))
      return im.error(node, "collects a sequence of tensors");
  }
  for (size_t k = 0; !isTrial && k < scans; ++k)
    results.push_back(writeRow(im, loop.getRegionIterArgs()[states + k],
                               (*outputs)[first + states + k],
                               loop.getInductionVar()));
  if (!isTrial || !results.empty())
    scf::YieldOp::create(im.ops(), results);
  return Error::success();
}

/// The extents of all steps' rows.
Dims ForLoop::collected(const Value &row) const {
  Dims dims = row.dims;
  dims.insert(dims.begin(), steps);
  return dims;
}

void ForLoop::setOutputs(scf::ForOp loop) {
  for (size_t i = 0; i < states; ++i)
    im.set(node, i,
           im.fromTensor(carried[i].type, carried[i].dims, loop.getResult(i)));
  for (size_t k = 0; k < scans; ++k)
    im.set(node, states + k,
           im.fromTensor(rows[k].type, collected(rows[k]),
                         loop.getResult(states + k)));
}

Error ForLoop::emit() {
  auto &b = im.ops();
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, 1);
  mlir::Value count = im.indexValue(steps);
  llvm::SmallVector<mlir::Value> operands;
  for (Value &value : carried) {
    value = opaque(im, value);
    operands.push_back(value.tensor);
  }
  // The shapes of collected rows are known once the body is: it is read twice.
  if (scans) {
    auto trial = scf::ForOp::create(b, zero, count, one, operands);
    if (Error failed = build(trial, /*isTrial=*/true))
      return failed;
    trial.erase();
  }
  for (const Value &row : rows)
    operands.push_back(im.empty(im.elementType(row.type), collected(row)));
  auto loop = scf::ForOp::create(b, zero, count, one, operands);
  if (Error failed = build(loop, /*isTrial=*/false))
    return failed;
  setOutputs(loop);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// scf.while
//===----------------------------------------------------------------------===//

/// Runs the body until its condition fails, or `limit` steps are done.
static Error emitWhile(Importer &im, const Node &node, const Value &limit,
                       const Value &condition, Values carried) {
  if (node.numOutputs() != int(carried.size()))
    return im.error(node, "collects outputs of a number of steps that the loop "
                          "computes");
  auto &b = im.ops();
  mlir::Value bound = extracted(im, limit);
  llvm::SmallVector<mlir::Value> inits{
      arith::ConstantOp::create(b, b.getI64IntegerAttr(0)),
      extracted(im, condition)};
  for (Value &value : carried) {
    if (value.sequence)
      return requireSameShape(im, node, value, value);
    value = opaque(im, value);
    inits.push_back(value.tensor);
  }
  mlir::TypeRange types = mlir::ValueRange(inits).getTypes();
  auto loop = scf::WhileOp::create(b, types, inits);
  llvm::SmallVector<mlir::Location> places(inits.size(), b.getLoc());
  mlir::Block *before = b.createBlock(&loop.getBefore(), {}, types, places);
  mlir::Block *after = b.createBlock(&loop.getAfter(), {}, types, places);
  {
    RegionScope scope(im, before);
    mlir::Value more = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                             before->getArgument(0), bound);
    mlir::Value goes = arith::AndIOp::create(b, more, before->getArgument(1));
    scf::ConditionOp::create(b, goes, before->getArguments());
  }
  {
    RegionScope scope(im, after);
    Values inputs{scalarFrom(im, TensorProto::INT64, after->getArgument(0)),
                  scalarFrom(im, TensorProto::BOOL, after->getArgument(1))};
    for (auto [i, value] : llvm::enumerate(carried))
      inputs.push_back(
          im.fromTensor(value.type, value.dims, after->getArgument(2 + i)));
    Expected<Values> outputs = im.runGraph(node, bodyOf(node), inputs);
    if (!outputs)
      return outputs.takeError();
    Expected<Value> goes = oneOf(im, node, outputs->front(), TensorProto::BOOL,
                                 "its graph's condition");
    if (!goes)
      return goes.takeError();
    mlir::Value one = arith::ConstantOp::create(b, b.getI64IntegerAttr(1));
    llvm::SmallVector<mlir::Value> results{
        arith::AddIOp::create(b, after->getArgument(0), one),
        extracted(im, *goes)};
    for (auto [i, value] : llvm::enumerate(carried)) {
      const Value &next = (*outputs)[1 + i];
      if (Error failed = requireSameShape(im, node, value, next))
        return failed;
      results.push_back(im.full(next));
    }
    scf::YieldOp::create(b, results);
  }
  b.setInsertionPointAfter(loop);
  for (auto [i, value] : llvm::enumerate(carried))
    im.set(node, i,
           im.fromTensor(value.type, value.dims, loop.getResult(2 + i)));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

/// Whether a step never ends the loop: what it returns as its condition is the
/// one it is given, or a constant.
static bool keepsCondition(Importer &im, const onnx::GraphProto &body) {
  std::string name = body.output(0).name();
  for (int i = body.node_size(); i-- > 0;) {
    const onnx::NodeProto &inner = body.node(i);
    if (!llvm::is_contained(inner.output(), name))
      continue;
    if (inner.op_type() == "Constant")
      return true;
    if (inner.op_type() != "Identity" && inner.op_type() != "Cast")
      return false;
    name = inner.input(0);
  }
  // What no node defines is the input, or comes from outside.
  if (const Value *outer = im.find(name))
    return outer->uniform() && outer->uniform()->isConstant();
  return name == body.input(1).name() ||
         llvm::any_of(body.initializer(), [&](const onnx::TensorProto &tensor) {
           return tensor.name() == name;
         });
}

/// The number of steps: an expression, or what the model computes.
static Expected<Expr> stepsOf(Importer &im, const Node &node,
                              const Value &limit) {
  if (const Scalar *steps = limit.uniform())
    return im.checked(node, im.symbols.max(steps->integer, Expr(0)));
  auto &b = im.ops();
  mlir::Value number =
      arith::IndexCastOp::create(b, b.getIndexType(), extracted(im, limit));
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  return im.computedExtent(node, arith::MaxSIOp::create(b, number, zero));
}

static Error checkLoop(Importer &im, const Node &node, size_t states) {
  const onnx::GraphProto &body = bodyOf(node);
  if (body.input_size() != int(2 + states) ||
      body.output_size() < int(1 + states) ||
      node.numOutputs() > body.output_size() - 1 ||
      node.numOutputs() < int(states))
    return im.error(node, "its graph must have " + llvm::Twine(2 + states) +
                              " inputs and an output for each of the node's "
                              "and the condition");
  return Error::success();
}

/// What the loop begins with: its trip count and condition, and what it
/// carries.
static Error readLoop(Importer &im, const Node &node, Value &limit,
                      Value &condition, Values &carried) {
  for (int i = 2; i < node.numInputs(); ++i) {
    if (!node.hasInput(i))
      return im.error(node, "input " + llvm::Twine(i) + " is missing");
    carried.push_back(im.in(node, i));
  }
  for (auto [i, operand, type, what] :
       {std::tuple(0, &limit, TensorProto::INT64, "the trip count"),
        std::tuple(1, &condition, TensorProto::BOOL, "the condition")}) {
    if (!node.hasInput(i))
      continue;
    Expected<Value> given = oneOf(im, node, im.in(node, i), type, what);
    if (!given)
      return given.takeError();
    *operand = *given;
  }
  return Error::success();
}

static Error emitLoop(Importer &im, const Node &node) {
  size_t states = std::max(node.numInputs() - 2, 0);
  if (Error failed = checkLoop(im, node, states))
    return failed;
  Values carried;
  Value yes = knownValue(TensorProto::BOOL, {}, {Scalar::of(Expr(1))});
  Value condition = yes;
  Value limit =
      scalarOf(TensorProto::INT64, Expr(std::numeric_limits<int64_t>::max()));
  if (Error failed = readLoop(im, node, limit, condition, carried))
    return failed;
  const Scalar *starts = condition.uniform();
  bool known = starts && starts->isConstant();
  if (known && starts->number() == 0)
    return unroll(im, node, 0, carried);
  bool counts = keepsCondition(im, bodyOf(node));
  if (counts && !known) {
    // The condition decides once whether there are any steps.
    Composer c(im, node);
    Value none = scalarOf(TensorProto::INT64, Expr(0));
    limit = c.apply("Where", {condition, limit, none});
    if (!c.ok())
      return c.finish();
  }
  const Scalar *steps = limit.uniform();
  if (counts && steps && steps->isConstant() &&
      steps->integer.constant() <= maxUnrolled)
    return unroll(im, node, steps->integer.constant(), carried);
  bool collects = node.numOutputs() > int(states);
  if (!counts || (!steps && !collects))
    return emitWhile(im, node, limit, condition, carried);
  if (llvm::any_of(carried, [](const Value &v) { return bool(v.sequence); }))
    return im.error(node, "carries a sequence through a number of steps that "
                          "is not known" +
                              (steps ? im.advice(steps->integer) : ""));
  Expected<Expr> count = stepsOf(im, node, limit);
  if (!count)
    return count.takeError();
  auto inputsAt = [&](mlir::Value at, const Values &current) {
    mlir::Value number =
        arith::IndexCastOp::create(im.ops(), im.ops().getI64Type(), at);
    Values inputs{scalarFrom(im, TensorProto::INT64, number), yes};
    inputs.insert(inputs.end(), current.begin(), current.end());
    return inputs;
  };
  return ForLoop(im, node, *count, carried, 1, inputsAt).emit();
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// Row `at` of the first dimension of `x`.
static Value rowAt(Importer &im, const Value &x, mlir::Value at) {
  auto &b = im.ops();
  Dims dims(x.dims.begin() + 1, x.dims.end());
  llvm::SmallVector<mlir::OpFoldResult> offsets(x.rank(), b.getIndexAttr(0));
  llvm::SmallVector<mlir::OpFoldResult> strides(x.rank(), b.getIndexAttr(1));
  auto sizes = im.extents(x.dims);
  offsets[0] = at;
  sizes[0] = b.getIndexAttr(1);
  auto type = im.tensorType(im.elementType(x.type), dims);
  return im.fromTensor(x.type, dims,
                       tensor::ExtractSliceOp::create(b, type, x.tensor,
                                                      offsets, sizes, strides));
}

static Error emitScan(Importer &im, const Node &node) {
  int64_t scans = node.integer("num_scan_inputs", 0);
  if (scans < 1 || scans > node.numInputs())
    return im.error(node, "attribute num_scan_inputs must be at least 1 and at "
                          "most the number of inputs");
  int64_t states = node.numInputs() - scans;
  if (node.numOutputs() < states)
    return im.error(node, "needs an output for each of " + llvm::Twine(states) +
                              " states, found " +
                              llvm::Twine(node.numOutputs()));
  Values carried, sources;
  for (int64_t i = 0; i < states; ++i)
    carried.push_back(im.in(node, i));
  for (int64_t i = states; i < node.numInputs(); ++i) {
    if (im.in(node, i).rank() == 0 ||
        im.in(node, i).dims[0] != im.in(node, states).dims[0])
      return im.error(node, "inputs to scan must have as many rows, found " +
                                im.str(im.in(node, i).dims));
    sources.push_back(opaque(im, im.in(node, i)));
  }
  Expr steps = sources[0].dims[0];
  auto inputsAt = [&](mlir::Value at, const Values &current) {
    Values inputs = current;
    for (const Value &source : sources)
      inputs.push_back(rowAt(im, source, at));
    return inputs;
  };
  return ForLoop(im, node, steps, carried, 0, inputsAt).emit();
}

static std::string refuseScan(const Node &node) {
  for (llvm::StringRef name :
       {"scan_input_axes", "scan_output_axes", "scan_input_directions",
        "scan_output_directions"})
    if (llvm::any_of(node.integers(name), [](int64_t v) { return v != 0; }))
      return ("attribute " + name + " must be 0").str();
  return node.find("body") ? "" : "needs an attribute body";
}

static std::string refuseLoop(const Node &node) {
  return node.find("body") ? "" : "needs an attribute body";
}

void lowbit::frontend::addLoopOperators(OperatorTable &table) {
  table.add({
      {"Loop", 1, newest, 0, variadic, variadic, "body:g", emitLoop, refuseLoop,
       "", true},
      {"Scan", 9, newest, 1, variadic, variadic,
       "body:g num_scan_inputs:i scan_input_axes:I scan_input_directions:I "
       "scan_output_axes:I scan_output_directions:I",
       emitScan, refuseScan},
  });
}
