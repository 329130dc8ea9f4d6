//===- PrecisionRules.h - methods by layer ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PRECISION_PRECISIONRULES_H
#define LOWBIT_PRECISION_PRECISIONRULES_H

#include "lowbit/Transforms/PrecisionAssignment.h"
#include "llvm/Support/JSON.h"
#include <optional>

namespace lowbit {

/// What a rule says: an encoding, or null for float.
struct PrecisionRule {
  /// Whom it is for; larger is more specific.
  enum Kind { Default, Component, Ends, Blocks, Glob, Name } kind = Default;
  /// As it was written.
  std::string key;
  EncodingAttr encoding;
  LayerComponent component = LayerComponent::FeedForward;
  /// With Ends: the last block and not the first.
  bool isLast = false;
  /// With Blocks: from and to.
  unsigned from = 0, to = 0;
};

class PrecisionRules {
public:
  /// Reads rules (see `lowbit-assign-precision`) from JSON that `source` names.
  /// Fails, with an error that names the key, on what it doesn't know.
  static mlir::FailureOr<PrecisionRules>
  parse(mlir::Location loc, llvm::StringRef source, llvm::StringRef json);

  /// The most specific rule for each of `layers`; null where there is none.
  /// Fails, with an error that names the rule, if one matches no layer.
  mlir::FailureOr<std::vector<const PrecisionRule *>>
  match(mlir::Location loc, llvm::ArrayRef<PrecisionLayer> layers) const;

private:
  class Parser;
  /// What errors begin with: a file, or what else the rules are of.
  std::string source;
  std::vector<PrecisionRule> rules;
};

} // namespace lowbit

#endif // LOWBIT_PRECISION_PRECISIONRULES_H
