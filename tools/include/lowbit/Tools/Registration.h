//===- Registration.h - what the tools register -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_REGISTRATION_H
#define LOWBIT_TOOLS_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace lowbit {

/// Adds the lowbit dialect and the external models that packing and
/// bufferization ask for: what a program with upstream's dialects lacks.
void registerLowbitDialect(mlir::DialectRegistry &registry);

/// Adds the lowbit dialect as above, and the upstream dialects that its phases
/// produce with their external models.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers the project's passes and pipelines.
void registerAllLowbitPasses();

/// Registers the same and the upstream passes that are useful between the
/// phases.
void registerPasses();

} // namespace lowbit

#endif // LOWBIT_TOOLS_REGISTRATION_H
