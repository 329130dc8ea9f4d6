//===- Passes.h - target-independent passes ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PASSES_H
#define LOWBIT_TRANSFORMS_PASSES_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace lowbit {

#define GEN_PASS_DECL
#include "lowbit/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/Transforms/Passes.h.inc"

/// Recognises products with a constant matrix, written as linalg named ops or
/// generics, as `lowbit.linear`, and gathers of its rows as `lowbit.embedding`.
/// The patterns carry the labels `linear` and `embedding`.
void populateRaiseLinearPatterns(mlir::RewritePatternSet &patterns);

/// Rewrites convolutions with a constant weight to products with it, which the
/// patterns above raise. The patterns carry the label `conv`.
void populateRaiseConvPatterns(mlir::RewritePatternSet &patterns);

/// Recognises softmax(scale * Q * transpose(K) + mask) * V as
/// `lowbit.attention`. The patterns carry the label `attention_pattern`.
void populateRaiseAttentionPatterns(mlir::RewritePatternSet &patterns);

/// Makes `lowbit.attention` causal whose mask hides all keys behind a query's
/// own, and takes out of its mask what follows from that. Part of the patterns
/// above, for which a mask may say less than once its inputs are known.
void populateSplitMaskPatterns(mlir::RewritePatternSet &patterns);

/// Absorbs bias, activation and residual into the `lowbit.linear` that they
/// follow. The patterns carry the labels `linear_bias`, `linear_activation` and
/// `linear_residual`, by which a `FrozenRewritePatternSet` can select them.
void populateFuseEpiloguePatterns(mlir::RewritePatternSet &patterns);

/// Lets leading dimensions that are collapsed before a `lowbit.linear` and
/// expanded after it stay as they are. Raising and fusing both need it, so it
/// is part of either pass and of `populateRaiseLinearPatterns`.
void populateLinearReshapePatterns(mlir::RewritePatternSet &patterns);

/// Lets elementwise ops on a layer that is transposed, as the channels of a
/// convolution are, come before the transposition, where the layer can absorb
/// them. Part of the fusing pass.
void populateSinkTransposePatterns(mlir::RewritePatternSet &patterns);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PASSES_H
