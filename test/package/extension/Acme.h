//===- Acme.h - a number format, a target and a pass ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a project outside of Lowbit's tree adds to it.
//
//===----------------------------------------------------------------------===//

#ifndef ACME_H
#define ACME_H

#include <lowbit/IR/Lowbit.h>

#include "AcmeDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "AcmeAttributes.h.inc"

namespace acme {

/// Adds the dialect with its number format and target to a registry that has
/// Lowbit.
void registerDialect(mlir::DialectRegistry &registry);

/// Attaches the answers of the target; called when the dialect is loaded.
void attachTargetModel(mlir::MLIRContext &context);

/// Registers `acme-recognise-layers`.
void registerPasses();

} // namespace acme

#endif // ACME_H
