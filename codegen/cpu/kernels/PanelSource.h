//===- PanelSource.h - what stands in front of a panel ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps that passes put between a layer's activations and their quantization,
// and that a panel kernel does while it reads them:
//
//   tensor -> [rounded to bf16] -> [some columns, times factors] -> quantized
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELSOURCE_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELSOURCE_H

#include "mlir/IR/Value.h"
#include <optional>

namespace lowbit::cpu {

/// result[..., k] = source[..., columns[k]] * factors[k]; without factors if
/// null.
struct ColumnGather {
  mlir::Value source, columns, factors;
};

/// Matches what `lowbit-reorder-columns` and `lowbit-split-mixed` put in front
/// of a layer, so that the panel kernel reads the columns in their order.
std::optional<ColumnGather> matchColumnGather(mlir::Value value);

/// The f32 tensor whose rows, rounded to bf16, `value` has, in dimensions of
/// its own; null where it is something else.
mlir::Value matchBFloatRounding(mlir::Value value);

/// What a quantized tensor is made from, and the steps on the way.
struct PanelSource {
  /// The first tensor of those that the panel kernel can begin with.
  mlir::Value tensor;
  std::optional<ColumnGather> gather;
  /// Whether numbers are rounded to bf16; `tensor` has them before that.
  bool roundsToBFloat;
};

PanelSource matchPanelSource(mlir::Value value);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELSOURCE_H
