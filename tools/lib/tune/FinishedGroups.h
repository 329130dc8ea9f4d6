//===- FinishedGroups.h - what a run that was ended has done ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each group of layers is an artefact of its low-bit weights alone, written
// whole or not at all. A run that is started again takes them instead of
// quantizing, and goes on where the one before was ended.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_FINISHEDGROUPS_H
#define LOWBIT_TOOLS_LIB_TUNE_FINISHEDGROUPS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace lowbit {

struct CompileOptions;

class FinishedGroups {
public:
  /// Keeps nothing.
  FinishedGroups() = default;
  /// Uses `folder`, which is made if it isn't there, for runs on this module
  /// with these options.
  static llvm::Expected<FinishedGroups> open(llvm::StringRef folder,
                                             mlir::ModuleOp module,
                                             const CompileOptions &options);

  /// Gives `layers` of `module` the weights of group `index`; false if it was
  /// not finished. What another model, data or options have left is an error.
  llvm::Expected<bool> restore(size_t index, mlir::ModuleOp module,
                               llvm::ArrayRef<LinearOp> layers) const;
  /// Writes the weights that `layers` have now.
  llvm::Error save(size_t index, llvm::ArrayRef<LinearOp> layers) const;

private:
  std::string getPath(size_t index) const;
  llvm::Error checkSource(mlir::DictionaryAttr found) const;

  std::string folder;
  /// What the weights depend on, by what it is called in errors.
  std::vector<std::pair<std::string, std::string>> source;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_FINISHEDGROUPS_H
