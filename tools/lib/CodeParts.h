//===- CodeParts.h - LLVM IR in parts for several threads -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM optimizes a module on one thread, and shares nothing between modules of
// different contexts. So a module's functions are dealt out to parts, each of
// which a thread loads into a context of its own. Which function comes to which
// part depends on the module alone, not on threads: same input, same code.
// What it costs: a small private function with callers in several parts is not
// inlined in all of them, and what LLVM finds out of it stays in its part.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_CODEPARTS_H
#define LOWBIT_TOOLS_LIB_CODEPARTS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// A module taken apart.
class CodeParts {
public:
  /// Deals out the functions of `module`. Functions that are called from one
  /// place, and may be inlined there, come to the part of their caller. Names
  /// that several parts use are no longer private in them.
  explicit CodeParts(llvm::Module &module);

  /// How many there are: one for little code.
  size_t size() const { return numParts; }

  /// Loads a part: the functions that are its own, declarations of others,
  /// and variables, which are defined in the first part; constants are visible
  /// in all. Safe on several threads, with a context each.
  llvm::Expected<std::unique_ptr<llvm::Module>>
  load(size_t part, llvm::LLVMContext &context) const;

  /// Puts parts together again after whatever became of them, in their order,
  /// each as bitcode: functions stand as they stood, and what was private is
  /// private again.
  llvm::Expected<std::unique_ptr<llvm::Module>>
  join(llvm::ArrayRef<llvm::SmallVector<char, 0>> parts,
       llvm::LLVMContext &context) const;

private:
  void share(llvm::Module &module);

  size_t numParts = 1;
  /// The part of each function that is defined.
  llvm::StringMap<size_t> partOf;
  /// Their names in the module's order.
  std::vector<std::string> order;
  /// What had local linkage and is shared by parts, with that linkage.
  llvm::StringMap<llvm::GlobalValue::LinkageTypes> shared;
  llvm::SmallVector<char, 0> bitcode;
};

/// A module as bitcode.
llvm::SmallVector<char, 0> writeBitcode(const llvm::Module &module);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_CODEPARTS_H
