//===- QuantRoundTrip.h - quantized activations in arithmetic ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IMPORT_QUANTROUNDTRIP_H
#define LOWBIT_IMPORT_QUANTROUNDTRIP_H

#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Builders.h"

namespace lowbit {

/// `input` quantized to `type` and back: (clamp(round(x / s + z)) - z) * s,
/// rounded half to even, computed in the expressed type. `type` is per tensor
/// or per axis; nothing for others.
mlir::Value buildQuantRoundTrip(mlir::OpBuilder &builder, mlir::Location loc,
                                mlir::Value input,
                                mlir::quant::QuantizedType type);

} // namespace lowbit

#endif // LOWBIT_IMPORT_QUANTROUNDTRIP_H
