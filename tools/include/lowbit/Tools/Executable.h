//===- Executable.h - a compiled module that runs here ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The just-in-time compiler. It takes a module in the LLVM dialect, links its
// weights in as absolute symbols, and calls functions with tensors.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_EXECUTABLE_H
#define LOWBIT_TOOLS_EXECUTABLE_H

#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <cstdlib>
#include <memory>
#include <vector>

namespace lowbit {

/// How to compile and run.
struct ExecutableOptions {
  /// Threads of a run; 0 leaves the choice to OpenMP (OMP_NUM_THREADS, or all
  /// processors).
  unsigned threads = 0;
  /// Processor to compile for, as LLVM calls it; `native` is this one.
  std::string cpu = "native";
  /// LLVM's optimization level, 0 to 3.
  unsigned optLevel = 3;
  /// Addresses of weights by symbol. A symbol that is not here is looked up in
  /// the module's attribute `lowbit.weights`.
  llvm::StringMap<const void *> weights;
  /// What the code calls for `malloc` and `free`. Results come from `allocate`,
  /// and `release` frees them.
  void *(*allocate)(size_t) = allocateForModel;
  void (*release)(void *) = free;
};

/// A compiled `@main`. The context of the module must outlive it, because the
/// data of weights live there. Not to be run from two threads at once.
class Executable {
public:
  /// Compiles `module`, which is in the LLVM dialect. The signatures of
  /// `@main`, or of `@prefill` and `@decode`, come from the attributes that
  /// `lowbit-cpu-to-llvm` leaves.
  /// Errors: no signature, a weight without data, an unknown CPU, or what LLVM
  /// reports.
  static llvm::Expected<std::unique_ptr<Executable>>
  create(mlir::ModuleOp module, const ExecutableOptions &options);
  ~Executable();

  /// Calls the function. Inputs are read only. An error names the argument
  /// whose type, rank or static extent differs from the signature.
  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs);

  /// The signature of a function with states, such as `decode`; null where
  /// there is none of that name.
  const Signature *getFunction(llvm::StringRef name) const;

  /// Calls such a function. Inputs that are its states are written to. Outputs
  /// of a function with a workspace lie there, until it is called again.
  llvm::Expected<std::vector<HostTensor>>
  run(llvm::StringRef function, llvm::ArrayRef<HostTensor> inputs);

  /// A call of a function with a workspace, to be made any number of times: it
  /// reads what its inputs hold then, and allocates nothing. Lives no longer
  /// than the executable.
  class Call {
  public:
    /// `weights` are the addresses of a module whose weights are in a table
    /// (`lowbit-cpu-weight-table`), in its order.
    void operator()(const void *const *weights = nullptr);
    /// What the last call yielded.
    std::vector<HostTensor> getOutputs() const;

  private:
    friend class Executable;
    Executable *executable = nullptr;
    void (*entry)(void **, const void *const *) = nullptr;
    std::vector<HostTensor> inputs;
    const Signature *signature = nullptr;
    std::vector<std::vector<int64_t>> descriptors;
    std::vector<int64_t> results;
    std::vector<void *> arguments;
  };
  llvm::Expected<Call> prepare(llvm::StringRef function,
                               llvm::ArrayRef<HostTensor> inputs);

  /// Threads of later runs; at least 1.
  void setThreads(unsigned threads);

private:
  struct Function;
  struct Impl;
  explicit Executable(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// Prints optimized LLVM IR for `cpu` of the machine `triple` (empty: this
/// one).
llvm::Error emitLLVMIR(mlir::ModuleOp module, llvm::raw_ostream &os,
                       llvm::StringRef cpu = "native",
                       llvm::StringRef triple = "");

/// Prints assembly for the same.
llvm::Error emitAssembly(mlir::ModuleOp module, llvm::raw_ostream &os,
                         llvm::StringRef cpu = "native",
                         llvm::StringRef triple = "");

} // namespace lowbit

#endif // LOWBIT_TOOLS_EXECUTABLE_H
