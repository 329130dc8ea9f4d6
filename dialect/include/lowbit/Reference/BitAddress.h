//===- BitAddress.h - a layout's address function in IR ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Index arithmetic for any numerics::BoundLayout. The coefficients are read off
// the bound layout itself, so there is no second copy of a layout's formula to
// keep in step.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_BITADDRESS_H
#define LOWBIT_REFERENCE_BITADDRESS_H

#include "lowbit/Numerics/Layout.h"
#include "lowbit/Reference/IndexArithmetic.h"
#include "llvm/ADT/SmallVector.h"

namespace lowbit {

/// Bits [`codeBit`, `codeBit` + `count`) of the codes in the box of a piece,
/// which lie side by side in the buffer of any layout position.
struct BitRun {
  const numerics::Piece *piece;
  int64_t codeBit, count;
  /// Bit of the atom that holds the run of the box's first code.
  int64_t offset;
};

/// The runs that make up a code, in the order of pieces and bits. They point
/// into `layout`.
llvm::SmallVector<BitRun> findBitRuns(const numerics::Layout &layout);

/// Where a run of a code begins, and when the code has it.
struct RunAddress {
  /// Bit of buffer 0; meaningful where `isInside` holds.
  Index bit;
  /// i1: whether the code lies in the box of the run's piece. Null when every
  /// code does.
  mlir::Value isInside;
};

/// Address of `run` of the code at row `n`, column `k`. Rows may exceed what
/// `layout` was bound to when blocks are in row-major order.
RunAddress buildRunAddress(IndexBuilder &builder,
                           const numerics::BoundLayout &layout, Index n,
                           Index k, const BitRun &run);

/// Bit of its buffer at which a parameter of row `n`, group `g` begins. With
/// separate storage that is a multiple of the parameter's width.
Index buildParameterAddress(IndexBuilder &builder,
                            const numerics::BoundLayout &layout,
                            numerics::Component component, Index n, Index g);

/// Address of bit `bit` of the code at (n, k) of a layout whose pieces each
/// span all rows and columns of the atom; of a scattering layout, the caller
/// asks run by run.
mlir::Value buildBitAddress(mlir::OpBuilder &builder, mlir::Location loc,
                            const numerics::BoundLayout &layout, mlir::Value n,
                            mlir::Value k, int64_t bit);

/// Reads `count` <= 32 bits at `address` of `bytes`, a rank-1 tensor or memref
/// of i8, as i32.
mlir::Value buildLoadBits(IndexBuilder &builder, mlir::Value bytes,
                          const Index &address, int64_t count);

/// Reads the code at (n, k) from buffer 0 as i32, whatever its runs.
mlir::Value buildLoadCode(IndexBuilder &builder,
                          const numerics::BoundLayout &layout,
                          mlir::Value bytes, Index n, Index k);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_BITADDRESS_H
