//===- Layer.h - one compiled layer -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = x Wᵀ with N x K weights, compiled as models are, which reads its weights
// at whatever address it is told.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_BENCH_KERNELS_LAYER_H
#define LOWBIT_BENCH_KERNELS_LAYER_H

#include "lowbit/Tools/Executable.h"
#include "mlir/IR/MLIRContext.h"
#include <string>

namespace lowbit::bench {

struct Layer {
  /// `method` is one of `--quantize`, or `trellis<rate>-s<state>`, whose codes
  /// are random.
  Layer(const std::string &method, const std::string &cpu, int64_t n,
        int64_t k);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Executable> executable;
  /// What the code reads, in the order of its table of weights.
  std::vector<llvm::ArrayRef<char>> weights;
  std::string error;

  /// Bytes of one copy of the weights, each on cache lines of its own.
  size_t copyBytes() const;
  /// Bytes of the weights themselves.
  size_t packedBytes() const;
  /// Copies the weights to `to`; their addresses.
  std::vector<const void *> copyWeights(char *to) const;
};

HostTensor createNumbers(llvm::ArrayRef<int64_t> shape);

} // namespace lowbit::bench

#endif // LOWBIT_BENCH_KERNELS_LAYER_H
