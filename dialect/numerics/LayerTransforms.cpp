//===- LayerTransforms.cpp - what to quantize instead ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/LayerTransforms.h"

#include "GroupKernels.h"
#include "lowbit/Numerics/Feedback.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

//===----------------------------------------------------------------------===//
// Column scales
//===----------------------------------------------------------------------===//

/// At most `count` rows of a layer, evenly spread.
static std::vector<float> sampleRows(const LayerWeights &layer, int64_t columns,
                                     int64_t count) {
  std::vector<float> result;
  int64_t taken = std::min(count, layer.rows);
  for (int64_t i = 0; i < taken; ++i) {
    const float *row = layer.weights + i * layer.rows / taken * columns;
    result.insert(result.end(), row, row + columns);
  }
  return result;
}

/// The mean square of each column's class.
static std::vector<float> meanSquares(const float *hessian, int64_t columns,
                                      const std::vector<int32_t> &classes) {
  std::vector<float> squares(columns);
  for (int64_t k = 0; k < columns; ++k)
    squares[k] = hessian[k * columns + k];
  if (classes.empty())
    return squares;
  std::vector<double> sums(columns);
  std::vector<int64_t> counts(columns);
  for (int64_t k = 0; k < columns; ++k) {
    sums[classes[k]] += squares[k];
    ++counts[classes[k]];
  }
  for (int64_t k = 0; k < columns; ++k)
    squares[k] = static_cast<float>(sums[classes[k]] /
                                    static_cast<double>(counts[classes[k]]));
  return squares;
}

/// Root mean squares to the power of `exponent`, their extremes at equal
/// distance from 1, and never 0.
static std::vector<float> scalesFor(const std::vector<float> &squares,
                                    double exponent) {
  std::vector<float> scales(squares.size(), 1);
  float least = INFINITY, most = 0;
  for (size_t k = 0; k < squares.size(); ++k) {
    float square = squares[k];
    scales[k] =
        square > 0 ? static_cast<float>(std::pow(square, 0.5 * exponent)) : 0;
    if (scales[k] == 0)
      continue;
    least = std::min(least, scales[k]);
    most = std::max(most, scales[k]);
  }
  float middle = most > 0 ? std::sqrt(least * most) : 1;
  for (float &scale : scales)
    scale = scale > 0 ? scale / middle : 1;
  return scales;
}

/// Adds the output error of quantizing with `scales` to `error`.
static Status tryScales(const std::vector<float> &weights, int64_t columns,
                        const float *hessian, const Encoding &encoding,
                        const std::vector<float> &scales, double &error) {
  auto rows = static_cast<int64_t>(weights.size()) / columns;
  std::vector<float> scaled(weights.size()), importance(columns);
  for (size_t i = 0; i < weights.size(); ++i)
    scaled[i] = weights[i] * scales[i % columns];
  for (int64_t k = 0; k < columns; ++k)
    importance[k] = hessian[k * columns + k] / (scales[k] * scales[k]);
  QuantizedMatrix matrix;
  QuantizeOptions options;
  options.importance = importance.data();
  if (Status status =
          quantize(scaled.data(), rows, columns, encoding, options, matrix);
      !status.ok())
    return status;
  dequantize(matrix, scaled.data());
  for (size_t i = 0; i < weights.size(); ++i)
    scaled[i] /= scales[i % columns];
  error += outputError(weights.data(), scaled.data(), rows, columns, hessian);
  return Status::success();
}

Status searchColumnScales(const std::vector<LayerWeights> &layers,
                          int64_t columns, const float *hessian,
                          int64_t triedRows,
                          const std::vector<int32_t> &classes,
                          ColumnScales &result) {
  constexpr int kExponents = 20;
  std::vector<std::vector<float>> weights;
  for (const LayerWeights &layer : layers)
    weights.push_back(sampleRows(layer, columns, triedRows));
  std::vector<float> squares = meanSquares(hessian, columns, classes);
  for (int i = 0; i <= kExponents; ++i) {
    double exponent = static_cast<double>(i) / kExponents, error = 0;
    std::vector<float> scales = scalesFor(squares, exponent);
    for (size_t layer = 0; layer < layers.size(); ++layer)
      if (Status status = tryScales(weights[layer], columns, hessian,
                                    layers[layer].encoding, scales, error);
          !status.ok())
        return status;
    if (i == 0)
      result.plainError = error;
    if (i == 0 || error < result.error) {
      result.scales = std::move(scales);
      result.exponent = exponent;
      result.error = error;
    }
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Corrected targets
//===----------------------------------------------------------------------===//

/// result [rows, columns] += rows of `weights` times `matrix`.
static void addMatrixProduct(const float *weights, int64_t rows,
                             int64_t columns, const float *matrix,
                             float *result) {
  std::vector<float> panel(columns * panelRows), products;
  for (int64_t first = 0; first < rows; first += panelRows) {
    int64_t count = std::min(panelRows, rows - first);
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t n = 0; n < panelRows; ++n)
        panel[k * panelRows + n] =
            n < count ? weights[(first + n) * columns + k] : 0;
    products.assign(columns * panelRows, 0);
    groupKernels().addProduct({matrix, columns, columns, panel.data(),
                               panelRows, columns, panelRows, 1,
                               products.data(), panelRows});
    for (int64_t n = 0; n < count; ++n)
      for (int64_t k = 0; k < columns; ++k)
        result[(first + n) * columns + k] += products[k * panelRows + n];
  }
}

void correctTarget(const float *weights, int64_t rows, const InputDrift &drift,
                   const FactoredHessian &factors, float *result) {
  int64_t columns = factors.columns();
  std::vector<float> difference(columns * columns);
  for (int64_t i = 0; i < columns * columns; ++i)
    difference[i] = drift.cross[i] - drift.hessian[i];
  std::fill_n(result, rows * columns, 0.0f);
  addMatrixProduct(weights, rows, columns, difference.data(), result);
  for (int64_t i = 0; drift.residual && i < rows * columns; ++i)
    result[i] += drift.residualShare * drift.residual[i];
  factors.solve(result, rows);
  for (int64_t i = 0; i < rows * columns; ++i)
    result[i] += weights[i];
}

} // namespace lowbit::numerics
