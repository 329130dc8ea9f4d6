//===- KernelCalls.h - calls of kernels, and what they read -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the lowerings of layers and of embeddings share: the module's kernels,
// each emitted once; globals of single buffers, which take over the components
// of quantized ones; and how much of a call's work makes a task.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELCALLS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELCALLS_H

#include "FlatTensors.h"
#include "KernelSpec.h"
#include "lowbit/CodeGen/CPU/Kernels.h"

namespace lowbit::cpu {

class KernelCalls {
public:
  using Value = mlir::Value;

  KernelCalls(mlir::ModuleOp module, const CPUTuning &tuning)
      : b(module.getLoc(), module.getContext()), tuning(tuning),
        target(getCPUDescription(module)), module(module) {}

  mlir::ImplicitLocOpBuilder b;
  const CPUTuning tuning;
  const CPUDescription &target;

  /// How many kernels were emitted.
  int64_t getNumKernels() const { return numKernels; }

  /// What `create` (a function `getOrCreate…Kernel`) finds or emits.
  template <typename Create, typename... Args>
  mlir::func::FuncOp getKernel(Create create, const Args &...args) {
    size_t before = module.getBody()->getOperations().size();
    mlir::func::FuncOp kernel = create(module, args...);
    numKernels += module.getBody()->getOperations().size() != before;
    kernel->setAttr(kKernelAttrName, b.getUnitAttr());
    return kernel;
  }

  /// Calls `kernel` for `tiles` tiles, of which `grain` are worth a task, and
  /// returns the `size` elements that it writes.
  Value call(mlir::func::FuncOp kernel, Value tiles, Value grain,
             mlir::ValueRange inputs, Value size, mlir::Type element);

  /// Tiles of a task: as many as have `taskWork`, at least one; fewer where
  /// these would be some tasks, but less than threads can share evenly.
  Value getTaskGrain(Value tiles, Value workPerTile, int64_t taskWork);

  /// The blob of a packed weight as a plain value: its global gives up the
  /// quantized type.
  Value getBlob(WeightOp weight);
  /// A component of a dense table, or one that no layout moves, as a flat plain
  /// value.
  Value getTablePart(GlobalOp global, llvm::StringRef name);
  /// The scales of a packed weight's scales, or minima, in the order in which
  /// kernels read them; null where there are none.
  Value getStoredScales(GlobalOp global, numerics::Component component);

  Value index(int64_t value);

private:
  GlobalOp createPlain(GlobalOp like, llvm::StringRef suffix,
                       mlir::ElementsAttr data);

  mlir::ModuleOp module;
  int64_t numKernels = 0;
  /// Plain globals of the blobs of packed ones.
  llvm::DenseMap<GlobalOp, GlobalOp> blobs;
  /// Plain globals of the components of tables.
  llvm::DenseMap<std::pair<mlir::Operation *, mlir::StringAttr>, GlobalOp>
      parts;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELCALLS_H
