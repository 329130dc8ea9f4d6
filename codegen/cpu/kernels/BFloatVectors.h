//===- BFloatVectors.h - products of bf16 in vector registers ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATVECTORS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATVECTORS_H

#include "BFloatProducts.h"

namespace lowbit::cpu {

/// For AVX512_BF16: a few rows of activations and four registers of weights at
/// a time, whose sums are in registers.
class BFloatVectors : public BFloatProducts {
public:
  /// Rows of weights that are multiplied together, at least: a task takes as
  /// many, or is the last.
  static constexpr int64_t kPanelRows = 64;

  /// 128 KiB of a panel are decoded at a time.
  BFloatVectors(KernelBuilder &builder, const LinearKernelSpec &spec,
                GroupParameters &parameters, RowTables &tables)
      : BFloatProducts(builder, spec, parameters, tables,
                       {kQuad, kPanelRows, /*chunkColumns=*/1024,
                        PanelFormat::kPadding}) {}

private:
  /// Registers of weights that are multiplied together.
  static constexpr int64_t kQuad = 4;

  void multiply(const Chunk &chunk) override;
  Value sumPlace(Value row, Value index) override;
  void multiplyRows(const Chunk &chunk, Value quad, Value row, int64_t count);
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATVECTORS_H
