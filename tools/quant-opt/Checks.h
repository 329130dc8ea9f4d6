//===- Checks.h - command lines that cannot be meant ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whatever can be known to be wrong before the model is read is said then.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_CHECKS_H
#define LOWBIT_TOOLS_QUANTOPT_CHECKS_H

#include "Driver.h"
#include "mlir/IR/MLIRContext.h"

namespace lowbit {

/// The phase that the artefact asked for is made of.
llvm::Expected<Phase> lastPhase(const DriverOptions &options);

/// A flag without effect is a mistake: each needs the phase that it is for.
llvm::Error checkFlags(llvm::StringRef input, const DriverOptions &options,
                       Phase last);

/// Readers, and people, tell a file by its extension. What is no file, such as
/// /dev/stdout, has none.
llvm::Error checkOutputName(llvm::StringRef output, EmitKind kind);

/// Passes on the command line belong to the other way of use.
llvm::Error checkNoPasses(mlir::MLIRContext &context);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_CHECKS_H
