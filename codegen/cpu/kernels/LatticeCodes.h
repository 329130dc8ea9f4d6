//===- LatticeCodes.h - codes of a lattice as bytes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A code of a lattice is an index and signs (numerics/Lattice.h). Four numbers
// of a vector of magnitudes are a word of a table, which each lane loads; signs
// are applied to the bytes of all lanes at once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_LATTICECODES_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_LATTICECODES_H

#include "KernelBuilder.h"
#include "lowbit/Numerics/Lattice.h"

namespace lowbit::cpu {

class LatticeCodes {
public:
  using Value = mlir::Value;

  LatticeCodes(KernelBuilder &builder, numerics::LatticeFormat format)
      : b(builder), format(format) {}

  /// Parts of the codes of a register: four codes in each lane, a byte of each
  /// part. `upper` are the index's bits from 8 on; null where there are none.
  struct Parts {
    Value index, upper, signs;
  };
  /// Four numbers of a code in each lane, getLatticeOffset() added to each: the
  /// `dotIndex`-th four of the lane's codes.
  Value getBytes(const Parts &parts, int64_t dotIndex);

private:
  Value getMagnitudes(const Parts &parts, int64_t code, int64_t first);
  Value getNegated(Value signs, int64_t code, int64_t first);

  KernelBuilder &b;
  numerics::LatticeFormat format;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_LATTICECODES_H
