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

/// The first tickets, one for each thread, are half of its share of the tasks
/// in one piece. Tickets go to whoever comes next: where threads come in the
/// order of the last time, each finds in its caches what it had there. The
/// other half has this many tickets for each thread.
static constexpr int64_t kLateTickets = 8;

/// Bytes that one core owns at a time.
static constexpr int64_t kLineBytes = 64;

namespace {

/// A region that is one loop, and nothing of it is combined at its end. The end
/// of the region is the loop's barrier, too.
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

/// Whether whoever forks `parallel` is in one region at a time that has its
/// counter in the same frame. Tasks may be in several; frames of functions of
/// other dialects are lowered already.
static bool forksOneByOne(omp::ParallelOp parallel) {
  for (Operation *op = parallel->getParentOp(); op; op = op->getParentOp()) {
    if (isa<FunctionOpInterface>(op))
      return isa<func::FuncOp>(op);
    if (isa_and_nonnull<omp::OpenMPDialect>(op->getDialect()) &&
        !isa<omp::ParallelOp, omp::WsloopOp, omp::LoopNestOp>(op))
      return false;
  }
  return false;
}

/// The loop, if all that each thread does besides is to make values and slots
/// for it. What is behind a loop may rely on its barrier.
static omp::WsloopOp getOnlyLoop(omp::ParallelOp parallel) {
  Block &block = parallel.getRegion().front();
  Operation *loop = block.getTerminator()->getPrevNode();
  for (Operation &op : block.without_terminator())
    if (&op != loop && !isa<memref::AllocaOp>(op) && !isMemoryEffectFree(&op))
      return nullptr;
  return dyn_cast_or_null<omp::WsloopOp>(loop);
}

/// Whether the iterations of `nest` can be put in a loop over their numbers:
/// neither `omp.cancel` nor other constructs are bound to it.
static bool isPlain(omp::LoopNestOp nest, omp::ParallelOp parallel) {
  if (nest.getLoopInclusive() || !nest.getRegion().hasOneBlock())
    return false;
  for (Value value : nest.getOperands())
    if (!value.getType().isIndex() ||
        parallel->isAncestor(value.getParentBlock()->getParentOp()))
      return false;
  Operation *yield = nest.getRegion().front().getTerminator();
  return !nest.getRegion()
              .walk([&](Operation *op) {
                bool isBound =
                    op != yield &&
                    isa_and_nonnull<omp::OpenMPDialect>(op->getDialect());
                return isBound ? WalkResult::interrupt()
                               : WalkResult::advance();
              })
              .wasInterrupted();
}

std::optional<Loop> CPUShareTasksPass::match(omp::ParallelOp parallel) {
  if (!parallel.getRegion().hasOneBlock() ||
      parallel.getNumReductionVars() != 0 || !forksOneByOne(parallel))
    return std::nullopt;
  omp::WsloopOp share = getOnlyLoop(parallel);
  if (!share || share->getNumOperands() != 0 || share.getOrdered() ||
      share.getScheduleKind())
    return std::nullopt;
  auto nest = dyn_cast<omp::LoopNestOp>(share.getRegion().front().front());
  if (!nest || !isPlain(nest, parallel))
    return std::nullopt;
  return Loop{parallel, share, nest};
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

/// How often a loop runs, up or down.
static Value countTrips(ImplicitLocOpBuilder &b, Value lower, Value upper,
                        Value step) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isDown =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, step, zero);
  Value first = b.createOrFold<arith::SelectOp>(isDown, upper, lower);
  Value last = b.createOrFold<arith::SelectOp>(isDown, lower, upper);
  Value back = b.createOrFold<arith::SubIOp>(zero, step);
  Value distance = b.createOrFold<arith::SelectOp>(isDown, back, step);
  Value extent = arith::SubIOp::create(b, last, first);
  extent = arith::MaxSIOp::create(b, extent, zero);
  return arith::CeilDivUIOp::create(b, extent, distance);
}

/// How often each loop of the nest runs.
static SmallVector<Value> countTrips(ImplicitLocOpBuilder &b,
                                     omp::LoopNestOp nest) {
  SmallVector<Value> trips;
  for (auto [lower, upper, step] :
       llvm::zip_equal(nest.getLoopLowerBounds(), nest.getLoopUpperBounds(),
                       nest.getLoopSteps()))
    trips.push_back(countTrips(b, lower, upper, step));
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
