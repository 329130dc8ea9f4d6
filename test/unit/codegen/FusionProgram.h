//===- FusionProgram.h - a module with and without patterns -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles a float module by all phases and runs it, so that tests compare what
// patterns make of it with what it computes without them, or with a formula.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_CODEGEN_FUSIONPROGRAM_H
#define LOWBIT_TEST_UNIT_CODEGEN_FUSIONPROGRAM_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/HostTensor.h"
#include <string>
#include <vector>

namespace lowbit::test {

/// Random floats of about [-1, 1), the same everywhere.
HostTensor createFloats(llvm::ArrayRef<int64_t> shape, uint32_t seed);

/// `dense<"0x..."> : type` of the tensor, for a weight in a module's text.
std::string getElements(const HostTensor &tensor);

/// How many operations called `name` the module `text` has after the phases up
/// to and including fuse. Failures are recorded.
int64_t countFused(llvm::StringRef text, const CompileOptions &options,
                   llvm::StringRef name);

/// Compiles `text` and runs @main on one thread and then on two, which must
/// give the same bytes. Failures are recorded; then the result is empty.
std::vector<HostTensor> compileAndRun(llvm::StringRef text,
                                      const CompileOptions &options,
                                      llvm::ArrayRef<HostTensor> inputs);

/// The same among guard pages (GuardedProgram.h), guarded at either end: the
/// results of both runs. Failures are recorded; then there are none.
std::vector<std::vector<HostTensor>>
compileAndRunGuarded(llvm::StringRef text, const CompileOptions &options,
                     llvm::ArrayRef<HostTensor> inputs);

/// Expects elements to differ by at most `tolerance`.
void expectClose(const HostTensor &found, const HostTensor &expected,
                 double tolerance);

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_CODEGEN_FUSIONPROGRAM_H
