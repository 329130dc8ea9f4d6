//===- PatternNames.h - patterns that can be switched off -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rewrites of the raise and fuse phases that change what a model is made of
// have names, by which they can be left out. A pass takes every name of its
// phase and heeds its own.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PATTERNNAMES_H
#define LOWBIT_TRANSFORMS_PATTERNNAMES_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "mlir/Support/LLVM.h"

namespace lowbit {

namespace pattern {
inline constexpr llvm::StringLiteral kLinear = "linear";
inline constexpr llvm::StringLiteral kEmbedding = "embedding";
inline constexpr llvm::StringLiteral kConvolution = "conv";
inline constexpr llvm::StringLiteral kAttention = "attention_pattern";
inline constexpr llvm::StringLiteral kBias = "linear_bias";
inline constexpr llvm::StringLiteral kActivation = "linear_activation";
inline constexpr llvm::StringLiteral kResidual = "linear_residual";
inline constexpr llvm::StringLiteral kGated = "gated_linear";
inline constexpr llvm::StringLiteral kQKV = "qkv";
} // namespace pattern

/// Names of the patterns of the raise phase.
llvm::ArrayRef<llvm::StringRef> getRaisePatternNames();
/// Names of the patterns of the fuse phase.
llvm::ArrayRef<llvm::StringRef> getFusePatternNames();

/// Whether all `names`, given to the pass `pass`, are among `known`; otherwise
/// emits an error that lists these.
mlir::LogicalResult checkPatternNames(mlir::MLIRContext *context,
                                      llvm::StringRef pass,
                                      llvm::ArrayRef<std::string> names,
                                      llvm::ArrayRef<llvm::StringRef> known);

/// Sets `patterns` to what `populate` adds, without the `disabled` ones, which
/// were given to the pass `pass` of the raise phase. Fails with an error if one
/// of these is none of the phase's.
mlir::LogicalResult freezeRaisePatterns(
    mlir::MLIRContext *context, llvm::StringRef pass,
    llvm::ArrayRef<std::string> disabled,
    llvm::function_ref<void(mlir::RewritePatternSet &)> populate,
    mlir::FrozenRewritePatternSet &patterns);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PATTERNNAMES_H
