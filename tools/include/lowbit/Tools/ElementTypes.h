//===- ElementTypes.h - Element types of files and of MLIR ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place where the element types of host tensors and of IR meet.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_ELEMENTTYPES_H
#define LOWBIT_TOOLS_ELEMENTTYPES_H

#include "lowbit/Tools/HostTensor.h"
#include "mlir/IR/Types.h"

namespace lowbit {

/// The element type that stores an MLIR type; signless integers count as
/// signed. Nothing for types that fill no whole bytes, except i1.
std::optional<ElementType> getElementType(mlir::Type type);

} // namespace lowbit

#endif // LOWBIT_TOOLS_ELEMENTTYPES_H
