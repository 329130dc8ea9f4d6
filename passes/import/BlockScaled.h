//===- BlockScaled.h - arithmetic on block-scaled floats --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IMPORT_BLOCKSCALED_H
#define LOWBIT_IMPORT_BLOCKSCALED_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace lowbit {

/// Numbers that an element of a block-scaled format can be: quanta of
/// 2^-mantissaBits relative to the leading bit, down to that of minExponent.
struct BlockElement {
  double largest;
  int minExponent, mantissaBits;

  /// The element type `type`, a small float or TOSA's mxint8.
  static BlockElement of(mlir::Type type);
};

/// `input` [..., K] cut into blocks: [..., K / size, size].
mlir::Value toBlocks(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value input, int64_t size);
/// The inverse.
mlir::Value fromBlocks(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value blocks);

/// The scale of each block [..., B] of `blocks` [..., B, size]: the smallest
/// power of two, at least 2^-127, with which the block's largest magnitude is
/// within the element's range. As f32.
mlir::Value buildBlockScales(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::Value blocks, const BlockElement &element);

/// `blocks` divided by their scales and rounded, half to even, to numbers that
/// the element has; times the scales again where `isRescaled`. In `type`.
mlir::Value buildRounded(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value blocks, mlir::Value scales,
                         const BlockElement &element, bool isRescaled,
                         mlir::Type type);

/// `data` [..., B, size] of small floats times `scales` [..., B], in `type`.
mlir::Value buildScaled(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value data, mlir::Value scales, mlir::Type type);

/// Each element of `value` rounded to `type`, a float type that holds it.
mlir::Value buildNarrowed(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, mlir::Type type);

} // namespace lowbit

#endif // LOWBIT_IMPORT_BLOCKSCALED_H
