//===- SharedTasksTest.cpp - each task is done once -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Runtime/OpenMP.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"
#include <atomic>
#include <chrono>
#include <thread>

using namespace lowbit;

namespace {

/// Loops that call a function, from bounds and with steps that they are given:
/// two in one region; regions one behind the other; a region in a loop; regions
/// in a region; and a loop that runs down. Regions that are to be in one
/// function are OpenMP's from the beginning, since loops become functions of
/// their own.
constexpr const char *kLoops = R"(
llvm.func @visit(i64, i64)
func.func private @at(%i: index, %j: index) {
  %row = arith.index_cast %i : index to i64
  %column = arith.index_cast %j : index to i64
  llvm.call @visit(%row, %column) : (i64, i64) -> ()
  return
}
func.func @both(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  scf.parallel (%i, %j) = (%r0, %c0) to (%r1, %c1) step (%rs, %cs) {
    func.call @at(%i, %j) : (index, index) -> ()
  }
  return
}
func.func @series(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i, %j) : index = (%r0, %c0) to (%r1, %c1) step (%rs, %cs) {
        func.call @at(%i, %j) : (index, index) -> ()
        omp.yield
      }
    }
    omp.terminator
  }
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%j, %i) : index = (%c0, %r0) to (%c1, %r1) step (%cs, %rs) {
        func.call @at(%i, %j) : (index, index) -> ()
        omp.yield
      }
    }
    omp.terminator
  }
  return
}
func.func @repeated(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  scf.for %i = %r0 to %r1 step %rs {
    omp.parallel {
      omp.wsloop {
        omp.loop_nest (%j) : index = (%c0) to (%c1) step (%cs) {
          func.call @at(%i, %j) : (index, index) -> ()
          omp.yield
        }
      }
      omp.terminator
    }
  }
  return
}
func.func @nested(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  scf.parallel (%i) = (%r0) to (%r1) step (%rs) {
    scf.parallel (%j) = (%c0) to (%c1) step (%cs) {
      func.call @at(%i, %j) : (index, index) -> ()
    }
    scf.parallel (%j) = (%c0) to (%c1) step (%cs) {
      func.call @at(%i, %j) : (index, index) -> ()
    }
  }
  return
}
func.func @down(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  %zero = arith.constant 0 : index
  %back = arith.subi %zero, %cs : index
  %sum = arith.addi %c0, %c1 : index
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i, %j) : index = (%r0, %c1) to (%r1, %c0) step (%rs, %back) {
        %column = arith.subi %sum, %j : index
        func.call @at(%i, %column) : (index, index) -> ()
        omp.yield
      }
    }
    omp.terminator
  }
  return
}
)";

using Loops = void (*)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

constexpr int64_t kExtent = 64;
std::atomic<unsigned> visits[kExtent][kExtent];
std::atomic<int64_t> total;
/// What the thread that comes first waits for, and whether it came.
std::atomic<bool> isFirst;
int64_t awaited;
bool hasCome;

