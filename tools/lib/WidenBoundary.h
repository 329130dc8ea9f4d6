//===- WidenBoundary.h - what scripts hand over -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_WIDENBOUNDARY_H
#define LOWBIT_TOOLS_LIB_WIDENBOUNDARY_H

#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Makes inputs and outputs of public functions that are f16 or bf16 f32, which
/// is what JavaScript has, and schedules of GPUs take: inputs are rounded where
/// the function begins, to nearest even. States stay as they are, which no
/// caller sees.
void widenBoundary(mlir::ModuleOp packed);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_WIDENBOUNDARY_H
