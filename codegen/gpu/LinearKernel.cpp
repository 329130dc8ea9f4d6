//===- LinearKernel.cpp - low-bit matrix products on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two skeletons over one reader of weights. With few rows of activations,
// neighbouring threads read neighbouring atoms of one row of the weight, and
// what they found is added up: each word is read once, in order. With many,
// tiles meet in workgroup memory (LinearTiles.cpp).
//
//===----------------------------------------------------------------------===//

#include "LinearBuilder.h"
#include "QuantizeKernel.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/IR/AttributeWord.h"
#include "lowbit/IR/LowbitWordOps.h"
#include "lowbit/Reference/Activation.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace lowbit;

static constexpr int64_t kStep = kGPUStep;

std::string GPULinearSpec::name() const {
  std::string result = "linear_" + spellWord(encoding) +
                       spellEpilogue(hasBias, activation, isGated, hasResidual);
  if (unitSteps)
    result += "_a8";
  return result + "_" + std::to_string(m) + "x" + std::to_string(n) + "x" +
         std::to_string(k);
}

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
  if (spec.unitSteps) {
    int64_t steps = getGPUPaddedSteps(spec.k);
    addBuffer(spec.m * steps / kStep, VectorType::get({kStep}, word));
    addBuffer(spec.m * steps / spec.unitSteps, VectorType::get({2}, number));
  } else {
    bool isWhole = spec.k % kStep == 0;
    addBuffer(spec.m * spec.k / (isWhole ? kStep : 1),
              isWhole ? Type(floats) : number);
  }
  if (spec.hasBias)
    addBuffer(spec.n, number);
  if (spec.hasResidual)
    addBuffer(spec.m * spec.getColumns(), number);
  addBuffer(spec.m * spec.getColumns(), number);
  return types;
}

/// What the kernel computes, for readers of its text.
static std::string describe(const GPULinearSpec &spec) {
  auto shape = [](int64_t rows, int64_t columns) {
    return llvm::formatv("[{0} x {1}]", rows, columns).str();
  };
  std::string sum = "x" + shape(spec.m, spec.k) + " weight" +
                    shape(spec.n, spec.k) + " transposed";
  if (spec.hasBias)
    sum += " + bias";
  if (spec.activation)
    sum = spellWord(spec.activation) + "(" + sum + ")";
  if (spec.isGated)
    sum += ", which every other row of the weight is multiplied with";
  if (spec.hasResidual)
    sum += " + residual";
  return "result" + shape(spec.m, spec.getColumns()) + " = " + sum;
}

/// What is in the codes' words: their encoding, and their layout.
static std::string describeCodes(const GPULinearSpec &spec) {
  std::string text;
  llvm::raw_string_ostream(text) << spec.encoding << " in " << spec.layout;
  return text;
}

void LinearBuilder::takeArguments(gpu::GPUFuncOp kernel) {
  unsigned next = 0;
  auto take = [&](bool exists, StringRef name, const Twine &about = "") {
    if (!exists)
      return Value();
    describeBuffer(kernel, next, name, about);
    return Value(kernel.getArgument(next++));
  };
  describeKernel(kernel, describe(spec));
  SmallVector<StringRef, 4> names = spec.encoding.getParameterNames();
  auto has = [&](StringRef name) { return llvm::is_contained(names, name); };
  buffers.codes = take(true, "codes", describeCodes(spec));
  buffers.scales = take(true, "scales", "row by row");
  buffers.zeroPoints =
      take(has(component::kZeroPoint), "zero_points", "row by row");
  buffers.minima = take(has(component::kMinimum), "minima", "row by row");
  buffers.outerScales =
      take(spec.encoding.getOuterScale() != OuterScaleKind::None,
           "outer_scales", "by which scales are multiplied");
  buffers.table =
      take(needsGPUTable(spec.encoding), "table", "the number of each code");
  input = take(true, "x",
               spec.unitSteps       ? "codes of 8 bits, four in a word"
               : spec.hasHalfInputs ? "numbers of 16 bits"
                                    : "");
  units =
      take(spec.unitSteps != 0, "units", "of codes: the scale, and their sum");
  bias = take(spec.hasBias, "bias");
  residual = take(spec.hasResidual, "residual");
  result = take(true, "result");
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

/// Four columns of a row of activations; zeros beyond the last one.
Value LinearBuilder::loadInput(const Index &row, const Index &column) {
  return loadColumns(input, row, column, spec.k,
                     weight->getAtoms() * weight->getSteps() * kStep);
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
      Value numbers = named(
          weight->centre(weight->decode(words, step), parameters), "weights");
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
      named(products[i], "products");
      sums[i] = vector::FMAOp::create(b, products[i],
                                      weight->splat(parameters.scale), sums[i]);
      if (parameters.minimum)
        sums[i] = vector::FMAOp::create(
            b, inputs[i], weight->splat(parameters.minimum), sums[i]);
    }
  }
}

