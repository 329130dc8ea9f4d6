//===- Acme.h - an encoding and a target of one's own -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ACME_H
#define ACME_H

#include <lowbit/IR/Lowbit.h>

#include "AcmeDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "AcmeAttributes.h.inc"

namespace acme {

/// Adds the dialect and the target's answers to a compiler's registry.
void registerAcme(mlir::DialectRegistry &registry);

/// Attaches the answers of `#acme.dsp`; see Target.cpp.
void registerTargetModel(mlir::DialectRegistry &registry);

} // namespace acme

#endif // ACME_H
