//===- Signature.h - What a module offers to its caller ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, types and sizes that only the IR before lowering still knows: once
// compiled, a model is pointers and extents.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_SIGNATURE_H
#define LOWBIT_TOOLS_SIGNATURE_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Model.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// The function that a model's module runs.
inline constexpr llvm::StringLiteral kMainFunction = "main";

/// Inputs and outputs of a model.
struct Signature {
  std::vector<TensorSpec> inputs, outputs;
};

/// Reads the signature of `@main`. Arguments and results without a name are
/// called `input0`, `output0` and so on. In raised form, inputs that index
/// embeddings say so. A module without the function, and
/// types other than tensors of whole bytes, are errors.
llvm::Expected<Signature> getSignature(mlir::ModuleOp module);

/// Sums up the module's globals (see `WeightSize`).
WeightSize getWeightSize(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_TOOLS_SIGNATURE_H
