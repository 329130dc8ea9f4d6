//===- Quantization.h - which elements share a scale ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parameters of QuantizeLinear and DequantizeLinear: one pair for a tensor,
// for each position along an axis, or for each block of an axis. Constants are
// converted at import, by functions declared here.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_QUANTIZATION_H
#define LOWBIT_FRONTENDS_ONNX_QUANTIZATION_H

#include "Importer.h"

namespace lowbit::frontend {

struct Quantization {
  enum class Kind { Tensor, Axis, Block };

  const Value *scale;
  /// Null where the zero point is 0.
  const Value *zeroPoint;
  Kind kind = Kind::Tensor;
  /// The axis, counted from the front; not with Kind::Tensor.
  int64_t axis = 0;
  /// Positions along the axis that share parameters; with Kind::Block only.
  int64_t blockSize = 0;

  /// Whether scales and zero points are known when the model is compiled.
  bool isConstant() const;
};

/// Reads scale and zero point, inputs 1 and 2 of `node`, for its input 0. Fails
/// where their types or shapes don't fit.
llvm::Expected<Quantization> readQuantization(Importer &im, const Node &node);

/// The least and the largest integer of `type`, of at most 16 bits.
std::pair<int64_t, int64_t> rangeOf(int32_t type);

/// A number of ONNX type `type` as f32.
mlir::Value asFloat(ScalarBuilder &b, mlir::Value x, int32_t type);

/// round(x) + zero point, which may be null, saturated to the range of the
/// result's type; all are f32. A NaN becomes the lowest integer.
mlir::Value buildSaturated(ScalarBuilder &b, mlir::Value x, mlir::Value zero);

/// `x`, a constant of floats, rounded to integers of `type`. Nothing if an
/// operand is no constant.
std::optional<TensorData>
quantizeConstant(const Value &x, const Quantization &parameters, int32_t type);

/// The numbers, of type `type`, that the integers of a constant stand for.
/// Nothing if an operand is no constant.
std::optional<TensorData> dequantizeConstant(const Value &x,
                                             const Quantization &parameters,
                                             int32_t type);

/// Input 0 of `node`, a constant of codes, as a quantized weight whose numbers
/// have type `type`. Its rows are what has a scale each; columns, what a block
/// divides.
llvm::Expected<Value> dequantizedWeight(Importer &im, const Node &node,
                                        const Quantization &parameters,
                                        int32_t type);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_QUANTIZATION_H