/// The place of what `units` has of the columns from step `step` of an atom on.
Index LinearBuilder::getUnit(const Index &row, const Index &atom,
                             const Index &step) {
  int64_t perAtom = weight->getSteps() / spec.unitSteps;
  return indices.add(indices.multiply(row, weight->getAtoms() * perAtom),
                     indices.add(indices.multiply(atom, perAtom),
                                 indices.divide(step, spec.unitSteps)));
}

/// Adds the product of a unit's codes, an i32, to a sum: with s and t the
/// scales of weight and activation, c and x their codes, the weight being (step
/// c + first - zero point) s + minimum,
///   s (t step sum(c x) + (first - zero point) t sum(x)) + minimum t sum(x).
Value LinearBuilder::addUnit(Value product, Value unit,
                             const WeightParameters &parameters, Value sum) {
  Value scale = vector::ExtractOp::create(b, unit, 0);
  Value total = vector::ExtractOp::create(b, unit, 1);
  Value number = arith::SIToFPOp::create(b, b.getF32Type(), product);
  auto [step, offset] = weight->getByteCodes();
  if (step != 1)
    number =
        arith::MulFOp::create(b, number, constantFloat(b.getF32Type(), step));
  number = arith::MulFOp::create(b, number, scale);
  Value origin;
  if (offset != 0)
    origin = constantFloat(b.getF32Type(), offset);
  if (parameters.zeroPoint)
    origin = arith::SubFOp::create(
        b, origin ? origin : constantFloat(b.getF32Type(), 0),
        parameters.zeroPoint);
  if (origin)
    number = math::FmaOp::create(b, origin, total, number);
  sum = math::FmaOp::create(b, number, parameters.scale, sum);
  if (parameters.minimum)
    sum = math::FmaOp::create(b, total, parameters.minimum, sum);
  return sum;
}

/// The same for activations that are codes: integers within a unit.
void LinearBuilder::addCodedAtom(const Index &row, const Index &atom,
                                 MutableArrayRef<Value> sums) {
  SmallVector<Value> words = weight->loadWords(row, atom);
  int64_t steps = weight->getSteps();
  for (int64_t first = 0; first < steps; first += spec.unitSteps) {
    WeightParameters parameters =
        weight->loadParameters(row, atom, indices.constant(first));
    SmallVector<Value> products(spec.m, constantWord(0));
    for (int64_t step = first; step < first + spec.unitSteps; ++step) {
      Value codes = weight->decodeBytes(words, step);
      for (int64_t i = 0; i < spec.m; ++i) {
        Index at = indices.add(
            indices.constant((i * weight->getAtoms() * steps + step) / kStep),
            indices.multiply(atom, steps / kStep));
        Value x = vector::ExtractOp::create(b, load(input, at), step % kStep);
        products[i] = DotBytesOp::create(b, x.getType(), products[i], codes, x);
      }
    }
    for (int64_t i = 0; i < spec.m; ++i) {
      Value unit = load(
          units, getUnit(indices.constant(i), atom, indices.constant(first)));
      sums[i] = addUnit(products[i], unit, parameters, sums[i]);
    }
  }
}

