//===- LayerNames.h - layers by name ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer goes by the name of its weight. Options name layers by globs (`*`,
// `?`, `[a-z]`, `{a,b}`).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_LAYERNAMES_H
#define LOWBIT_TRANSFORMS_LAYERNAMES_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/GlobPattern.h"
#include <optional>
#include <string>

namespace lowbit {

/// Attribute of a layer: a factor, f32, of the scales that its weight gets.
inline constexpr llvm::StringLiteral kScaleFactorAttrName =
    "lowbit.scale_factor";

/// The name of a layer's weight, float or quantized; nothing where the weight
/// is not constant.
std::optional<std::string> getLayerName(LinearOp layer);

/// The numbers of rows that the embedding tables of `module` have.
llvm::DenseSet<int64_t> getTableRows(mlir::ModuleOp module);

/// Whether `layer` is the head: it maps to the rows of an embedding table, and
/// nothing but reshapes stands between it and the function's result.
bool isHead(LinearOp layer, const llvm::DenseSet<int64_t> &tableRows);

/// The names most like `wanted`, at most three, as a text: "'a', 'b' or 'c'".
std::string describeNearest(llvm::StringRef wanted,
                            llvm::ArrayRef<std::string> names);

/// A list of globs, each of which must match something. It refers to the
/// characters of the globs.
class LayerGlobs {
public:
  /// Fails, with an error at `loc` that begins with `what`, on a malformed
  /// glob and on one that matches none of `names`.
  static mlir::FailureOr<LayerGlobs> create(mlir::Location loc,
                                            llvm::StringRef what,
                                            llvm::ArrayRef<std::string> globs,
                                            llvm::ArrayRef<std::string> names);

  bool match(llvm::StringRef name) const;

private:
  std::vector<llvm::GlobPattern> patterns;
};

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_LAYERNAMES_H
