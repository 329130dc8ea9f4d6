//===- RowTables.h - tables that belong to rows of weights ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A learned table stands in a buffer of its own, [rows or 1, codes] signed
// bytes. Kernels keep those of a register's rows in registers while the block
// passes by: they are read once per block and no stream.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_ROWTABLES_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_ROWTABLES_H

#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

class RowTables {
public:
  using Value = mlir::Value;

  /// Whether weights have tables of their own.
  static bool isNeeded(EncodingAttr encoding) {
    return encoding.getElement().getTableOwner() !=
           numerics::TableOwner::Format;
  }

  RowTables(KernelBuilder &builder, const LinearKernelSpec &spec)
      : b(builder), spec(spec) {}

  /// Takes the kernel's argument, if there is one.
  void bindArguments(mlir::Block::args_iterator &argument);
  /// The tables of a register's rows from `row` on, of `rows` there are, as
  /// `lowbit.learned_lut` wants them; null without. Rows beyond get
  /// others' tables.
  Value load(Value row, Value rows);

private:
  int64_t size() const { return int64_t(1) << spec.encoding.getCodeBits(); }
  Value loadEach(Value row, Value rows);

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  Value memory;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_ROWTABLES_H
