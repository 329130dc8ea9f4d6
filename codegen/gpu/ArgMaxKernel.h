//===- ArgMaxKernel.h - where the largest number is -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_ARGMAXKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_ARGMAXKERNEL_H

#include "KernelModule.h"

namespace lowbit {

/// Numbers that a workgroup goes over.
inline constexpr int64_t kGPUArgMaxPart = 2048;
/// Places up to this are f32.
inline constexpr int64_t kMostGPUArgMaxNumbers = int64_t(1) << 24;

/// The place of the largest of `count` numbers, in two steps where they are
/// many: of each part, and of what parts have found.
struct GPUArgMaxSpec {
  int64_t count;
  /// Whether the numbers are what parts have found, with their places.
  bool hasPlaces = false;

  int64_t getParts() const { return llvm::divideCeil(count, kGPUArgMaxPart); }
  std::string name() const;
};

/// Emits (or finds) the kernel (x: f32[, places: i32], place of each part's
/// largest number: i32[, that number: f32, of several parts]). Of equal ones it
/// is the first; of numbers that aren't any, any place.
GPUKernel getGPUArgMaxKernel(KernelModule &kernels, const GPUArgMaxSpec &spec,
                             mlir::MLIRContext *context);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_ARGMAXKERNEL_H
