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
#include "mlir/IR/IntegerSet.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <optional>

namespace lowbit {

/// The function that a model's module runs.
inline constexpr llvm::StringLiteral kMainFunction = "main";

/// What extents of the inputs must satisfy beyond their types; see
/// `kRequiresAttrName`. It lives as long as the module's context.
struct Requirement {
  std::string text;
  /// Pairs of an input's number and an axis, one for each dimension of the set.
  llvm::SmallVector<int64_t, 4> dims;
  mlir::IntegerSet holds;
};

/// Inputs and outputs of a model.
struct Signature {
  std::vector<TensorSpec> inputs, outputs;
  std::vector<Requirement> requirements;
  /// Inputs that are updated in place.
  llvm::SmallVector<int64_t, 4> states;
  /// Bytes of the workspace that the function computes in, where its outputs
  /// lie, too; nothing for one that allocates what it needs.
  std::optional<uint64_t> workspace;
};

/// Checks inputs of the right types against the requirements. The error says
/// what is required and which extents were found.
llvm::Error checkRequirements(const Signature &signature,
                              llvm::ArrayRef<HostTensor> inputs);

/// For each argument of `function` the rows of the embedding table that its
/// elements are indices of, of several tables the fewest; 0 for other
/// arguments. Indices may be widened and reshaped on the way.
llvm::SmallVector<int64_t> findIndexedRows(mlir::FunctionOpInterface function);

/// An error where two inputs, or two outputs, of `function` have one name: the
/// name is what hosts know them by, so that one of them would be out of reach.
llvm::Error checkNames(mlir::FunctionOpInterface function);

/// Reads the signature of `@main`, or of another function. Arguments and
/// results without a name are called `input0`, `output0` and so on. In raised
/// form, inputs that index embeddings say so. A module without the function,
/// and types other than tensors of whole bytes, are errors.
llvm::Expected<Signature> getSignature(mlir::ModuleOp module,
                                       llvm::StringRef name = kMainFunction);

/// Sums up the module's globals (see `WeightSize`).
WeightSize getWeightSize(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_TOOLS_SIGNATURE_H
