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

  /// The encoding with groups of `size` columns (0: the format's own).
  EncodingAttr get(mlir::MLIRContext *context, int64_t size) const;
};

/// The formats, in the order in which the documentation has them.
llvm::ArrayRef<NamedEncoding> getNamedEncodings();

/// Takes a format's name, with nothing or a hyphen behind it, from the front of
/// `text`; null where there is none.
const NamedEncoding *takeNamedEncoding(llvm::StringRef &text);

} // namespace lowbit

#endif // LOWBIT_LIB_TRANSFORMS_QUANTIZE_NAMEDENCODINGS_H
