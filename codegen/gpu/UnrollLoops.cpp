//===- UnrollLoops.cpp - steps of recurrent layers, one by one ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loop with layers is no kernel, and the host of a schedule has no loops: its
// steps are written out. Upstream's unrolling would make the number of a step a
// constant, which kernels would have in their code, so that each step had
// kernels of its own. It is read from a buffer instead, one for each number, so
// that steps differ in the buffers that they bind and in nothing else.
// This is done on buffers, because bufferization takes a time that grows with
// the third power of the steps once they are written out.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUUNROLLLOOPSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether kernels of loops have a form of `op`: on elements of buffers, or a
/// copy of some, which is a loop over elements.
static bool isOfElements(Operation *op) {
  if (auto view = dyn_cast<memref::SubViewOp>(op))
    return llvm::all_of(view.getMixedStrides(), isOneInteger) &&
           llvm::all_of(view->getUsers(),
                        llvm::IsaPred<memref::SubViewOp, memref::CopyOp>);
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return cast<ShapedType>(copy.getTarget().getType()).hasStaticShape();
  auto isBuffer = [](Type type) { return isa<BaseMemRefType>(type); };
  return isa<memref::LoadOp, memref::StoreOp, memref::GetGlobalOp>(op) ||
         isa<scf::SCFDialect>(op->getDialect()) ||
         (llvm::none_of(op->getOperandTypes(), isBuffer) &&
          llvm::none_of(op->getResultTypes(), isBuffer));
}

