//===- Registration.h - what the tools register -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_REGISTRATION_H
#define LOWBIT_TOOLS_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace lowbit {

/// Adds the lowbit dialect, the upstream dialects that its phases produce, and
/// the external models that packing and bufferization need.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers the project's passes and pipelines, and the upstream passes that
/// are useful between its phases.
void registerPasses();

} // namespace lowbit

#endif // LOWBIT_TOOLS_REGISTRATION_H
