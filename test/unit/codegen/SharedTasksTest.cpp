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

/// Two loops that call a function, from bounds and with steps that it is given.
constexpr const char *kLoops = R"(
llvm.func @visit(i64, i64)
func.func @run(%r0: index, %r1: index, %rs: index, %c0: index, %c1: index, %cs: index) {
  scf.parallel (%i, %j) = (%r0, %c0) to (%r1, %c1) step (%rs, %cs) {
    %row = arith.index_cast %i : index to i64
    %column = arith.index_cast %j : index to i64
    llvm.call @visit(%row, %column) : (i64, i64) -> ()
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
    auto address = jit->lookup("run");
    ASSERT_TRUE(bool(address)) << llvm::toString(address.takeError());
    run = address->toPtr<Loops>();
    auto threads = jit->lookup("omp_set_num_threads");
    ASSERT_TRUE(bool(threads)) << llvm::toString(threads.takeError());
    setThreads = threads->toPtr<void (*)(int)>();
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

  /// Runs the loops, and expects one visit at each of their places alone.
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
        ASSERT_EQ(visits[i][j], unsigned(isIn)) << i << ", " << j;
      }
  }

  std::unique_ptr<llvm::orc::LLJIT> jit;
  Loops run = nullptr;
  void (*setThreads)(int) = nullptr;
};

TEST_F(SharedTasks, AreDoneOnce) {
  for (int threads : {1, 2, 3, 8}) {
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

} // namespace