/// Adds up what the lanes of a row have; the first of them writes it. `sums`
/// are of row `row` of the weight; those of a gated layer's column are
/// neighbours.
void LinearBuilder::writeRows(ValueRange sums, const Index &row,
                              int64_t lanes) {
  int64_t parts = spec.isGated ? 2 : 1;
  Value zero = constantFloat(b.getF32Type(), 0);
  Index own = thread();
  SmallVector<Value> found;
  for (Value each : sums) {
    Value number = sum(each);
    if (parts == 1) {
      found.push_back(number);
      continue;
    }
    Value isFirst = isBelow(indices.remainder(own, parts * lanes), lanes);
    found.push_back(arith::SelectOp::create(b, isFirst, number, zero));
    found.push_back(arith::SelectOp::create(b, isFirst, zero, number));
  }
  SmallVector<Value> totals = reduceLanes(found, parts * lanes);
  Value isWriter = isBelow(indices.remainder(own, parts * lanes), 1);
  Index column = indices.divide(row, parts);
  auto writes = scf::IfOp::create(
      b, arith::AndIOp::create(b, isWriter, isBelow(column, spec.getColumns())),
      false);
  b.setInsertionPointToStart(writes.thenBlock());
  for (int64_t i = 0; i < spec.m; ++i)
    finish(indices.constant(i), column,
           ArrayRef(totals).slice(i * parts, parts));
}

/// Threads that share a row of the weight.
int64_t LinearBuilder::countLanes() const {
  return std::min<int64_t>(llvm::bit_floor<uint64_t>(weight->getAtoms()), 32);
}

void LinearBuilder::nameSums(scf::ForOp loop, int64_t rows, StringRef word) {
  int64_t count = loop.getNumRegionIterArgs(), columns = count / rows;
  for (auto [i, sum] : llvm::enumerate(loop.getRegionIterArgs())) {
    std::string name = word.str() + (count > 1 ? "_" : "");
    if (rows > 1)
      name += "r" + std::to_string(i / columns);
    if (columns > 1)
      name += "c" + std::to_string(i % columns);
    named(sum, name);
  }
}

std::array<int64_t, 3> LinearBuilder::buildVector(gpu::GPUFuncOp kernel) {
  int64_t atoms = weight->getAtoms(), lanes = countLanes();
  Index number;
  std::array<int64_t, 3> grid = spread(kernel, spec.n * lanes, number);
  named(number, "thread");
  weight->loadTable(indices.materialize(thread()), threads());
  // Threads beyond the last row repeat it.
  Index written = indices.divide(number, lanes), row = written;
  if (hasGPUThreadsBeyond(spec.n * lanes))
    row = indices.value(arith::MinUIOp::create(b, indices.materialize(written),
                                               constantIndex(spec.n - 1)),
                        spec.n);
  named(written, "row");
  named(row, "read_row");
  Index lane = named(indices.remainder(number, lanes), "lane");
  SmallVector<Value> sums(
      spec.m, constantFloat(units ? Type(b.getF32Type()) : floats, 0));
  auto loop =
      scf::ForOp::create(b, indices.materialize(lane), constantIndex(atoms),
                         constantIndex(lanes), sums);
  nameSums(loop, spec.m, "sum");
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next(loop.getRegionIterArgs());
    Index atom = named(indices.value(loop.getInductionVar(), atoms), "atom");
    if (units)
      addCodedAtom(row, atom, next);
    else
      addAtom(row, atom, next);
    scf::YieldOp::create(b, next);
  }
  writeRows(loop.getResults(), written, lanes);
  return grid;
}

std::array<int64_t, 3> LinearBuilder::build(gpu::GPUFuncOp kernel) {
  takeArguments(kernel);
  return spec.m <= kMostGPUVectorRows ? buildVector(kernel) : buildTiles();
}

void LinearBuilder::buildOwn(gpu::GPUFuncOp kernel,
                             std::array<int64_t, 3> grid) {
  takeArguments(kernel);
  spec.m <= kMostGPUVectorRows ? buildOwnVector(kernel) : buildOwnTiles(grid);
}

GPUKernel lowbit::getGPULinearKernel(KernelModule &kernels,
                                     const GPULinearSpec &spec) {
  MLIRContext *context = spec.encoding.getContext();
  GPUKernel kernel = emitGPUKernel<LinearBuilder>(kernels, spec, context);
  emitGPUKernelForProcessors<LinearBuilder>(kernels, spec, kernel, context);
  if (hasGPUHalfVariant(spec))
    emitGPUKernelVariant<LinearBuilder>(kernels, spec, kernel, kGPUHalf,
                                        &LinearBuilder::buildHalf, context);
  return kernel;
}
