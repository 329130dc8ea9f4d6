//===- LinearKernel.h - low-bit matrix products on a GPU --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LINEARKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_LINEARKERNEL_H

#include "KernelModule.h"
#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// A product of an [m, k] matrix, of f32 or of codes of 8 bits, with a weight
/// of `n` rows, and what follows it in one kernel.
struct GPULinearSpec {
  EncodingAttr encoding;
  LayoutInterface layout;
  int64_t m, n, k;
  bool hasBias = false, hasResidual = false, isGated = false;
  ActivationAttr activation;
  /// Activations are codes of 8 bits: so many steps of four columns share the
  /// parameters of weight and activation. 0 where they are f32.
  int64_t unitSteps = 0;
  /// They are f32 that are numbers of f16 or bf16, in tiles: what devices with
  /// f16 multiply in that.
  bool hasHalfInputs = false;
  /// Scales, minima and fractional zero points are f16, none of them subnormal,
  /// infinite or NaN: every device decodes these alike.
  bool hasNormalHalves = false;

  std::string name() const;
  /// Numbers of a result's row.
  int64_t getColumns() const { return isGated ? n / 2 : n; }
};

/// Up to so many rows, threads go over the weights once for all of them;
/// beyond, tiles of weights and activations meet in workgroup memory.
inline constexpr int64_t kMostGPUVectorRows = 4;

/// Whether the kernel has a variant in f16. With few rows, each number would be
/// rounded for one product alone; codes are multiplied as integers.
inline bool hasGPUHalfVariant(const GPULinearSpec &spec) {
  return spec.m > kMostGPUVectorRows && spec.unitSteps == 0;
}

/// Emits (or finds) the kernel
///   (codes, scales[, zero points][, minima][, outer scales][, table: words, x
///    [, units][, bias][, residual], y: f32).
/// Codes are in the layout, parameters row by row in their own format, the
/// table has an f32 for each code. With units, x is what a quantizing kernel
/// wrote (QuantizeKernel.h).
GPUKernel getGPULinearKernel(KernelModule &kernels, const GPULinearSpec &spec);

/// How many buffers the kernel takes.
unsigned getGPUBindingCount(const GPULinearSpec &spec);

/// Whether codes of `encoding` are looked up in a table.
bool needsGPUTable(EncodingAttr encoding);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LINEARKERNEL_H
