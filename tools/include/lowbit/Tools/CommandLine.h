//===- GivenOnce.h - options of which one value counts ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_GIVENONCE_H
#define LOWBIT_TOOLS_GIVENONCE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// An error where the command line gives an option that is no list, and that
/// `isOurs`, more than once: LLVM's parser lets the last value win in silence.
llvm::Error
checkGivenOnce(llvm::function_ref<bool(const llvm::cl::Option &)> isOurs);

} // namespace lowbit

#endif // LOWBIT_TOOLS_GIVENONCE_H