/// Whether so many tasks are done before a minute has passed.
bool await(int64_t count) {
  auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (total < count && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  return total >= count;
}

void visit(int64_t row, int64_t column) {
  ++visits[row][column];
  ++total;
  if (isFirst.exchange(false))
    hasCome = await(awaited);
}

class SharedTasks : public testing::Test {
protected:
  void SetUp() override {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    ASSERT_TRUE(lowbit_load_openmp(nullptr)) << "none of " LOWBIT_OPENMP_NAMES;
    auto created = llvm::orc::LLJITBuilder().create();
    ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
    jit = std::move(*created);
    ASSERT_NO_FATAL_FAILURE(addCode());
    ASSERT_NO_FATAL_FAILURE(find("omp_set_num_threads", setThreads));
    ASSERT_NO_FATAL_FAILURE(find("omp_set_max_active_levels", setLevels));
    ASSERT_NO_FATAL_FAILURE(use("both"));
  }

  template <typename Function> void find(const char *name, Function &function) {
    auto address = jit->lookup(name);
    ASSERT_TRUE(bool(address)) << llvm::toString(address.takeError());
    function = address->toPtr<Function>();
  }

  /// Which loops run, and how often they visit each of their places.
  void use(const char *name, unsigned times = 1) {
    ASSERT_NO_FATAL_FAILURE(find(name, run));
    this->times = times;
  }

  void addCode() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    mlir::MLIRContext context(registry);
    context.loadAllAvailableDialects();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(kLoops, &context);
    ASSERT_TRUE(module);
    mlir::PassManager manager(&context);
    buildCPUToLLVMPipeline(manager, CPUPipelineOptions());
    ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
    auto llvmContext = std::make_unique<llvm::LLVMContext>();
    auto code = mlir::translateModuleToLLVMIR(*module, *llvmContext);
    ASSERT_TRUE(code);
    using namespace llvm::orc;
    JITDylib &library = jit->getMainJITDylib();
    char prefix = jit->getDataLayout().getGlobalPrefix();
    library.addGenerator(llvm::cantFail(
        DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix)));
    llvm::cantFail(library.define(absoluteSymbols(
        {{jit->mangleAndIntern("visit"),
          {ExecutorAddr::fromPtr(&visit), llvm::JITSymbolFlags::Exported}}})));
    llvm::cantFail(jit->addIRModule(
        ThreadSafeModule(std::move(code), std::move(llvmContext))));
  }

  /// Runs the loops, and expects visits at each of their places alone.
  void expectOnce(int64_t r0, int64_t r1, int64_t rs, int64_t c0, int64_t c1,
                  int64_t cs) {
    for (auto &row : visits)
      for (std::atomic<unsigned> &place : row)
        place = 0;
    total = 0;
    run(r0, r1, rs, c0, c1, cs);
    for (int64_t i = 0; i < kExtent; ++i)
      for (int64_t j = 0; j < kExtent; ++j) {
        bool isIn = i >= r0 && i < r1 && (i - r0) % rs == 0 && j >= c0 &&
                    j < c1 && (j - c0) % cs == 0;
        ASSERT_EQ(visits[i][j], isIn ? times : 0) << i << ", " << j;
      }
  }

  /// Few and many tasks, on up to `most` threads.
  void expectOnceEverywhere(int most) {
    for (int threads = 1; threads <= most; threads = threads * 3 / 2 + 1) {
      SCOPED_TRACE(threads);
      setThreads(threads);
      for (int64_t count = 0; count <= kExtent; ++count) {
        ASSERT_NO_FATAL_FAILURE(expectOnce(0, count, 1, 5, 6, 1));
        ASSERT_NO_FATAL_FAILURE(expectOnce(0, 3, 2, 0, count, 3));
      }
      ASSERT_NO_FATAL_FAILURE(expectOnce(0, kExtent, 1, 0, kExtent, 1));
      ASSERT_NO_FATAL_FAILURE(expectOnce(7, 50, 4, 9, 61, 5));
      // Nothing to do, also where an end is before its beginning.
      ASSERT_NO_FATAL_FAILURE(expectOnce(4, 4, 1, 0, 9, 1));
      ASSERT_NO_FATAL_FAILURE(expectOnce(0, 9, 1, 6, 2, 1));
      ASSERT_NO_FATAL_FAILURE(expectOnce(9, 3, 1, 8, 1, 1));
    }
  }

  std::unique_ptr<llvm::orc::LLJIT> jit;
  Loops run = nullptr;
  unsigned times = 1;
  void (*setThreads)(int) = nullptr;
  void (*setLevels)(int) = nullptr;
};

TEST_F(SharedTasks, AreDoneOnce) { expectOnceEverywhere(8); }

TEST_F(SharedTasks, AreDoneInEachOfARow) {
  ASSERT_NO_FATAL_FAILURE(use("series", 2));
  expectOnceEverywhere(8);
}

TEST_F(SharedTasks, AreDoneEachTime) {
  ASSERT_NO_FATAL_FAILURE(use("repeated"));
  expectOnceEverywhere(8);
}

TEST_F(SharedTasks, AreDoneDownwards) {
  ASSERT_NO_FATAL_FAILURE(use("down"));
  expectOnceEverywhere(8);
}

/// Inner regions of one thread each, then of a team.
TEST_F(SharedTasks, AreDoneInRegionsInRegions) {
  ASSERT_NO_FATAL_FAILURE(use("nested", 2));
  for (int levels : {1, 2}) {
    SCOPED_TRACE(levels);
    setLevels(levels);
    expectOnceEverywhere(levels == 1 ? 8 : 2);
  }
  setLevels(1);
}

/// A thread that something else keeps has its first tasks; the other one does
/// all that are left.
TEST_F(SharedTasks, AreLeftToWhoeverIsReady) {
  setThreads(2);
  awaited = kExtent - kExtent / 4 + 1;
  isFirst = true;
  hasCome = false;
  ASSERT_NO_FATAL_FAILURE(expectOnce(0, kExtent, 1, 0, 1, 1));
  EXPECT_TRUE(hasCome);
}

/// So do teams in teams, each of which has tickets of its own: while a thread
/// of the one is kept, its other thread and the other team do all that is left.
TEST_F(SharedTasks, AreLeftToWhoeverIsReadyInItsTeam) {
  ASSERT_NO_FATAL_FAILURE(use("nested", 2));
  setThreads(2);
  setLevels(2);
  // The kept one's team waits for it before its second region.
  awaited = 3 * kExtent - kExtent / 4 + 1;
  isFirst = true;
  hasCome = false;
  ASSERT_NO_FATAL_FAILURE(expectOnce(0, 2, 1, 0, kExtent, 1));
  setLevels(1);
  EXPECT_TRUE(hasCome);
}

} // namespace
