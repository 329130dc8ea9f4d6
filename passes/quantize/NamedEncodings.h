//===- NamedEncodings.h - number formats by name ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_TRANSFORMS_QUANTIZE_NAMEDENCODINGS_H
#define LOWBIT_LIB_TRANSFORMS_QUANTIZE_NAMEDENCODINGS_H

#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// A format that people know by a name: a table of numbers, or integers whose
/// scales its definition prescribes.
struct NamedEncoding {
  llvm::StringLiteral name;
  /// As an encoding's assembly has it.
  llvm::StringLiteral element;
  /// Columns of a group unless asked otherwise; 0 for whole rows.
  int64_t group;
  /// Whether other groups may be asked for.
  bool hasAnyGroup;
  /// The type of scales, and what follows it.
  llvm::StringLiteral scale;

  /// The encoding with groups of `size` columns (0: the format's own) and
  /// `rows` rows.
  EncodingAttr get(mlir::MLIRContext *context, int64_t size,
                   int64_t rows) const;
};

/// The formats, in the order in which the documentation has them.
llvm::ArrayRef<NamedEncoding> getNamedEncodings();

/// Takes a format's name, with nothing or a hyphen behind it, from the front of
/// `text`; null where there is none.
const NamedEncoding *takeNamedEncoding(llvm::StringRef &text);

/// The lattice of `rate` bits for each number: of 8 numbers up to 2 bits, of 4
/// beyond; null where there is none of that rate. Scales have 4 bits under an
/// f16 for 256 numbers, groups `size` columns (0: 32), a multiple of 8.
EncodingAttr getLatticeEncoding(mlir::MLIRContext *context, double rate,
                                int64_t size);

/// The trellis of `rate` bits and a state of `state` bits. Scales of rows have
/// 8 bits under one of the tensor, for the search finds codes that fit what
/// they are rounded to; those of columns 5 bits, an eighth of an octave apart.
EncodingAttr getTrellisEncoding(mlir::MLIRContext *context, unsigned state,
                                unsigned rate);

} // namespace lowbit

#endif // LOWBIT_LIB_TRANSFORMS_QUANTIZE_NAMEDENCODINGS_H
