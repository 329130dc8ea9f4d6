//===- LinearKernel.cpp - low-bit matrix products on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two skeletons over one reader of weights. With few rows of activations,
// neighbouring threads read neighbouring atoms of one row of the weight and a
// tree adds what they found: each word is read once, in order. With many, a
// workgroup decodes a tile of 32 rows and 32 columns once for 32 rows of
// activations, and each thread computes 4 x 4 results.
//
//===----------------------------------------------------------------------===//

#include "LinearKernel.h"
#include "KernelParts.h"
#include "WeightReader.h"
#include "lowbit/IR/AttributeWord.h"
#include "lowbit/Reference/Activation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lowbit;

static constexpr int64_t kStep = kGPUStep;
/// Rows of weights and of activations of a tile, and results of a thread.
static constexpr int64_t kTile = 32, kOwn = 4;

std::string GPULinearSpec::name() const {
  std::string result = "linear_" + spellWord(encoding);
  if (hasBias)
    result += "_bias";
  if (activation)
    result += "_" + spellWord(activation);
  if (isGated)
    result += "_gated";
  if (hasResidual)
    result += "_residual";
  return result + "_" + std::to_string(m) + "x" + std::to_string(n) + "x" +
         std::to_string(k);
}

namespace {

/// Emits one kernel.
class LinearBuilder : KernelParts {
public:
  LinearBuilder(ImplicitLocOpBuilder &builder, const GPULinearSpec &spec)
      : KernelParts(builder), spec(spec) {
    floats = VectorType::get({kStep}, b.getF32Type());
  }

  SmallVector<Type> getArgumentTypes();
  void takeArguments(gpu::GPUFuncOp kernel);
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> buildVector();
  std::array<int64_t, 3> buildTiles();

private:
  Value loadInput(const Index &row, const Index &column);
  void addAtom(const Index &row, const Index &atom,
               MutableArrayRef<Value> sums);
  void loadTiles(Value inputs, Value weights, const Index &firstRow,
                 const Index &firstWeight, const Index &atom);
  SmallVector<Value> multiplyTiles(Value inputs, Value weights,
                                   ValueRange sums);
  /// Writes a result from the sums of its rows of the weight.
  void finish(const Index &row, const Index &column, ArrayRef<Value> sums);

  const GPULinearSpec &spec;
  VectorType floats;
  std::optional<WeightReader> weight;
  WeightBuffers buffers;
  Value input, bias, residual, result;
};

} // namespace

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// Words that hold a component of the encoding.
static int64_t countWords(const GPULinearSpec &spec, StringRef component) {
  RankedTensorType type =
      spec.encoding.getParameterType(component, spec.n, spec.k);
  return llvm::divideCeil(type.getNumElements() * type.getElementTypeBitWidth(),
                          32);
}

SmallVector<Type> LinearBuilder::getArgumentTypes() {
  SmallVector<Type> types;
  auto addBuffer = [&](int64_t count, Type element) {
    types.push_back(MemRefType::get({count}, element));
  };
  Type word = b.getI32Type(), number = b.getF32Type();
  unsigned bits = spec.encoding.getCodeBits();
  numerics::BoundLayout bound(spec.layout.getLayout(bits),
                              spec.encoding.getNumerics(), spec.n, spec.k);
  addBuffer(bound.bufferBytes(0) / 4, word);
  for (StringRef name :
       {component::kScale, component::kZeroPoint, component::kMinimum})
    if (llvm::is_contained(spec.encoding.getParameterNames(), name))
      addBuffer(countWords(spec, name), word);
  if (spec.encoding.getOuterScale() != OuterScaleKind::None)
    addBuffer(countWords(spec, component::kOuterScale), number);
  if (needsGPUTable(spec.encoding))
    addBuffer(int64_t(1) << bits, number);
  bool isWhole = spec.k % kStep == 0;
  addBuffer(spec.m * spec.k / (isWhole ? kStep : 1),
            isWhole ? Type(floats) : number);
  if (spec.hasBias)
    addBuffer(spec.n, number);
  if (spec.hasResidual)
    addBuffer(spec.m * spec.getColumns(), number);
  addBuffer(spec.m * spec.getColumns(), number);
  return types;
}

void LinearBuilder::takeArguments(gpu::GPUFuncOp kernel) {
  unsigned next = 0;
  auto take = [&](bool exists) {
    return exists ? Value(kernel.getArgument(next++)) : Value();
  };
  SmallVector<StringRef, 4> names = spec.encoding.getParameterNames();
  auto has = [&](StringRef name) { return llvm::is_contained(names, name); };
  buffers.codes = take(true);
  buffers.scales = take(true);
  buffers.zeroPoints = take(has(component::kZeroPoint));
  buffers.minima = take(has(component::kMinimum));
  buffers.outerScales =
      take(spec.encoding.getOuterScale() != OuterScaleKind::None);
  buffers.table = take(needsGPUTable(spec.encoding));
  input = take(true);
  bias = take(spec.hasBias);
  residual = take(spec.hasResidual);
  result = take(true);
  weight.emplace(b, spec, buffers);
}

