//===- Recurrent.cpp - RNN, GRU and LSTM ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs of all steps are projected at once; a loop over the steps carries the
// state. Both are products with a constant matrix, so that both quantize. An
// LSTM of ONNX Runtime's quantizer has codes there, and rounds what they are
// multiplied with as DynamicQuantizeLinear does.
// Extents: S steps, B batch, I numbers in, H hidden ones, g gates.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <algorithm>
#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::Error;
using llvm::StringRef;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

namespace {
/// An activation with what its parameters are called.
struct Gate {
  StringRef name;
  bool hasAlpha = false, hasBeta = false;
  std::optional<float> alpha, beta;
};

using Gates = llvm::SmallVector<Gate, 3>;
} // namespace

static constexpr std::tuple<StringRef, bool, bool> gateKinds[] = {
    {"Relu", false, false},           {"Tanh", false, false},
    {"Sigmoid", false, false},        {"Softsign", false, false},
    {"Softplus", false, false},       {"LeakyRelu", true, false},
    {"ThresholdedRelu", true, false}, {"Elu", true, false},
    {"HardSigmoid", true, true},
};

static Value applyGate(Composer &c, const Gate &gate, const Value &x) {
  llvm::SmallVector<Attribute> attributes;
  if (gate.alpha)
    attributes.push_back({"alpha", *gate.alpha});
  if (gate.beta)
    attributes.push_back({"beta", *gate.beta});
  return c.apply(gate.name, {x}, attributes);
}

static std::optional<Gate> gateCalled(StringRef name) {
  for (auto [kind, hasAlpha, hasBeta] : gateKinds)
    if (kind.equals_insensitive(name))
      return Gate{kind, hasAlpha, hasBeta, {}, {}};
  return std::nullopt;
}

/// Activations of all directions; parameters go to those that have some.
static Gates readGates(const Node &node, llvm::ArrayRef<StringRef> defaults,
                       int64_t directions) {
  Gates gates;
  if (const onnx::AttributeProto *given = node.find("activations")) {
    for (const std::string &name : given->strings())
      gates.push_back(*gateCalled(name));
  } else {
    for (int64_t i = 0; i < directions; ++i)
      for (StringRef name : defaults)
        gates.push_back(*gateCalled(name));
  }
  auto spread = [&](StringRef name, bool Gate::*has,
                    std::optional<float> Gate::*target) {
    const onnx::AttributeProto *given = node.find(name);
    int next = 0;
    for (Gate &gate : gates)
      if (given && gate.*has && next < given->floats_size())
        gate.*target = given->floats(next++);
  };
  spread("activation_alpha", &Gate::hasAlpha, &Gate::alpha);
  spread("activation_beta", &Gate::hasBeta, &Gate::beta);
  return gates;
}

//===----------------------------------------------------------------------===//
// One direction
//===----------------------------------------------------------------------===//

namespace {
/// What does not change from step to step.
struct Cell {
  int64_t hidden;
  Gates gates;
  Value recurrent;    ///< [H, g * H]; without the candidate's if that is apart.
  Value candidate;    ///< [H, H], of a GRU that resets before it multiplies.
  Value resetBias;    ///< [H], of a GRU that multiplies before it resets.
  Value peepholes;    ///< [3 * H], of an LSTM that has them.
  bool early = false; ///< GRU: linear_before_reset. LSTM: input_forget.
  bool coded = false; ///< Inputs and states are rounded to 8 bits.
};

/// Computes the next state from the projected input [B, g * H].
using Step = void (*)(Composer &, const Cell &, const Value &x, Value &h,
                      Value &memory);
} // namespace

/// Part `i` of what gates have beside each other.
static Value part(Composer &c, const Cell &cell, const Value &x, int64_t i,
                  int64_t count = 1) {
  if (!c.ok())
    return Value();
  return c.slice(x, x.rank() - 1, Expr(i * cell.hidden),
                 Expr(count * cell.hidden));
}

/// What a matrix of the cell is multiplied with.
static Value rounded(Composer &c, const Cell &cell, const Value &x) {
  if (!cell.coded)
    return x;
  llvm::SmallVector<Value> codes = c.applyAll("DynamicQuantizeLinear", {x}, 3);
  Value steps = c.sub(c.cast(codes[0], TensorProto::INT32),
                      c.cast(codes[2], TensorProto::INT32));
  return c.mul(c.cast(steps, TensorProto::FLOAT), codes[1]);
}

