//===- DeviceMemory.h - what a compiled model takes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_DEVICEMEMORY_H
#define LOWBIT_TOOLS_LIB_DEVICEMEMORY_H

#include "lowbit/Tools/Compiler.h"

namespace lowbit {

/// What a device has, and how good a model must be there.
struct DeviceLimits {
  double memory = 0;
  std::optional<double> accuracy;

  /// Reads `memory=64MiB,min-accuracy=0.95`; the second may be absent.
  static llvm::Expected<DeviceLimits> parse(llvm::StringRef text);
};

/// Bytes of a compiled model.
struct DeviceMemory {
  /// All tensors, in the layout that kernels read.
  int64_t weights = 0;
  /// The most that inputs, outputs and all buffers between take at a time.
  int64_t activations = 0;
  /// Keys and values of a text of the greatest length; 0 without a cache.
  int64_t cache = 0;

  /// What a run takes besides weights.
  int64_t getRunBytes() const { return activations + cache; }
};

/// Compiles `quantized`, a module after the quantize phase, for this machine,
/// and runs it on `inputs` with an allocator that counts; with a cache, on a
/// text of their tokens, or as many as it has room for. The module is changed.
/// What the program itself and its stack take is not counted.
llvm::Expected<DeviceMemory> measureMemory(mlir::ModuleOp quantized,
                                           const CompileOptions &options,
                                           std::vector<HostTensor> inputs);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_DEVICEMEMORY_H
