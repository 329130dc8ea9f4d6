//===- PanelReader.h - activations that become a panel ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELREADER_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELREADER_H

#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

/// Rows of activations in the order of a panel's columns, times factors and
/// rounded to bf16 where the format says so.
class PanelReader {
public:
  using Value = mlir::Value;

  PanelReader(KernelBuilder &builder, const PanelFormat &format,
              const CPUDescription &target)
      : b(builder), format(format), target(target) {}

  /// Takes the panel kernel's first arguments from `argument` on.
  void bindArguments(mlir::Block::args_iterator &argument);
  /// Where row `row` begins, of `k` columns in the panel.
  Value getStart(Value row, Value k) {
    return b.mul(row, format.isPermuted ? xColumns : k);
  }
  /// `count` columns from `column` of the row at `row`, zero beyond them; with
  /// `areAll`, there are as many as lanes.
  Value load(Value row, Value column, Value count, bool areAll);
  Value largestMagnitude(Value row, Value column, Value columns);
  /// What maps the largest magnitude of some columns to `largest`; 1 where
  /// there is nothing but zeros, for then any divisor will do.
  Value getScale(Value row, Value column, Value columns, double largest);

private:
  Value round(Value values);

  KernelBuilder &b;
  const PanelFormat &format;
  const CPUDescription &target;
  Value x, order, xColumns, factors;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELREADER_H
