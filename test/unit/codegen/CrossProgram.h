//===- CrossProgram.h - a compiled module on an emulated CPU ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code for another architecture is assembled and linked by a cross compiler
// with a main program that reads arguments from a file and writes results to
// one, and runs under qemu's user mode.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_CROSSPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_CROSSPROGRAM_H

#include "ForeignProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace lowbit::test {

class CrossProgram : public ForeignProgram {
public:
  /// Whether the cross compiler and the emulator for AArch64 are installed.
  static bool isAvailable();

  /// Compiles and links `module`, which is in the LLVM dialect, without
  /// threads, for a CPU of AArch64. All results are f32, of these ranks.
  static llvm::Expected<std::unique_ptr<CrossProgram>>
  create(mlir::ModuleOp module, llvm::StringRef cpu,
         llvm::ArrayRef<int64_t> resultRanks, size_t numArguments);

private:
  using ForeignProgram::ForeignProgram;
  llvm::Error writeSources(mlir::ModuleOp module, llvm::StringRef cpu,
                           size_t numArguments);
  llvm::Error start() override;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_CROSSPROGRAM_H
