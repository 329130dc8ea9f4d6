//===- LayerTransforms.h - what to quantize instead -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights that are quantized in place of a layer's own, because their rounded
// values serve the output better: columns scaled by how much their input
// matters, and targets that make up for errors of the layers before.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LAYERTRANSFORMS_H
#define LOWBIT_NUMERICS_LAYERTRANSFORMS_H

#include "lowbit/Numerics/FactoredHessian.h"
#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// Weights [rows, columns] of one of the layers that read the same input.
struct LayerWeights {
  const float *weights;
  int64_t rows;
  /// What they are quantized to.
  Encoding encoding;
};

/// What searchColumnScales found.
struct ColumnScales {
  /// [columns]. The layers quantize W diag(scales) and read x diag(scales)^-1,
  /// which whatever computes x may absorb.
  std::vector<float> scales;
  /// scales[k] is proportional to the input's root mean square to the power of
  /// this; 0 means that no scaling is best.
  double exponent = 0;
  /// Output errors, of the rows that were tried, without and with the scales.
  double plainError = 0, error = 0;
};

/// Activation-aware scaling (AWQ: Lin et al., 2023): for exponents from 0 to 1,
/// quantizes the scaled weights of all layers that read an input with second
/// moment `hessian` [columns, columns], and keeps the exponent with the least
/// output error. Clipping is part of the search for each group's parameters,
/// whose squared errors count by what they do to the output. Of each layer at
/// most `triedRows` rows, evenly spread, take part. `classes` [columns], where
/// not empty, names for each column the first one that must have the same
/// scale. Fails as quantize does.
Status searchColumnScales(const std::vector<LayerWeights> &layers,
                          int64_t columns, const float *hessian,
                          int64_t triedRows,
                          const std::vector<int32_t> &classes,
                          ColumnScales &result);

/// Inputs of a layer in the float model, x, and in the model quantized so far,
/// y, over the same samples.
struct InputDrift {
  /// E[y^T y] and E[x^T y], [columns, columns].
  const float *hessian, *cross;
  /// E[(r - s)^T y] [rows, columns], r being what the float model adds the
  /// layer's output to and s the same in the quantized one; or null.
  const float *residual = nullptr;
  /// The share of the residual's drift to make up for.
  float residualShare = 0.5f;
};

/// The weights whose output on y is nearest to what `weights` [rows, columns]
/// compute from x,
///
///   W + (W (E[x^T y] - E[y^T y]) + residualShare E[(r - s)^T y]) A^-1,
///
/// A being the damped second moment of y that `factors` holds in natural order.
void correctTarget(const float *weights, int64_t rows, const InputDrift &drift,
                   const FactoredHessian &factors, float *result);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LAYERTRANSFORMS_H