unsigned lowbit::getGPUBindingCount(const GPULinearSpec &spec) {
  ImplicitLocOpBuilder b(UnknownLoc::get(spec.encoding.getContext()),
                         spec.encoding.getContext());
  return LinearBuilder(b, spec).getArgumentTypes().size();
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Four columns of a row of activations, a multiple of four from the first;
/// zeros beyond the last one.
Value LinearBuilder::loadInput(const Index &row, const Index &column) {
  int64_t padded = weight->getAtoms() * weight->getSteps() * kStep;
  if (spec.k % kStep == 0) {
    int64_t count = spec.k / kStep;
    Index step = indices.divide(column, kStep);
    Index at = clamp(step, count, padded / kStep);
    Value numbers = memref::LoadOp::create(
        b, input,
        indices.materialize(indices.add(indices.multiply(row, count), at)));
    if (padded == spec.k)
      return numbers;
    Value isInside = weight->splat(isBelow(step, count));
    return arith::SelectOp::create(b, isInside, numbers,
                                   constantFloat(floats, 0));
  }
  SmallVector<Value> numbers;
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  for (int64_t i = 0; i < kStep; ++i) {
    Index one = indices.add(column, indices.constant(i));
    Value number = memref::LoadOp::create(
        b, input,
        indices.materialize(indices.add(indices.multiply(row, spec.k),
                                        clamp(one, spec.k, padded))));
    numbers.push_back(
        arith::SelectOp::create(b, isBelow(one, spec.k), number, zero));
  }
  return vector::FromElementsOp::create(b, floats, numbers);
}

void LinearBuilder::finish(const Index &row, const Index &column,
                           ArrayRef<Value> sums) {
  SmallVector<Value> numbers;
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Index from =
        indices.add(indices.multiply(column, sums.size()), indices.constant(i));
    Value number = sum;
    if (Value outer = weight->loadOuterScale(from))
      number = arith::MulFOp::create(b, number, outer);
    if (bias)
      number = arith::AddFOp::create(
          b, number,
          memref::LoadOp::create(b, bias, indices.materialize(from)));
    numbers.push_back(number);
  }
  Value number = numbers.front();
  if (spec.activation)
    number = buildActivation(b, b.getLoc(), spec.activation, number);
  if (numbers.size() > 1)
    number = arith::MulFOp::create(b, number, numbers.back());
  Value at = indices.materialize(
      indices.add(indices.multiply(row, spec.getColumns()), column));
  if (residual)
    number = arith::AddFOp::create(b, number,
                                   memref::LoadOp::create(b, residual, at));
  memref::StoreOp::create(b, number, result, at);
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

/// Adds the products of an atom to the sums, one for each row of activations.
/// Scales, and minima with the sum of what they meet, once for a group.
void LinearBuilder::addAtom(const Index &row, const Index &atom,
                            MutableArrayRef<Value> sums) {
  SmallVector<Value> words = weight->loadWords(row, atom);
  int64_t shared = std::max<int64_t>(weight->getSharedSteps(), 1);
  for (int64_t first = 0; first < weight->getSteps(); first += shared) {
    WeightParameters parameters =
        weight->loadParameters(row, atom, indices.constant(first));
    SmallVector<Value> products(sums.size()), inputs(sums.size());
    for (int64_t step = first; step < first + shared; ++step) {
      Value numbers = weight->centre(weight->decode(words, step), parameters);
      Index column =
          indices.add(indices.multiply(atom, weight->getSteps() * kStep),
                      indices.constant(step * kStep));
      for (int64_t i = 0; i < spec.m; ++i) {
        Value x = loadInput(indices.constant(i), column);
        products[i] =
            products[i]
                ? vector::FMAOp::create(b, numbers, x, products[i]).getResult()
                : arith::MulFOp::create(b, numbers, x).getResult();
        inputs[i] =
            inputs[i] ? arith::AddFOp::create(b, inputs[i], x).getResult() : x;
      }
    }
    for (int64_t i = 0; i < spec.m; ++i) {
      sums[i] = vector::FMAOp::create(b, products[i],
                                      weight->splat(parameters.scale), sums[i]);
      if (parameters.minimum)
        sums[i] = vector::FMAOp::create(
            b, inputs[i], weight->splat(parameters.minimum), sums[i]);
    }
  }
}

std::array<int64_t, 3> LinearBuilder::buildVector() {
  int64_t atoms = weight->getAtoms();
  int64_t lanes = std::min<int64_t>(llvm::bit_floor<uint64_t>(atoms), 32);
  int64_t rows = kGPUWorkgroupSize / lanes;
  std::array<int64_t, 3> grid = getGPUGrid(llvm::divideCeil(spec.n, rows));
  Index own = thread();
  weight->loadTable(indices.materialize(own));
  Index group = block(gpu::Dimension::x, grid[0]);
  if (grid[1] > 1)
    group = indices.add(
        group, indices.multiply(block(gpu::Dimension::y, grid[1]), grid[0]));
  Index firstRow = indices.multiply(group, rows);
  Index row = clamp(indices.add(firstRow, indices.divide(own, lanes)), spec.n,
                    grid[0] * grid[1] * rows);
  Index lane = indices.remainder(own, lanes);
  SmallVector<Value> sums(spec.m, constantFloat(floats, 0));
  auto loop =
      scf::ForOp::create(b, indices.materialize(lane), constantIndex(atoms),
                         constantIndex(lanes), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next(loop.getRegionIterArgs());
    addAtom(row, indices.value(loop.getInductionVar(), atoms), next);
    scf::YieldOp::create(b, next);
  }
  // A tree over the lanes of a row.
  Value found = shared(spec.m * kGPUWorkgroupSize, b.getF32Type());
  auto place = [&](int64_t i, const Index &at) {
    return indices.materialize(
        indices.add(indices.constant(i * kGPUWorkgroupSize), at));
  };
  for (int64_t i = 0; i < spec.m; ++i)
    memref::StoreOp::create(b, sum(loop.getResult(i)), found, place(i, own));
  gpu::BarrierOp::create(b);
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    auto adds = scf::IfOp::create(b, isBelow(lane, half), false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(adds.thenBlock());
      for (int64_t i = 0; i < spec.m; ++i) {
        Value lhs = memref::LoadOp::create(b, found, place(i, own));
        Value rhs = memref::LoadOp::create(
            b, found, place(i, indices.add(own, indices.constant(half))));
        memref::StoreOp::create(b, arith::AddFOp::create(b, lhs, rhs), found,
                                place(i, own));
      }
    }
    gpu::BarrierOp::create(b);
  }
  // Results of a workgroup: a thread for each column.
  int64_t parts = spec.isGated ? 2 : 1;
  Index column = indices.add(indices.multiply(group, rows / parts), own);
  Value mine = isBelow(own, rows / parts);
  if (spec.getColumns() % (rows / parts) != 0 ||
      grid[0] * grid[1] * rows > spec.n)
    mine = arith::AndIOp::create(b, mine, isBelow(column, spec.getColumns()));
  auto writes = scf::IfOp::create(b, mine, false);
  b.setInsertionPointToStart(writes.thenBlock());
  for (int64_t i = 0; i < spec.m; ++i) {
    SmallVector<Value> totals;
    for (int64_t part = 0; part < parts; ++part) {
      Index from = indices.add(indices.multiply(own, parts * lanes),
                               indices.constant(part * lanes));
      totals.push_back(memref::LoadOp::create(b, found, place(i, from)));
    }
    finish(indices.constant(i), column, totals);
  }
  return grid;
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

/// Fills [32 rows, 8 steps] of activations and of decoded weights.
void LinearBuilder::loadTiles(Value inputs, Value weights,
                              const Index &firstRow, const Index &firstWeight,
                              const Index &atom) {
  int64_t steps = weight->getSteps();
  Index own = thread();
  int64_t paddedRows = llvm::alignTo(spec.m, kTile);
  for (int64_t first = 0; first < kTile * steps; first += kGPUWorkgroupSize) {
    Index at = indices.add(own, indices.constant(first));
    Index row = clamp(indices.add(firstRow, indices.divide(at, steps)), spec.m,
                      paddedRows);
    Index column =
        indices.add(indices.multiply(atom, steps * kStep),
                    indices.multiply(indices.remainder(at, steps), kStep));
    memref::StoreOp::create(b, loadInput(row, column), inputs,
                            indices.materialize(at));
  }
  // Two threads decode a row of the tile, each one half.
  Index half = indices.remainder(own, 2), tileRow = indices.divide(own, 2);
  Value isSecond = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne, indices.materialize(half), constantIndex(0));
  Index row = clamp(indices.add(firstWeight, tileRow), spec.n,
                    llvm::alignTo(spec.n, kTile));
  int64_t shared = weight->getSharedSteps();
  WeightParameters parameters;
  for (int64_t i = 0; i < steps / 2; ++i) {
    Index step =
        indices.add(indices.multiply(half, steps / 2), indices.constant(i));
    if (i == 0 || shared == 0 || i % shared == 0)
      parameters = weight->loadParameters(row, atom, step);
    Value numbers = weight->decodeEither(row, atom, i, i + steps / 2, isSecond);
    memref::StoreOp::create(b, weight->apply(numbers, parameters), weights,
                            indices.materialize(indices.add(
                                indices.multiply(tileRow, steps), step)));
  }
}

