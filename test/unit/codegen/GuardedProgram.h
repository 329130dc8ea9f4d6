//===- GuardedProgram.h - a program among guard pages -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every buffer that generated code reads or writes (weights, arguments,
// results and what it allocates on the way) touches a page that nothing may
// access. A load or store outside of a buffer is an error that names it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_GUARDEDPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_GUARDEDPROGRAM_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit::test {

/// The end of a buffer that touches an inaccessible page.
enum class GuardedEnd { First, Last };

/// `options` for code that can run among guard pages: one thread, since a fault
/// is left by a jump, and buffers of exactly their size.
CompileOptions guarded(CompileOptions options);

/// A module compiled once. Only one such program exists at a time.
class GuardedProgram {
public:
  /// `module` is in the LLVM dialect, compiled with `guarded` options. Each
  /// weight lacks its last `missingBytes` bytes.
  static llvm::Expected<std::unique_ptr<GuardedProgram>>
  create(mlir::ModuleOp module, llvm::StringRef cpu, GuardedEnd end,
         unsigned missingBytes = 0);
  ~GuardedProgram();

  /// Copies of the results. Errors: an access outside of a buffer.
  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs);

private:
  GuardedProgram() = default;
  std::unique_ptr<Executable> executable;
};

/// Runs `module` with each of the lists of inputs, guarded at either end, and
/// returns the results of each. Failures are recorded; then there are none.
std::vector<std::vector<HostTensor>>
runGuarded(mlir::ModuleOp module, llvm::StringRef cpu,
           llvm::ArrayRef<std::vector<HostTensor>> inputs);

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_GUARDEDPROGRAM_H
