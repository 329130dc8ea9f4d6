//===- PanelPlaces.h - where a panel's segments are -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELPLACES_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELPLACES_H

#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

/// What PanelFormat says of integers and floats, as addresses: of `m` rows of
/// `k` columns.
class PanelPlaces {
public:
  using Value = mlir::Value;

  PanelPlaces(KernelBuilder &builder, const PanelFormat &format)
      : b(builder), format(format) {}
  void setShape(Value rows, Value columns) {
    m = rows;
    k = columns;
  }

  /// Where a row's segment is: its header, and the first of its bytes.
  struct Place {
    Value header, values;
    /// Rows that share the segment's bytes, which of them this one is, the
    /// segment's first column among those that are joined, and all of them.
    /// Null without tiles.
    Value rows, row, firstColumn, columns;
  };
  Place find(Value row, Value segment);
  /// Where bytes of part `part` of a segment are, from `column` on.
  Value valueOffset(const Place &place, Value column, int64_t part);

private:
  KernelBuilder &b;
  const PanelFormat &format;
  Value m, k;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_PANELPLACES_H
