//===- FatalErrors.h - ends that no caller can handle -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled code and parts of LLVM can't return an error: they end the program.
// It ends like any other failure then: one error, no file half written.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_FATALERRORS_H
#define LOWBIT_TOOLS_FATALERRORS_H

#include <cstddef>

namespace lowbit {

/// Lets LLVM's fatal errors, those of memory that can't be had among them, end
/// the program with "tool: error: reason" and status 1 after unfinished outputs
/// are removed, and crashes of MLIR's parser be errors of the file. For `main`;
/// `tool` must outlive the program.
void exitOnFatalErrors(const char *tool);

/// What `exitOnFatalErrors` was told, as other errors begin, too; empty before.
const char *getToolName();

/// `malloc` for compiled code, which does not look whether it got anything:
/// that there is no memory is a fatal error with the size.
void *allocateForModel(size_t size);

} // namespace lowbit

#endif // LOWBIT_TOOLS_FATALERRORS_H
