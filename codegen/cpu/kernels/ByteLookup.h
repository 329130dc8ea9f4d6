//===- ByteLookup.h - tables of bytes on each target ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes that no formula decodes are looked up. Machines permute bytes by an
// index from a register, or several; a table that is larger than that is cut
// into parts, from which bits of the index select.
//
// Some tables of overlapping codes are a hash and a short table
// (FactoredTable.h), which is all that is looked up then.
//
// Tables that are data are in registers as well, one after the other; the index
// is joined with the row's number where a register holds those of several rows.
//
// Machines also differ in how they take bytes from anywhere in a stream of
// bits, which are what the index of overlapping codes is.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTELOOKUP_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTELOOKUP_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/LowbitTableOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace lowbit {

class ByteLookup {
public:
  virtual ~ByteLookup() = default;
  /// What `op` gives, built in front of it.
  virtual mlir::Value lower(mlir::RewriterBase &rewriter, LutOp op) const = 0;
  /// The same for windows: by shifts of lanes, unless the machine has more.
  virtual mlir::Value lower(mlir::RewriterBase &rewriter, WindowsOp op) const;

  /// The same for hashes: bit by bit, unless the machine has more.
  virtual mlir::Value lower(mlir::RewriterBase &rewriter, HashOp op) const;
  /// Whether a hash of single bytes is one instruction, so that it is how to
  /// move some of their bits, without the others.
  virtual bool movesBits() const { return false; }

  /// The bytes of `tables`, which are data, at the low bits of `indices`: all
  /// of them in one table or, with `perRow`, those of each lane of four bytes
  /// in a table of its own, which follow one another. A table has a power of
  /// two of bytes. Bytes are taken out one by one, unless the machine has more.
  virtual mlir::Value lookUpLearned(mlir::ImplicitLocOpBuilder &b,
                                    mlir::Value indices, mlir::Value tables,
                                    bool perRow) const;

protected:
  /// Bytes of one of these tables.
  static int64_t getTableSize(mlir::Value indices, mlir::Value tables,
                              bool perRow);
};

/// vpermb and vpermi2b: 64 and 128 bytes; hashes by gf2p8affineqb.
const ByteLookup &getVBMILookup();
/// vpshufb: 16 bytes in each 128 bits.
const ByteLookup &getShuffleLookup();
/// tbl: 16, 32 or 64 bytes.
const ByteLookup &getNeonLookup();
/// i8x16.swizzle, and its relaxed form: 16 bytes.
const ByteLookup &getWasmLookup();
const ByteLookup &getWasmRelaxedLookup();
/// Loads of single bytes from a table in memory.
const ByteLookup &getPortableLookup();

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BYTELOOKUP_H
