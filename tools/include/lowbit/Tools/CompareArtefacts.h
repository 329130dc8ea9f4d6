//===- CompareArtefacts.h - checking and comparing artefacts ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMPAREARTEFACTS_H
#define LOWBIT_TOOLS_COMPAREARTEFACTS_H

#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/Report.h"
#include "mlir/IR/DialectRegistry.h"

namespace lowbit {

/// One thing that was looked at.
struct ArtefactCheck {
  enum class State { Passed, Failed, Note };
  State state = State::Passed;
  std::string text;
};

/// What checking a file showed, in the order of the checks.
struct Verification {
  std::string file;
  std::vector<ArtefactCheck> checks;

  bool passed() const;
  void print(llvm::raw_ostream &os, bool json) const;
};

/// Checks what `quant-opt` wrote: IR (`.mlir`, `.mlirbc`) with its sidecar, a
/// sidecar (`.safetensors`) alone, or a program (`.o`, `.so`) with its weights.
/// Looks at form, checksums, that each weight has data of its type and finite
/// parameters, and that provenance is there and the same in all parts. A source
/// file that lies beside the artefact is compared with its digest. Another kind
/// of file is an error; whatever is wrong with the file is a failed check.
llvm::Expected<Verification>
verifyArtefact(llvm::StringRef path, const mlir::DialectRegistry &registry);

/// How one weight of two models differs.
struct WeightDifference {
  std::string name;
  /// What each model has; empty strings where it has no weight of this name.
  std::string encoding[2], shape[2];
  uint64_t bytes[2] = {};
  double bits[2] = {};
  /// Whether all numbers are the same.
  bool areEqual = false;
  /// Of the second model against the first, where shapes agree.
  std::optional<WeightError> error;
};

/// How two models differ.
struct ModelDifference {
  std::string files[2];
  /// Provenance of each, as `toJson` gives it; empty objects where it is
  /// absent.
  llvm::json::Object provenance[2];
  /// Bytes of all tensors.
  uint64_t bytes[2] = {};
  std::vector<WeightDifference> weights;
  /// Names of other tensors, biases and norms, that differ or that one lacks.
  std::vector<std::string> others;

  bool areEqual() const;
  void print(llvm::raw_ostream &os, bool json) const;
};

/// Compares two models, `.onnx` or artefacts up to `pack`, weight by weight
/// under the names of the model that was read.
llvm::Expected<ModelDifference>
diffModels(llvm::StringRef first, llvm::StringRef second,
           const mlir::DialectRegistry &registry, const LoadOptions &load);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMPAREARTEFACTS_H
