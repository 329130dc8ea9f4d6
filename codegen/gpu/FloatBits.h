//===- FloatBits.h - small floats from their bits ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_FLOATBITS_H
#define LOWBIT_LIB_CODEGEN_GPU_FLOATBITS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lowbit {

/// The number, as f32, of a finite float of `type` (at most 16 bits) whose bits
/// are the low end of `word`, zeros above. Integer arithmetic, so that every
/// GPU gives the same: they may round or flush what conversions yield.
mlir::Value buildDecodeFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value word,
                             mlir::FloatType type);

/// The bits of the f16 nearest to `number`, ties to even, in the low end of a
/// word, zeros above; infinity where it is too large, and a NaN of a NaN.
/// Integer arithmetic but for one sum of normal numbers, which is exact to
/// f16's least step.
mlir::Value buildEncodeHalf(mlir::ImplicitLocOpBuilder &b, mlir::Value number);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_FLOATBITS_H
