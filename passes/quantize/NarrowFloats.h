//===- NarrowFloats.h - weights as floats of 16 bits ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_NARROWFLOATS_H
#define LOWBIT_QUANTIZE_NARROWFLOATS_H

#include "lowbit/Transforms/ConstantMatrix.h"

namespace lowbit {

/// The numbers of `matrix`, the weight of `user`, rounded to `type` (f16 or
/// bf16): two bytes each, row by row, low byte first. Fails, with a diagnostic,
/// where numbers are not finite, or beyond f16.
mlir::FailureOr<std::vector<uint8_t>> narrowMatrix(mlir::Operation *user,
                                                   const ConstantMatrix &matrix,
                                                   mlir::FloatType type);

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_NARROWFLOATS_H
