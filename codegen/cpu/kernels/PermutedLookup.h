//===- PermutedLookup.h - look-ups by permutations of bytes -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What machines that permute bytes in registers have in common: tables are cut
// into parts that one permutation takes, bits of the index select among what
// they give, and what repeats itself is hashed first (FactoredTable.h).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_PERMUTEDLOOKUP_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_PERMUTEDLOOKUP_H

#include "ByteLookup.h"

namespace lowbit {

class PermutedLookup : public ByteLookup {
public:
  using Value = mlir::Value;
  using Builder = mlir::ImplicitLocOpBuilder;
  using Bytes = llvm::ArrayRef<int8_t>;
  using ByteLookup::lower;
  Value lower(mlir::RewriterBase &rewriter, LutOp op) const override;
  Value lower(mlir::RewriterBase &rewriter, HashOp op) const override;
  /// The tables of as many rows as fit are looked up at once.
  Value lookUpLearned(Builder &b, Value indices, Value tables,
                      bool perRow) const override;

protected:
  /// Bytes of an index; the second may be missing.
  struct Indices {
    Value lower, upper;
  };
  /// The longest table that is not left in memory.
  virtual int64_t getLongest() const { return 256; }
  /// The longest table that one permutation takes for indices of `bytes` bytes.
  virtual int64_t getPartSize(int64_t bytes) const = 0;
  /// A permutation, whatever is above the index' bits.
  virtual Value lookUpPart(Builder &b, Value indices, Bytes part) const = 0;
  /// The same in a table that is data, with indices within it.
  virtual Value lookUpTable(Builder &b, Value indices, Value table) const = 0;
  /// Bits from `first` on of the xor of the images of an index's bits: the sum
  /// of what each four of them give.
  virtual Value hash(Builder &b, Indices indices,
                     llvm::ArrayRef<uint16_t> images, unsigned first) const;

  static Value call(Builder &b, llvm::StringRef name,
                    mlir::ValueRange operands);
  /// A register of `bytes` bytes with as many copies of `part` as it holds.
  static Value repeat(Builder &b, Bytes part, int64_t bytes);
  static Value maskIndices(Builder &b, Value indices, int8_t mask);
  /// Bit `bit` of each byte, as a comparison of the byte's sign.
  static Value testBit(Builder &b, Value indices, unsigned bit);
  /// Bytes [first, first + count) of `tables`, repeated to `bytes` bytes.
  static Value takeTable(Builder &b, Value tables, int64_t first, int64_t count,
                         int64_t bytes);
  /// Lanes of four bytes of `chosen` for which `isChosen`, of `others`, which
  /// may be null, elsewhere.
  static Value chooseLanes(Builder &b, Value chosen, Value others,
                           llvm::function_ref<bool(int64_t lane)> isChosen);

private:
  Value lookUp(Builder &b, Indices indices, Bytes table) const;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_PERMUTEDLOOKUP_H
