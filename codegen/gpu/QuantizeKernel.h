//===- QuantizeKernel.h - activations in 8 bits on a GPU --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_QUANTIZEKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_QUANTIZEKERNEL_H

#include "KernelModule.h"
#include <optional>

namespace lowbit {

/// Columns that a row's codes are padded to a multiple of, those of an atom of
/// a weight in words; the codes of padding are 0.
inline constexpr int64_t kGPUAtomColumns = 32;

/// Words of four codes of a row of `columns` numbers.
inline int64_t getGPUPaddedSteps(int64_t columns) {
  return llvm::divideCeil(columns, kGPUAtomColumns) * kGPUAtomColumns / 4;
}

/// Codes of an [rows, columns] matrix of f32, as `lowbit.quantize` defines them
/// for int<8>.
struct GPUQuantizeSpec {
  int64_t rows, columns;
  /// Columns that share a scale: a multiple of a unit's, or all of a row.
  int64_t group;
  /// Steps of four columns for which kernels ask for the scale.
  int64_t unitSteps;
  /// The scale, where it is known.
  std::optional<float> scale;

  std::string name() const;
};

/// Emits (or finds) the kernel (x: f32, codes: words, units: pairs): `codes`
/// has four signed bytes in a word, rows padded with zeros; `units` has for
/// each unit its scale, and its scale times the sum of its codes.
GPUKernel getGPUQuantizeKernel(KernelModule &kernels,
                               const GPUQuantizeSpec &spec,
                               mlir::MLIRContext *context);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_QUANTIZEKERNEL_H
