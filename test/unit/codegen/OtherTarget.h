//===- OtherTarget.h - tests for other rows of the CPU table ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_OTHERTARGET_H
#define LOWBIT_TEST_UNIT_CODEGEN_OTHERTARGET_H

#include "LayerProgram.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "gtest/gtest.h"

namespace lowbit::test {

/// For a row's example CPU. Tiles are emulated, and then used for as few rows
/// as tests have.
inline CompileOptions getOptionsFor(const CPUDescription &target) {
  CompileOptions options;
  options.cpu = target.exampleCPU.str();
  if (target.arch == llvm::Triple::aarch64) {
    options.triple = "aarch64-linux-gnu";
    options.parallel = false;
  } else if (target.arch == llvm::Triple::wasm32) {
    options.triple = kWasmTriple;
    options.parallel = false;
  }
  if (target.hasTiles) {
    options.emulateTiles = true;
    options.machine.choices.tileRows = 2;
  }
  return options;
}

/// Whether code for a row runs here; that for tiles, which are emulated, where
/// there is all else that its row has.
inline bool isRunnableHere(const CPUDescription &target) {
  return isSupportedHere(
      target.hasTiles ? getCPUDescription(CPUTable::AVX512BF16) : target);
}

/// A test of each row of the table of CPUs but this machine's own.
class OtherTarget : public ::testing::TestWithParam<const CPUDescription *> {
protected:
  /// For the row's example CPU.
  CompileOptions options() const { return getOptionsFor(*GetParam()); }
  void SetUp() override {
    if (GetParam()->arch == llvm::Triple::aarch64)
      ASSERT_TRUE(CrossProgram::isAvailable())
          << "needs a cross compiler and qemu-aarch64, which tools/setup "
             "installs";
  }
};

/// The rows whose code this machine can run, or qemu, or node; says which are
/// left out.
inline std::vector<const CPUDescription *> getOtherTargets() {
  std::vector<const CPUDescription *> others;
  const CPUDescription *native = *findCPUDescription("native", "");
  for (const CPUDescription &description : getCPUDescriptions()) {
    if (&description == native)
      continue;
    std::string missing;
    if (description.arch == llvm::Triple::wasm32)
      missing = WasmProgram::findMissing(description.exampleCPU);
    else if (description.arch != llvm::Triple::aarch64 &&
             !isRunnableHere(description))
      missing = "one of " + description.features.str();
    if (missing.empty())
      others.push_back(&description);
    else
      llvm::errs() << "kernels of " << description.name
                   << " are not tested: this machine lacks " << missing << "\n";
  }
  return others;
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_OTHERTARGET_H
