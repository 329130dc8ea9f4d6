//===- BFloatInputs.h - layers computed in bf16 -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_BFLOATINPUTS_H
#define LOWBIT_QUANTIZE_BFLOATINPUTS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Rounds the inputs of `layers`, those that are plain tensors, to bf16, and
/// lets their quantized weights express that type: codes and parameters stay
/// what they are. Results keep their type. Layers that share an input share its
/// rounding; a weight that something else reads as well gets a second global of
/// the same data.
void computeInBFloat(mlir::ModuleOp module, llvm::ArrayRef<LinearOp> layers);

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_BFLOATINPUTS_H