/// The first operation of a loop that works on a whole buffer; null if the loop
/// can be a kernel.
static Operation *findBufferWork(scf::ForOp loop) {
  Operation *found = nullptr;
  loop.getBody()->walk([&](Operation *op) {
    if (isOfElements(op))
      return WalkResult::advance();
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

namespace {
/// The counter of a loop whose bounds are numbers.
struct Steps {
  int64_t first, step;
  uint64_t count;

  /// None beyond 64 bits.
  std::optional<int64_t> getLast() const {
    return llvm::checkedMulAdd<int64_t>(count - 1, step, first);
  }
};

class Unroller {
public:
  explicit Unroller(ModuleOp module) : module(module) {}
  void unroll(scf::ForOp loop, const Steps &steps);

private:
  Value getNumber(ImplicitLocOpBuilder &b, int64_t number);

  ModuleOp module;
  /// Buffers that are one number.
  DenseMap<int64_t, memref::GlobalOp> numbers;
};
} // namespace

/// None where the host would have to compute a bound.
static std::optional<Steps> getSteps(scf::ForOp loop) {
  std::optional<int64_t> first = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  std::optional<APInt> count = loop.getStaticTripCount();
  if (!first || !step || !count)
    return std::nullopt;
  return Steps{*first, *step, count->getZExtValue()};
}

/// How often the loops around `loop`, which have its layers, too, repeat what
/// it becomes. Those without steps go after it has been written out, and those
/// whose bounds are computed are an error of their own.
static uint64_t getRepeats(scf::ForOp loop) {
  uint64_t repeats = 1;
  while ((loop = loop->getParentOfType<scf::ForOp>()))
    if (std::optional<Steps> steps = getSteps(loop))
      repeats = llvm::SaturatingMultiply(repeats,
                                         std::max<uint64_t>(steps->count, 1));
  return repeats;
}

/// `number` as a scalar that a kernel loads.
Value Unroller::getNumber(ImplicitLocOpBuilder &b, int64_t number) {
  memref::GlobalOp &global = numbers[number];
  auto type = MemRefType::get({}, b.getI32Type());
  if (!global) {
    std::string name = "lowbit.step." + std::to_string(number);
    for (unsigned i = 0; module.lookupSymbol(name); ++i)
      name = "lowbit.step." + std::to_string(number) + "." + std::to_string(i);
    auto start = OpBuilder::atBlockBegin(module.getBody());
    global = memref::GlobalOp::create(
        start, b.getLoc(), name, b.getStringAttr("private"), type,
        DenseElementsAttr::get(RankedTensorType::get({}, b.getI32Type()),
                               static_cast<int32_t>(number)),
        /*constant=*/true, /*alignment=*/IntegerAttr());
  }
  Value buffer = memref::GetGlobalOp::create(b, type, global.getSymName());
  return memref::LoadOp::create(b, buffer, ValueRange{});
}

void Unroller::unroll(scf::ForOp loop, const Steps &steps) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  Value counter = loop.getInductionVar();
  SmallVector<Value> carried(loop.getInitArgs());
  for (uint64_t i = 0; i < steps.count; ++i) {
    IRMapping mapping;
    mapping.map(loop.getRegionIterArgs(), carried);
    int64_t number = steps.first + i * steps.step;
    if (!counter.use_empty())
      mapping.map(counter, arith::IndexCastOp::create(b, counter.getType(),
                                                      getNumber(b, number)));
    for (Operation &op : loop.getBody()->without_terminator())
      b.clone(op, mapping);
    Operation *yield = loop.getBody()->getTerminator();
    for (auto [value, next] : llvm::zip_equal(carried, yield->getOperands()))
      value = mapping.lookupOrDefault(next);
  }
  loop.replaceAllUsesWith(carried);
  loop.erase();
}

namespace {
struct GPUUnrollLoopsPass
    : lowbit::impl::GPUUnrollLoopsPassBase<GPUUnrollLoopsPass> {
  using Base::Base;

  void runOnOperation() override {
    // Kernels that are there already have loops of all kinds.
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(refuseConditions(function)))
        return signalPassFailure();
    // Inner loops come first, so that outer ones repeat what became of them.
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (findBufferWork(loop))
        loops.push_back(loop);
    });
    Unroller unroller(getOperation());
    for (scf::ForOp loop : loops) {
      std::optional<Steps> steps = getSteps(loop);
      if (failed(check(loop, steps)))
        return signalPassFailure();
      unroller.unroll(loop, *steps);
      ++numLoops;
      numSteps += steps->count;
    }
  }

private:
  static LogicalResult refuseConditions(func::FuncOp function) {
    WalkResult found = function.walk([](scf::WhileOp loop) {
      loop.emitError("a GPU schedule requires loops to have a number of steps "
                     "that is known when the model is compiled, found one that "
                     "ends when a condition fails: give it no condition and a "
                     "constant number of steps, or compile it for a CPU");
      return WalkResult::interrupt();
    });
    return failure(found.wasInterrupted());
  }

  LogicalResult check(scf::ForOp loop, const std::optional<Steps> &steps) {
    uint64_t repeats = getRepeats(loop);
    if (!steps || llvm::SaturatingMultiply(steps->count, repeats) >
                      static_cast<uint64_t>(std::max<int64_t>(mostSteps, 0)))
      return refuseSteps(loop, steps, repeats);
    if (steps->count == 0 || loop.getInductionVar().use_empty())
      return success();
    std::optional<int64_t> last = steps->getLast();
    if (llvm::isInt<32>(steps->first) && last && llvm::isInt<32>(*last))
      return success();
    return loop.emitError("a GPU schedule requires loops that compute tensors "
                          "to count in 32 bits, found steps that begin at ")
           << steps->first << " and are " << steps->step
           << " apart: count from 0";
  }

  LogicalResult refuseSteps(scf::ForOp loop, const std::optional<Steps> &steps,
                            uint64_t repeats) {
    InFlightDiagnostic error = loop.emitError("a GPU schedule requires loops "
                                              "that compute tensors to have ");
    if (steps) {
      error << "at most " << int64_t(mostSteps) << " steps, found "
            << steps->count;
      if (repeats > 1)
        error << " in each of " << repeats << " steps of the loops around";
      error << ": make the dimension smaller, with --shape";
    } else {
      error << "a number of steps that is known when the model is compiled, "
               "found bounds that are computed: fix dynamic dimensions with "
               "--shape";
    }
    Operation *work = findBufferWork(loop);
    error.attachNote(work->getLoc())
        << "each step has '" << work->getName() << "'";
    return failure();
  }
};
} // namespace
