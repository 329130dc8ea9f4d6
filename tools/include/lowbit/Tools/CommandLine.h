//===- CommandLine.h - Reading command lines --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Wrong command lines are one error each, in this project's words.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMANDLINE_H
#define LOWBIT_TOOLS_COMMANDLINE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// Reads the command line into the options that are registered. `--help`, above
/// whose options stands `overview`, and `--version` print and exit. So does a
/// value that an option of this project refuses.
llvm::Error parseCommandLine(int argc, char **argv, llvm::StringRef overview);

/// An error where the command line gives an option that is no list, and that
/// `isOurs`, more than once: LLVM's parser lets the last value win in silence.
llvm::Error
checkGivenOnce(llvm::function_ref<bool(const llvm::cl::Option &)> isOurs);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMANDLINE_H
