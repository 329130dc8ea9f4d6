//===- ShareTasks.cpp - which thread takes which task ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OpenMP's static loops halve work beforehand and meet at a barrier of their
// own before the region's; its dynamic ones take as long to begin as a small
// layer. Here, threads draw tickets from a counter in the frame of the caller,
// and the end of the region is where they meet.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUSHARETASKSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

/// Size of the team that runs the region; its argument isn't read.
static constexpr llvm::StringLiteral kNumThreads = "__kmpc_bound_num_threads";

/// The first ticket of each thread is half of its share of the tasks, all at
/// once, so that it finds in its caches what it had there the last time. The
/// other half has this many tickets for each thread.
static constexpr int64_t kLateTickets = 8;

/// Bytes that one core owns at a time.
static constexpr int64_t kLineBytes = 64;

namespace {

/// A region that is one loop, and nothing of it is combined at its end.
struct Loop {
  omp::ParallelOp parallel;
  omp::WsloopOp share;
  omp::LoopNestOp nest;
};

struct CPUShareTasksPass
    : lowbit::impl::CPUShareTasksPassBase<CPUShareTasksPass> {
  void runOnOperation() override {
    SmallVector<Loop> loops;
    getOperation()->walk([&](omp::ParallelOp parallel) {
      if (std::optional<Loop> loop = match(parallel))
        loops.push_back(*loop);
    });
    if (loops.empty())
      return;
    declareNumThreads();
    llvm::DenseMap<Block *, Value> counters;
    for (Loop loop : loops) {
      share(loop, getCounter(loop.parallel, counters));
      ++numShared;
    }
  }

private:
  static std::optional<Loop> match(omp::ParallelOp parallel);
  void declareNumThreads();
  static Value getCounter(omp::ParallelOp parallel,
                          llvm::DenseMap<Block *, Value> &counters);
  static void share(Loop loop, Value counter);
};

/// Which tasks a ticket stands for.
class Tickets {
public:
  /// Made by each thread once, of the number of tasks.
  Tickets(ImplicitLocOpBuilder &b, Value count);
  /// The first task of `ticket`, and how many there are; less at the end.
  std::pair<Value, Value> get(Value ticket);

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  /// `a` / `divisor`, rounded down, at least 1.
  Value divide(Value a, Value divisor) {
    Value quotient = arith::DivUIOp::create(b, a, divisor);
    return arith::MaxUIOp::create(b, quotient, index(1));
  }

  ImplicitLocOpBuilder &b;
  Value threads, early, late, lateStart;
};

} // namespace

Tickets::Tickets(ImplicitLocOpBuilder &b, Value count) : b(b) {
  Value null =
      LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
  Value size = func::CallOp::create(b, kNumThreads, TypeRange{b.getI32Type()},
                                    ValueRange{null})
                   .getResult(0);
  threads = arith::IndexCastUIOp::create(b, b.getIndexType(), size);
  early = divide(count, arith::ShLIOp::create(b, threads, index(1)));
  lateStart = arith::MulIOp::create(b, threads, early);
  Value rest = arith::SubIOp::create(
      b, count, arith::MinUIOp::create(b, lateStart, count));
  late = divide(rest, arith::MulIOp::create(b, threads, index(kLateTickets)));
}

std::pair<Value, Value> Tickets::get(Value ticket) {
  Value isEarly =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, ticket, threads);
  Value early = arith::MulIOp::create(b, ticket, this->early);
  Value place = arith::SubIOp::create(b, ticket, threads);
  Value late = arith::AddIOp::create(
      b, lateStart, arith::MulIOp::create(b, place, this->late));
  return {arith::SelectOp::create(b, isEarly, early, late),
          arith::SelectOp::create(b, isEarly, this->early, this->late)};
}

std::optional<Loop> CPUShareTasksPass::match(omp::ParallelOp parallel) {
  Loop loop{parallel, {}, {}};
  unsigned count = 0;
  parallel->walk([&](omp::LoopNestOp nest) {
    loop.nest = nest;
    ++count;
  });
  if (count != 1)
    return std::nullopt;
  loop.share = dyn_cast<omp::WsloopOp>(loop.nest->getParentOp());
  if (!loop.share || loop.share->getParentOp() != parallel ||
      loop.share->getNumOperands() != 0 || parallel.getNumReductionVars() != 0)
    return std::nullopt;
  for (Value value : loop.nest->getOperands())
    if (parallel->isAncestor(value.getParentBlock()->getParentOp()))
      return std::nullopt;
  return loop;
}