static Value clipped(Composer &c, const Value &x) {
  float bound = c.node.real("clip", 0);
  if (bound == 0 || !c.ok())
    return x;
  return c.apply("Clip",
                 {x, Importer::scalar(x, -bound), Importer::scalar(x, bound)});
}

static void stepRNN(Composer &c, const Cell &cell, const Value &x, Value &h,
                    Value &) {
  Value sum = c.add(x, c.matmul(h, cell.recurrent));
  h = applyGate(c, cell.gates[0], clipped(c, sum));
}

/// Gates are z, r, h.
static void stepGRU(Composer &c, const Cell &cell, const Value &x, Value &h,
                    Value &) {
  Value old = h, product, candidate;
  if (cell.early) {
    product = c.matmul(old, cell.recurrent);
    candidate = part(c, cell, product, 2);
    if (cell.resetBias.type)
      candidate = c.add(candidate, cell.resetBias);
  } else {
    product = c.matmul(old, cell.recurrent);
  }
  Value both = c.add(part(c, cell, x, 0, 2), part(c, cell, product, 0, 2));
  both = applyGate(c, cell.gates[0], clipped(c, both));
  Value update = part(c, cell, both, 0), reset = part(c, cell, both, 1);
  candidate = cell.early ? c.mul(reset, candidate)
                         : c.matmul(c.mul(reset, old), cell.candidate);
  candidate = applyGate(c, cell.gates[1],
                        clipped(c, c.add(part(c, cell, x, 2), candidate)));
  h = c.add(candidate, c.mul(update, c.sub(old, candidate)));
}

