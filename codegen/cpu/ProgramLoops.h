//===- ProgramLoops.h - loops that the model itself has ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops of a recurrent layer, or of a graph with a loop, are there before any
// op is tiled. What they do with single numbers, such as the scale that a state
// is rounded with, is what the model says, and has no lanes; loops that are
// made of ops must not do that.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_PROGRAMLOOPS_H
#define LOWBIT_CODEGEN_CPU_PROGRAMLOOPS_H

#include "llvm/ADT/StringRef.h"

namespace lowbit {

/// Attribute of a loop of the model's.
inline constexpr llvm::StringLiteral kProgramLoopAttrName =
    "lowbit.program_loop";

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_PROGRAMLOOPS_H
