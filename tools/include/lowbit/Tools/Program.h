//===- Program.h - models as objects and libraries --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ahead-of-time output: code that programs link or load, with a C header and
// the weights beside it or inside. Code never holds weights as constants; it
// gets their addresses from the run-time library, which binds them when the
// program loads the model.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_PROGRAM_H
#define LOWBIT_TOOLS_PROGRAM_H

#include "lowbit/Tools/Compiler.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace lowbit {

class AtomicOutput;

/// The forms of a program.
enum class ProgramForm {
  /// LLVM IR or assembly as text; what the object would hold, without weights.
  LLVM,
  Assembly,
  /// An object, its header, and its weights.
  Object,
  /// The same linked into a shared library with the run time.
  Shared,
  /// A linked module of WebAssembly for each CPU, with a module of JavaScript
  /// that loads and runs it in the place of the header.
  WebAssembly
};

/// How a program is written.
struct ProgramOptions {
  ProgramForm form = ProgramForm::Object;
  /// How the names in C begin; empty takes the output's name. Another text than
  /// an identifier is an error.
  std::string name;
  /// The file that the model was read from. Its weights are not replaced by
  /// others.
  std::string input;
  /// CPUs to compile for, as LLVM calls them, or `native`, or `portable`. There
  /// is code for each, and a program takes the first that its processor can
  /// run.
  std::vector<std::string> cpus = {"native"};
  /// Weights in the object, not in a file beside it.
  bool embedWeights = false;
  /// The compiler driver that links shared libraries, or the linker of
  /// WebAssembly; empty looks for one.
  std::string linker;
  /// The run-time library that goes into them; empty takes
  /// `../lib/liblowbit_runtime.a` beside the running program's folder, or
  /// `liblowbit_runtime_wasm32.a`.
  std::string runtime;
};

/// The files that a program consists of. Empty names for files that it does
/// without.
struct ProgramFiles {
  std::string code, header, weights;
  /// Of WebAssembly: modules for the other CPUs, the script and its types.
  std::vector<std::string> modules;
  std::string script, types;
  /// The driver that has linked the code.
  std::string linker;
};

/// The files of a program that is written to `output`, if that could be done at
/// all. What is wrong here is wrong whatever the model is, and better known
/// before it is compiled.
llvm::Expected<ProgramFiles> checkProgram(llvm::StringRef output,
                                          const ProgramOptions &options);

/// Lowers `packed`, a module after `Phase::Pack`, for each CPU and writes the
/// program to `output`; header and weights have its name with the extensions
/// `.h` and `.safetensors` (without the `lib` of a library). All files appear
/// or none, and with them `companion`, if there is one. A file with the same
/// weights is left as it is. `compile` says how to lower, but for the CPU.
llvm::Expected<ProgramFiles> writeProgram(mlir::ModuleOp packed,
                                          llvm::StringRef output,
                                          const ProgramOptions &options,
                                          CompileOptions compile,
                                          AtomicOutput *companion = nullptr);

} // namespace lowbit

#endif // LOWBIT_TOOLS_PROGRAM_H
