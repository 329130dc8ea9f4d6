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
/// Flags that exclude each other, and numbers that mean nothing, are others.
llvm::Error checkFlags(llvm::StringRef input, const DriverOptions &options,
                       Phase last);

/// Flags that are about looking at files and measuring the machine, where
/// neither is asked for.
llvm::Error checkInspecting(const DriverOptions &options);

/// The form of output that an extension stands for, if any.
std::optional<EmitKind> findForm(llvm::StringRef output);

/// Readers, and people, tell a file by its extension, which must be that of
/// what --emit says. What is no file, such as /dev/stdout, has none.
llvm::Error checkOutputForm(llvm::StringRef output,
                            const DriverOptions &options);

/// Whether the model, and models beside it, can be read, and code be made for
/// each CPU of a list.
llvm::Error checkInputs(llvm::StringRef input, const DriverOptions &options);

/// Whether all files that `options` ask for can be written, and none of them
/// twice or in place of one that is read and stays. `output` is "-" where the
/// model itself isn't written.
llvm::Error checkOutputs(llvm::StringRef input, llvm::StringRef output,
                         const DriverOptions &options);

/// Passes on the command line belong to the other way of use.
llvm::Error checkNoPasses(mlir::MLIRContext &context);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_CHECKS_H