void CPUShareTasksPass::declareNumThreads() {
  ModuleOp module = getOperation();
  if (module.lookupSymbol(kNumThreads))
    return;
  auto b =
      ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
  auto type = b.getFunctionType(LLVM::LLVMPointerType::get(&getContext()),
                                b.getI32Type());
  func::FuncOp::create(b, kNumThreads, type).setPrivate();
}

/// One line in the frame of whoever forks. Loops one behind the other share it.
Value CPUShareTasksPass::getCounter(omp::ParallelOp parallel,
                                    llvm::DenseMap<Block *, Value> &counters) {
  Block *start = &parallel->getParentOfType<func::FuncOp>().getBody().front();
  if (auto outer = parallel->getParentOfType<omp::ParallelOp>())
    start = &outer.getRegion().front();
  Value &counter = counters[start];
  if (!counter) {
    auto b = ImplicitLocOpBuilder::atBlockBegin(parallel.getLoc(), start);
    auto type = MemRefType::get({kLineBytes / 8}, b.getI64Type());
    counter =
        memref::AllocaOp::create(b, type, b.getI64IntegerAttr(kLineBytes));
  }
  return counter;
}

/// How often each loop of the nest runs.
static SmallVector<Value> countTrips(ImplicitLocOpBuilder &b,
                                     omp::LoopNestOp nest) {
  SmallVector<Value> trips;
  Value zero = arith::ConstantIndexOp::create(b, 0);
  for (auto [lower, upper, step] :
       llvm::zip_equal(nest.getLoopLowerBounds(), nest.getLoopUpperBounds(),
                       nest.getLoopSteps())) {
    Value extent = arith::SubIOp::create(b, upper, lower);
    extent = arith::MaxSIOp::create(b, extent, zero);
    trips.push_back(arith::CeilDivUIOp::create(b, extent, step));
  }
  return trips;
}

/// The counters of the nest's loops in its task number `task`, the last one
/// fastest.
static SmallVector<Value> getPlaces(ImplicitLocOpBuilder &b,
                                    omp::LoopNestOp nest, ArrayRef<Value> trips,
                                    Value task) {
  SmallVector<Value> places(trips.size());
  for (size_t i = trips.size(); i-- > 0;) {
    Value place = task;
    if (i > 0) {
      place = arith::RemUIOp::create(b, task, trips[i]);
      task = arith::DivUIOp::create(b, task, trips[i]);
    }
    place = arith::MulIOp::create(b, place, nest.getLoopSteps()[i]);
    places[i] = arith::AddIOp::create(b, nest.getLoopLowerBounds()[i], place);
  }
  return places;
}

void CPUShareTasksPass::share(Loop loop, Value counter) {
  ImplicitLocOpBuilder b(loop.parallel.getLoc(), loop.parallel);
  omp::LoopNestOp nest = loop.nest;
  SmallVector<Value> trips = countTrips(b, nest);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value count = one;
  for (Value trip : trips)
    count = arith::MulIOp::create(b, count, trip);
  Value none = arith::ConstantIntOp::create(b, 0, 64);
  memref::StoreOp::create(b, none, counter, zero);

  b.setInsertionPoint(loop.share);
  Tickets tickets(b, count);
  Value next = arith::ConstantIntOp::create(b, 1, 64);
  auto draw = scf::WhileOp::create(
      b, TypeRange{b.getIndexType(), b.getIndexType()}, ValueRange{},
      [&](OpBuilder &, Location, ValueRange) {
        Value ticket = memref::AtomicRMWOp::create(
            b, arith::AtomicRMWKind::addi, next, counter, zero);
        ticket = arith::IndexCastOp::create(b, b.getIndexType(), ticket);
        auto [first, size] = tickets.get(ticket);
        Value isLeft =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first, count);
        scf::ConditionOp::create(b, isLeft, ValueRange{first, size});
      },
      [&](OpBuilder &, Location, ValueRange range) {
        Value end = arith::AddIOp::create(b, range[0], range[1]);
        end = arith::MinUIOp::create(b, end, count);
        scf::ForOp::create(b, range[0], end, one);
        scf::YieldOp::create(b);
      });
  auto tasks =
      cast<scf::ForOp>(*draw.getAfterBody()->getOps<scf::ForOp>().begin());
  b.setInsertionPoint(tasks.getBody()->getTerminator());
  SmallVector<Value> places =
      getPlaces(b, nest, trips, tasks.getInductionVar());
  IRRewriter rewriter(b.getContext());
  Block *body = &nest.getRegion().front();
  rewriter.eraseOp(body->getTerminator());
  rewriter.inlineBlockBefore(body, tasks.getBody()->getTerminator(), places);
  rewriter.eraseOp(loop.share);
}
