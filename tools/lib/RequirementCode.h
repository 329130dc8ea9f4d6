//===- RequirementCode.h - requirements as compiled code --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program checks what its model requires of the extents of its inputs
// without any part of MLIR: each requirement is a small function.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_REQUIREMENTCODE_H
#define LOWBIT_TOOLS_LIB_REQUIREMENTCODE_H

#include "lowbit/Tools/Signature.h"
#include "llvm/IR/Module.h"

namespace lowbit {

/// Adds `int name(const int64_t *values)` to `module`: whether the values of
/// the requirement's extents satisfy it. Sums and products saturate, so that no
/// extents, however large, satisfy it by overflow.
llvm::Function *addRequirement(llvm::Module &module,
                               const Requirement &requirement,
                               llvm::StringRef name);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_REQUIREMENTCODE_H
