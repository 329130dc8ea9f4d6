//===- MergedWeights.h - rows of several weights as one ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_MERGEDWEIGHTS_H
#define LOWBIT_FUSE_MERGEDWEIGHTS_H

#include "lowbit/Transforms/PackedData.h"
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace lowbit {

/// How rows of several matrices are arranged in one.
enum class RowOrder {
  /// All rows of the first, then all of the second...
  Concatenated,
  /// A row of each in turn; all have as many.
  Alternating,
};

/// Makes globals of rows of others. A row keeps its codes and parameters, so
/// products with it stay the same numbers. Layers that merge the same globals,
/// in one function or several, share the result.
class MergedWeights {
public:
  MergedWeights(mlir::ModuleOp module, bool releasesData)
      : module(module), eraser(module, releasesData) {}

  /// Why the weights of `layers` can't be merged, or an empty string.
  static std::string explain(llvm::ArrayRef<LinearOp> layers);

  /// The merged weight of `layers`, for which explain() is empty, as a value at
  /// the builder's place. Fails, with a diagnostic, where the data are absent.
  llvm::FailureOr<mlir::Value> getWeight(mlir::OpBuilder &builder,
                                         llvm::ArrayRef<LinearOp> layers,
                                         RowOrder order);
  /// The merged bias. A layer without one adds -0.0, which changes nothing.
  /// Null where no layer has one.
  mlir::Value getBias(mlir::OpBuilder &builder, llvm::ArrayRef<LinearOp> layers,
                      RowOrder order);

  /// Erases those of `weights`, what merged layers read before, that nothing
  /// uses any more, and their globals.
  void eraseUnused(const llvm::SetVector<WeightOp> &weights);
  /// Erases all globals and weights that nothing uses any more.
  void eraseUnused();

private:
  using Key = std::pair<std::vector<std::string>, RowOrder>;
  std::string freeName(llvm::ArrayRef<std::string> names);
  llvm::FailureOr<GlobalOp> createWeight(llvm::ArrayRef<LinearOp> layers,
                                         RowOrder order, std::string name);
  GlobalOp createBias(llvm::ArrayRef<LinearOp> layers, RowOrder order,
                      std::string name);

  mlir::ModuleOp module;
  GlobalEraser eraser;
  std::map<Key, GlobalOp> merged;
};

} // namespace lowbit

#endif // LOWBIT_FUSE_MERGEDWEIGHTS_H
