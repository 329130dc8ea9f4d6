//===- PrintSchedule.cpp - schedules as JSON ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/ToolOutputFile.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUPRINTSCHEDULEPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct GPUPrintSchedulePass
    : lowbit::impl::GPUPrintSchedulePassBase<GPUPrintSchedulePass> {
  using GPUPrintSchedulePassBase::GPUPrintSchedulePassBase;

  void runOnOperation() override {
    llvm::json::Array schedules;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!isGPUHostFunction(function))
        continue;
      FailureOr<GPUSchedule> schedule = readGPUSchedule(function);
      if (failed(schedule))
        return signalPassFailure();
      schedules.push_back(toJSON(*schedule));
      ++numSchedules;
    }
    std::error_code error;
    llvm::ToolOutputFile file(output, error, llvm::sys::fs::OF_Text);
    if (error) {
      getOperation().emitError("the schedule's file '")
          << output << "' can't be written: " << error.message();
      return signalPassFailure();
    }
    file.os() << llvm::formatv("{0:2}", llvm::json::Value(std::move(schedules)))
              << '\n';
    file.keep();
    markAllAnalysesPreserved();
  }
};
} // namespace
