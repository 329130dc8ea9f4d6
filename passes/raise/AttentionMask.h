//===- AttentionMask.h - what is added to scores, in one tensor -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_ATTENTIONMASK_H
#define LOWBIT_RAISE_ATTENTIONMASK_H

#include "AttentionMatch.h"

#include "mlir/IR/Builders.h"

namespace lowbit {

/// The sum of `masks`, of all dimensions of the scores that one of them has, as
/// an f32 operand of attention.
mlir::Value buildAttentionMask(mlir::OpBuilder &builder, mlir::Location loc,
                               llvm::ArrayRef<ScoreMask> masks);

/// `mask` as an operand of attention: what comes before its first dimension is
/// left out, others that it does not have are 1.
mlir::Value expandMask(mlir::OpBuilder &builder, mlir::Location loc,
                       const ScoreMask &mask);

} // namespace lowbit

#endif // LOWBIT_RAISE_ATTENTIONMASK_H
