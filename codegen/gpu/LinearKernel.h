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

/// A product of an [m, k] matrix of f32 with a weight of `n` rows, and what
/// follows it in one kernel.
struct GPULinearSpec {
  EncodingAttr encoding;
  LayoutInterface layout;
  int64_t m, n, k;
  bool hasBias = false, hasResidual = false, isGated = false;
  ActivationAttr activation;

  std::string name() const;
  /// Numbers of a result's row.
  int64_t getColumns() const { return isGated ? n / 2 : n; }
};

struct GPULinearKernel {
  mlir::SymbolRefAttr symbol;
  std::array<int64_t, 3> workgroups;
};

/// Up to so many rows, threads go over the weights once for all of them;
/// beyond, tiles of weights and activations meet in workgroup memory.
inline constexpr int64_t kMostGPUVectorRows = 4;

/// Emits (or finds) the kernel
///   (codes, scales[, zero points][, minima][, outer scales][, table: words, x
///    [, bias][, residual], y: f32).
/// Codes are in the layout, parameters row by row in their own format, the
/// table has an f32 for each code.
GPULinearKernel getGPULinearKernel(KernelModule &kernels,
                                   const GPULinearSpec &spec);

/// How many buffers the kernel takes.
unsigned getGPUBindingCount(const GPULinearSpec &spec);

/// Whether codes of `encoding` are looked up in a table.
bool needsGPUTable(EncodingAttr encoding);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LINEARKERNEL_H