/// Gates are i, o, f, c.
static void stepLSTM(Composer &c, const Cell &cell, const Value &x, Value &h,
                     Value &memory) {
  Value sum = c.add(x, c.matmul(rounded(c, cell, h), cell.recurrent));
  auto gate = [&](int64_t i, int peephole, const Value &seen) {
    Value value = part(c, cell, sum, i);
    if (cell.peepholes.type && peephole >= 0)
      value =
          c.add(value, c.mul(part(c, cell, cell.peepholes, peephole), seen));
    return applyGate(c, cell.gates[peephole < 0 ? 1 : 0], clipped(c, value));
  };
  Value input = gate(0, 0, memory), candidate = gate(3, -1, memory);
  Value forget;
  if (cell.early && c.ok())
    forget = c.sub(Importer::scalar(input, 1), input);
  else
    forget = gate(2, 2, memory);
  memory = c.add(c.mul(forget, memory), c.mul(input, candidate));
  h = c.mul(gate(1, 1, memory), applyGate(c, cell.gates[2], memory));
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

namespace {
/// What a direction gives: all states [S, B, H] and the last ones [B, H].
struct Outputs {
  Value all, h, memory;
};
} // namespace

/// Where a row has ended, the old state, and nothing in the result.
static Value whereRunning(Composer &c, const Value &running, const Value &next,
                          const Value &otherwise) {
  return running.type ? c.apply("Where", {running, next, otherwise}) : next;
}

/// Whether step `at` is inside of each row, as [B, 1].
static Value isRunning(Composer &c, mlir::Value at, const Value &lengths) {
  if (!lengths.type || !c.ok())
    return Value();
  mlir::Value number =
      arith::IndexCastOp::create(c.ops, c.ops.getI64Type(), at);
  Value step = c.im.fromTensor(
      TensorProto::INT64, {},
      tensor::FromElementsOp::create(
          c.ops, mlir::RankedTensorType::get({}, number.getType()), number));
  return c.apply("Less", {step, lengths});
}

/// Runs `step` over `x` [S, B, g * H], from the last one on if `reverse`.
static Outputs runLoop(Composer &c, const Cell &cell, Step step, const Value &x,
                       const Value &h, const Value &memory,
                       const Value &lengths, bool reverse) {
  if (!c.ok())
    return {};
  Importer &im = c.im;
  auto &b = c.ops;
  Dims state{x.dims[1], Expr(cell.hidden)};
  Dims all{x.dims[0], x.dims[1], Expr(cell.hidden)};
  mlir::Type element = im.elementType(x.type);
  mlir::Value source = im.full(x), steps = im.indexValue(x.dims[0]);
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, 1);
  mlir::Value inits[] = {im.empty(element, all), im.full(h), im.full(memory)};
  auto loop = scf::ForOp::create(b, zero, steps, one, inits);
  {
    RegionScope scope(im, loop.getBody());
    mlir::Value at = loop.getInductionVar();
    if (reverse)
      at = arith::SubIOp::create(b, arith::SubIOp::create(b, steps, one), at);
    auto place = [&](const Expr &width) {
      llvm::SmallVector<mlir::OpFoldResult> offsets{at, b.getIndexAttr(0),
                                                    b.getIndexAttr(0)};
      auto sizes = im.extents({Expr(1), state[0], width});
      return std::pair(offsets, sizes);
    };
    llvm::SmallVector<mlir::OpFoldResult> strides(3, b.getIndexAttr(1));
    auto [from, width] = place(x.dims[2]);
    mlir::Value row = tensor::ExtractSliceOp::create(
        b, im.tensorType(element, {state[0], x.dims[2]}), source, from, width,
        strides);
    auto carried = loop.getRegionIterArgs();
    Value oldH = im.fromTensor(x.type, state, carried[1]);
    Value oldMemory = im.fromTensor(x.type, state, carried[2]);
    Value nextH = oldH, nextMemory = oldMemory;
    step(c, cell, im.fromTensor(x.type, {state[0], x.dims[2]}, row), nextH,
         nextMemory);
    Value running = isRunning(c, at, lengths), shown = nextH;
    if (running.type) {
      shown = whereRunning(c, running, nextH, Importer::scalar(nextH, 0));
      nextH = whereRunning(c, running, nextH, oldH);
      nextMemory = whereRunning(c, running, nextMemory, oldMemory);
    }
    if (!c.ok())
      return {};
    auto [to, sizes] = place(state[1]);
    mlir::Value written = tensor::InsertSliceOp::create(
        b, im.full(shown), carried[0], to, sizes, strides);
    scf::YieldOp::create(
        b, mlir::ValueRange{written, im.full(nextH), im.full(nextMemory)});
  }
  return {im.fromTensor(x.type, all, loop.getResult(0)),
          im.fromTensor(x.type, state, loop.getResult(1)),
          im.fromTensor(x.type, state, loop.getResult(2))};
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

namespace {
/// What tells the three operators apart.
struct Kind {
  int64_t gates;
  Step step;
  bool hasMemory;
  StringRef early; ///< Attribute that Cell::early is read from.
  llvm::ArrayRef<StringRef> activations;
  /// Weights are codes [directions, I or H, g * H], with scales and zero points
  /// behind the other inputs.
  bool coded = false;
};
} // namespace

/// Direction `d` of input `i`, if it is given.
static Value direction(Composer &c, int i, int64_t d) {
  return c.has(i) && c.ok() ? c.unwrap(c.im.part(c.node, c.in(i), d)) : Value();
}

static Value transposed(Composer &c, const Value &x) {
  return c.transpose(x, {1, 0});
}

/// Matrix [I or H, g * H] of input `i`, 1 or 2.
static Value matrix(Composer &c, const Kind &kind, int i, int64_t d) {
  Value codes = direction(c, i, d);
  if (!kind.coded)
    return transposed(c, codes);
  llvm::SmallVector<Value> inputs{codes};
  for (int k : {6 + 2 * i, 7 + 2 * i}) {
    inputs.push_back(direction(c, k, d));
    // One for each column, so that the columns are what is stored as rows.
    if (inputs.back().type && c.ok() && inputs.back().rank() == 0)
      inputs.back() =
          c.apply("Expand", {inputs.back(), Composer::integers(codes.dims[1])});
  }
  return c.apply("DequantizeLinear", inputs, {{"axis", int64_t(1)}});
}

/// The input of all steps times W, and the biases that need no state: both, but
/// for that of a GRU's candidate that is multiplied before the reset.
static Value project(Composer &c, const Kind &kind, Cell &cell, const Value &x,
                     int64_t d) {
  Value projected = c.matmul(rounded(c, cell, x), matrix(c, kind, 1, d));
  if (kind.step == &stepGRU && !cell.early && c.ok()) {
    Value recurrent = direction(c, 2, d);
    auto rows = [&](int64_t first, int64_t count) {
      return c.unwrap(c.im.part(c.node, recurrent, first * cell.hidden,
                                count * cell.hidden));
    };
    cell.candidate = transposed(c, rows(2, 1));
    cell.recurrent = transposed(c, rows(0, 2));
  } else {
    cell.recurrent = matrix(c, kind, 2, d);
  }
  Value bias = direction(c, 3, d);
  if (!bias.type || !c.ok())
    return projected;
  projected = c.add(projected, part(c, cell, bias, 0, kind.gates));
  if (kind.step != &stepGRU || !cell.early)
    return c.add(projected, part(c, cell, bias, kind.gates, kind.gates));
  cell.resetBias = part(c, cell, bias, kind.gates + 2);
  Value none = Importer::scalar(bias, 0);
  none.dims = {Expr(cell.hidden)};
  return c.add(projected,
               c.concat({part(c, cell, bias, kind.gates, 2), none}, 0));
}

/// Exchanges steps and batch of `x` for layout 1.
static Value turned(Composer &c, const Value &x, bool batchFirst) {
  if (!batchFirst || !c.ok())
    return x;
  Axes order;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    order.push_back(axis);
  std::swap(order[0], order[1]);
  return c.transpose(x, order);
}

static void checkShapes(Composer &c, const Kind &kind, int64_t directions,
                        int64_t hidden) {
  Expr gates(kind.gates * hidden), count(directions);
  const Dims w = c.in(1).dims, r = c.in(2).dims;
  int columns = kind.coded ? 2 : 1;
  Dims square{count, Expr(hidden), Expr(hidden)};
  square[columns] = gates;
  std::string rows = c.im.symbols.str(gates);
  c.require(c.in(0).rank() == 3 && w.size() == 3 && w[0] == count &&
                w[columns] == gates && r == square,
            "needs weights [" + c.im.symbols.str(count) +
                (kind.coded ? ", ..., " + rows + "]" : ", " + rows + ", ...]") +
                " for an input of 3 "
                "dimensions, found " +
                c.im.str(w) + " and " + c.im.str(r));
  for (int i = 8; kind.coded && i < 12; ++i) {
    if (!c.has(i))
      continue;
    const Dims &given = c.in(i).dims;
    c.require(!given.empty() && given[0] == count,
              "needs scales and zero points of each direction, found " +
                  c.im.str(given));
  }
  if (c.has(3))
    c.require(c.in(3).dims == Dims{count, Expr(2 * kind.gates * hidden)},
              "the bias does not fit: " + c.im.str(c.in(3).dims));
  for (int i : {5, 6})
    c.require(!c.has(i) || c.in(i).rank() == 3,
              "initial states must have 3 dimensions");
  if (c.has(7))
    c.require(c.in(7).dims == Dims{count, Expr(3 * hidden)},
              "the peepholes do not fit: " + c.im.str(c.in(7).dims));
}

static bool isBatchFirst(const Node &node) {
  return node.integer("layout", 0) != 0;
}

/// What direction `d` begins with, from input `i` or zeros.
static Value initialState(Composer &c, int i, int64_t d, int32_t type,
                          const Dims &dims) {
  if (!c.has(i))
    return knownValue(type, dims, {Scalar::of(0.0)});
  Value given = turned(c, c.in(i), isBatchFirst(c.node));
  return c.reshape(c.slice(given, 0, Expr(d), Expr(1)), dims);
}

namespace {
/// What directions yield: the states of all steps, and the last of each.
struct Directions {
  llvm::SmallVector<Value> all, last, memories;
};
} // namespace

static void runDirection(Composer &c, const Kind &kind, Cell &cell,
                         const Value &x, const Value &lengths, int64_t d,
                         Directions &results) {
  Value projected = project(c, kind, cell, x, d);
  if (!c.ok())
    return;
  Dims state{x.dims[1], Expr(cell.hidden)};
  Value h = initialState(c, 5, d, x.type, state),
        memory = initialState(c, 6, d, x.type, state);
  bool isReverse = d == 1 || c.node.string("direction", "forward") == "reverse";
  Outputs outputs =
      runLoop(c, cell, kind.step, projected, h, memory, lengths, isReverse);
  if (!c.ok())
    return;
  Dims stacked{Expr(1), state[0], state[1]};
  results.all.push_back(
      c.reshape(outputs.all, {x.dims[0], Expr(1), state[0], state[1]}));
  results.last.push_back(c.reshape(outputs.h, stacked));
  results.memories.push_back(c.reshape(outputs.memory, stacked));
}

static Error emitRecurrent(Importer &im, const Node &node, const Kind &kind) {
  Composer c(im, node);
  std::string which = node.string("direction", "forward");
  int64_t directions = which == "bidirectional" ? 2 : 1;
  const Dims r = c.in(2).dims;
  size_t states = kind.coded ? 1 : 2;
  c.require(
      r.size() == 3 && r[states].isConstant() && !r[states].isConstant(0),
      "needs recurrent weights of 3 dimensions for a state of at least one "
      "number, found " +
          im.str(r));
  // Larger sizes fit no weights, and would overflow.
  int64_t hidden = std::clamp<int64_t>(
      node.integer("hidden_size", c.ok() ? r[states].constant() : 0), 0,
      std::numeric_limits<int32_t>::max());
  checkShapes(c, kind, directions, hidden);
  if (!c.ok())
    return c.finish();
  bool batchFirst = isBatchFirst(node);
  Value x = turned(c, c.in(0), batchFirst);
  c.require(
      llvm::none_of(x.dims, [](const Expr &dim) { return dim.isConstant(0); }),
      "needs an input without empty dimensions, found " + im.str(x.dims));
  Gates gates = readGates(node, kind.activations, directions);
  c.require(gates.size() == directions * kind.activations.size(),
            "attribute activations must name " +
                llvm::Twine(kind.activations.size()) + " for each direction");
  Value lengths;
  if (c.has(4) && c.ok())
    lengths =
        c.reshape(c.cast(c.in(4), TensorProto::INT64), {x.dims[1], Expr(1)});
  Directions results;
  for (int64_t d = 0; c.ok() && d < directions; ++d) {
    auto own = llvm::ArrayRef(gates).slice(d * kind.activations.size(),
                                           kind.activations.size());
    Cell cell{hidden,
              Gates(own),
              {},
              {},
              {},
              direction(c, 7, d),
              node.integer(kind.early, 0) != 0,
              kind.coded};
    runDirection(c, kind, cell, x, lengths, d, results);
  }
  Value y = c.concat(results.all, 1);
  if (batchFirst)
    y = c.transpose(y, {2, 0, 1, 3});
  c.define(0, y);
  c.define(1, turned(c, c.concat(results.last, 0), batchFirst));
  if (kind.hasMemory)
    c.define(2, turned(c, c.concat(results.memories, 0), batchFirst));
  return c.finish();
}

static constexpr StringRef rnnGates[] = {"Tanh"};
static constexpr StringRef gruGates[] = {"Sigmoid", "Tanh"};
static constexpr StringRef lstmGates[] = {"Sigmoid", "Tanh", "Tanh"};

static Error emitRNN(Importer &im, const Node &node) {
  return emitRecurrent(im, node, {1, stepRNN, false, "", rnnGates});
}

static Error emitGRU(Importer &im, const Node &node) {
  return emitRecurrent(im, node,
                       {3, stepGRU, false, "linear_before_reset", gruGates});
}

static Error emitLSTM(Importer &im, const Node &node) {
  return emitRecurrent(im, node,
                       {4, stepLSTM, true, "input_forget", lstmGates});
}

static Error emitDynamicQuantizeLSTM(Importer &im, const Node &node) {
  return emitRecurrent(
      im, node, {4, stepLSTM, true, "input_forget", lstmGates, /*coded=*/true});
}

static std::string refuse(const Node &node) {
  if (const onnx::AttributeProto *given = node.find("activations"))
    for (const std::string &name : given->strings())
      if (!gateCalled(name))
        return "activation '" + name + "' is not supported";
  return "";
}

static std::string refuseCoded(const Node &node) {
  for (int i : {8, 10})
    if (!node.hasInput(i))
      return "input " + std::to_string(i) + " is missing";
  return refuse(node);
}

void lowbit::frontend::addRecurrentOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral common =
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
      "hidden_size:i layout:i";
  constexpr llvm::StringLiteral gru =
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
      "hidden_size:i layout:i linear_before_reset:i";
  constexpr llvm::StringLiteral lstm =
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
      "hidden_size:i layout:i input_forget:i";
  constexpr llvm::StringLiteral coded =
      "activation_alpha:F activation_beta:F activations:S clip:f direction:s "
      "hidden_size:i input_forget:i";
  table.add({
      {"RNN", 7, newest, 3, 6, 2, common, emitRNN, refuse},
      {"GRU", 7, newest, 3, 6, 2, gru, emitGRU, refuse},
      {"LSTM", 7, newest, 3, 8, 3, lstm, emitLSTM, refuse},
      {"DynamicQuantizeLSTM", 1, 1, 3, 12, 3, coded, emitDynamicQuantizeLSTM,
       refuseCoded, "com.microsoft"},
  });
}
