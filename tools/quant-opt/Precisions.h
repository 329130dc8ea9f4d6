//===- Precisions.h - web modules of several precisions ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_PRECISIONS_H
#define LOWBIT_TOOLS_QUANTOPT_PRECISIONS_H

#include "Driver.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace lowbit {

/// The methods that --quantize lists; commas within an encoding part nothing.
std::vector<std::string> splitMethods(llvm::StringRef list);

/// Whether a web module of several precisions is asked for, or one that says
/// how accurate it is.
bool hasPrecisions(const DriverOptions &options);

/// Compiles the model by each method of --quantize, with `compileOne` for what
/// `options` say at that time, measures each as --evaluate says, and writes the
/// module that has them all.
llvm::Error compilePrecisions(llvm::StringRef input, llvm::StringRef output,
                              DriverOptions &options,
                              llvm::function_ref<llvm::Error()> compileOne);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_PRECISIONS_H
