//===- KernelModule.h - the GPU kernels of a module -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels take flat buffers of words, or of vectors of four, one argument for
// each, and nothing else: shapes are constants of the code.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_KERNELMODULE_H
#define LOWBIT_LIB_CODEGEN_GPU_KERNELMODULE_H

#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "lowbit/Reference/IndexArithmetic.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

namespace lowbit {

/// The name of the gpu.module with a module's kernels.
inline constexpr llvm::StringLiteral kGPUKernelModuleName = "kernels";

/// What every implementation of WebGPU and Vulkan can bind to a kernel, run in
/// a workgroup of the sizes used here, and dispatch along one dimension.
inline constexpr unsigned kMostGPUBindings = 8;
inline constexpr int64_t kGPUWorkgroupSize = 64;
inline constexpr int64_t kMostGPUWorkgroups = 65535;

/// The largest workgroup that a host may choose in place of that.
inline constexpr int64_t kLargestGPUWorkgroup = 512;

/// Elements of a buffer as kernels see them: words, f32 or i32.
mlir::Type getWordType(mlir::Type element);

/// A grid with at least `count` workgroups, x filled first.
std::array<int64_t, 3> getGPUGrid(int64_t count);

/// `value`, which shaders call so.
mlir::Value named(mlir::Value value, llvm::StringRef name);
/// The same of an index that isn't a number.
Index named(Index index, llvm::StringRef name);

/// Says what a kernel computes, for readers of its text.
void describeKernel(mlir::gpu::GPUFuncOp kernel, const llvm::Twine &about);

/// Names buffer `number` of a kernel, and says what its words are.
void describeBuffer(mlir::gpu::GPUFuncOp kernel, unsigned number,
                    llvm::StringRef name, const llvm::Twine &about = "");

/// Finds or makes the kernels of a module. Two that do the same are one.
class KernelModule {
public:
  explicit KernelModule(mlir::ModuleOp module);

  /// Begins a kernel: a function with these arguments, the builder inside. It
  /// must be finished or dropped before the next one begins.
  mlir::gpu::GPUFuncOp begin(llvm::StringRef name, mlir::TypeRange arguments,
                             std::array<int64_t, 3> workgroupSize,
                             mlir::ImplicitLocOpBuilder &builder);
  /// Ends it, and returns the symbol of a kernel that does this.
  mlir::SymbolRefAttr finish(mlir::gpu::GPUFuncOp kernel);

  int64_t getCount() const { return known.size(); }

private:
  mlir::gpu::GPUModuleOp getModule();

  mlir::ModuleOp module;
  mlir::gpu::GPUModuleOp kernels;
  /// Names by the text of a kernel without its name.
  llvm::StringMap<std::string> known;
};

/// A kernel and the grid it is dispatched with.
struct GPUKernel {
  mlir::SymbolRefAttr symbol;
  std::array<int64_t, 3> workgroups;
};

/// Emits (or finds) the kernel that a `Builder` makes of `spec`: made of an op
/// builder and `spec`, it has getArgumentTypes() and build(function), which
/// emits the body and returns the grid.
template <typename Builder, typename Spec>
GPUKernel emitGPUKernel(KernelModule &kernels, const Spec &spec,
                        mlir::MLIRContext *context) {
  mlir::ImplicitLocOpBuilder b(mlir::UnknownLoc::get(context), context);
  Builder builder(b, spec);
  mlir::gpu::GPUFuncOp kernel = kernels.begin(
      spec.name(), builder.getArgumentTypes(), {kGPUWorkgroupSize, 1, 1}, b);
  mlir::gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  std::array<int64_t, 3> workgroups = builder.build(kernel);
  return {kernels.finish(kernel), workgroups};
}

/// Emits the kernel that takes the place of `original` on devices with
/// `feature`, on the same grid: `build` emits the body.
template <typename Builder, typename Spec>
void emitGPUKernelVariant(KernelModule &kernels, const Spec &spec,
                          const GPUKernel &original, llvm::StringRef feature,
                          void (Builder::*build)(mlir::gpu::GPUFuncOp,
                                                 std::array<int64_t, 3>),
                          mlir::MLIRContext *context) {
  mlir::ImplicitLocOpBuilder b(mlir::UnknownLoc::get(context), context);
  Builder builder(b, spec);
  mlir::gpu::GPUFuncOp kernel =
      kernels.begin((spec.name() + "_" + feature).str(),
                    builder.getArgumentTypes(), {kGPUWorkgroupSize, 1, 1}, b);
  mlir::gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  (builder.*build)(kernel, original.workgroups);
  setGPUVariant(kernel, original.symbol.getLeafReference(), {feature});
  kernels.finish(kernel);
}

/// The same for devices that are processors.
template <typename Builder, typename Spec>
void emitGPUKernelForProcessors(KernelModule &kernels, const Spec &spec,
                                const GPUKernel &original,
                                mlir::MLIRContext *context) {
  emitGPUKernelVariant<Builder>(kernels, spec, original, kGPUSoftware,
                                &Builder::buildOwn, context);
}

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_KERNELMODULE_H