/// Adds the products of a tile to 4 x 4 sums of vectors.
SmallVector<Value> LinearBuilder::multiplyTiles(Value inputs, Value weights,
                                                ValueRange sums) {
  int64_t steps = weight->getSteps();
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(steps),
                                 constantIndex(1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index step = indices.value(loop.getInductionVar(), steps);
  Index own = thread();
  int64_t across = kTile / kOwn;
  auto loadOwn = [&](Value tile, const Index &which) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < kOwn; ++i) {
      Index row =
          indices.add(indices.multiply(which, kOwn), indices.constant(i));
      rows.push_back(
          memref::LoadOp::create(b, tile,
                                 indices.materialize(indices.add(
                                     indices.multiply(row, steps), step))));
    }
    return rows;
  };
  SmallVector<Value> lhs = loadOwn(inputs, indices.divide(own, across));
  SmallVector<Value> rhs = loadOwn(weights, indices.remainder(own, across));
  SmallVector<Value> next;
  for (int64_t i = 0; i < kOwn; ++i)
    for (int64_t j = 0; j < kOwn; ++j)
      next.push_back(vector::FMAOp::create(
          b, lhs[i], rhs[j], loop.getRegionIterArgs()[i * kOwn + j]));
  scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

std::array<int64_t, 3> LinearBuilder::buildTiles() {
  auto count = [](int64_t rows) -> int64_t {
    return llvm::divideCeil(rows, kTile);
  };
  std::array<int64_t, 3> grid = {count(spec.n), count(spec.m), 1};
  int64_t size = kTile * weight->getSteps();
  Value inputs = shared(size, floats), weights = shared(size, floats);
  weight->loadTable(indices.materialize(thread()));
  Index firstWeight =
      indices.multiply(block(gpu::Dimension::x, grid[0]), kTile);
  Index firstRow = indices.multiply(block(gpu::Dimension::y, grid[1]), kTile);
  SmallVector<Value> sums(kOwn * kOwn, constantFloat(floats, 0));
  auto loop =
      scf::ForOp::create(b, constantIndex(0), constantIndex(weight->getAtoms()),
                         constantIndex(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    loadTiles(inputs, weights, firstRow, firstWeight,
              indices.value(loop.getInductionVar(), weight->getAtoms()));
    gpu::BarrierOp::create(b);
    SmallVector<Value> next =
        multiplyTiles(inputs, weights, loop.getRegionIterArgs());
    b.setInsertionPointToEnd(loop.getBody());
    gpu::BarrierOp::create(b);
    scf::YieldOp::create(b, next);
  }
  int64_t parts = spec.isGated ? 2 : 1, across = kTile / kOwn;
  Index own = thread();
  for (int64_t i = 0; i < kOwn; ++i)
    for (int64_t j = 0; j < kOwn; j += parts) {
      Index row = indices.add(
          firstRow,
          indices.add(indices.multiply(indices.divide(own, across), kOwn),
                      indices.constant(i)));
      Index column = indices.add(
          indices.multiply(block(gpu::Dimension::x, grid[0]), kTile / parts),
          indices.add(
              indices.multiply(indices.remainder(own, across), kOwn / parts),
              indices.constant(j / parts)));
      Value inside = arith::AndIOp::create(b, isBelow(row, spec.m),
                                           isBelow(column, spec.getColumns()));
      auto writes = scf::IfOp::create(b, inside, false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(writes.thenBlock());
      SmallVector<Value> totals;
      for (int64_t part = 0; part < parts; ++part)
        totals.push_back(sum(loop.getResult(i * kOwn + j + part)));
      finish(row, column, totals);
    }
  return grid;
}

GPULinearKernel lowbit::getGPULinearKernel(KernelModule &kernels,
                                           const GPULinearSpec &spec) {
  ImplicitLocOpBuilder b(UnknownLoc::get(spec.encoding.getContext()),
                         spec.encoding.getContext());
  LinearBuilder builder(b, spec);
  gpu::GPUFuncOp kernel = kernels.begin(spec.name(), builder.getArgumentTypes(),
                                        {kGPUWorkgroupSize, 1, 1}, b);
  gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  builder.takeArguments(kernel);
  std::array<int64_t, 3> grid = spec.m <= kMostGPUVectorRows
                                    ? builder.buildVector()
                                    : builder.buildTiles();
  return {kernels.finish(kernel), grid};
}
