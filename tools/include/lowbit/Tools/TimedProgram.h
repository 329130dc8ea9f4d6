//===- TimedProgram.h - code to take the time of ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module compiled as models are, which reads its weights at whatever address
// it is told: the same ones again and again, from a cache, or copies in turns,
// from memory. Benchmarks and `quant-opt --tune` measure with it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TIMEDPROGRAM_H
#define LOWBIT_TOOLS_TIMEDPROGRAM_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace lowbit {

class TimedProgram {
public:
  /// Compiles a module that has been through the phases up to `done`, and that
  /// the program keeps.
  static llvm::Expected<std::unique_ptr<TimedProgram>>
  create(mlir::OwningOpRef<mlir::ModuleOp> module, Phase done,
         const CompileOptions &options);

  Executable &executable() { return *code; }

  /// Bytes of one copy of the weights, each on cache lines of its own.
  size_t copyBytes() const;
  /// Bytes of the weights themselves.
  size_t packedBytes() const;
  /// Copies the weights to `to`; their addresses, as calls take them.
  std::vector<const void *> copyWeights(char *to) const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Executable> code;
  /// What the code reads, in the order of its table of weights.
  std::vector<llvm::ArrayRef<char>> weights;
};

/// Numbers that are spread as weights are, the same for every call.
HostTensor createNumbers(llvm::ArrayRef<int64_t> shape);

/// A raised module with one layer, y = x Wᵀ of `n` x `k` float weights on any
/// number of rows.
mlir::OwningOpRef<mlir::ModuleOp> createLayer(mlir::MLIRContext &context,
                                              int64_t n, int64_t k);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TIMEDPROGRAM_H
