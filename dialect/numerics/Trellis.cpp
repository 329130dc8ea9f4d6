//===- Trellis.cpp - codes that overlap, found by a path search -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arrays are [columns, stride] with the rows of the layer side by side, padded
// to whole panels by rows of zeros, which no path visits. "Turns" are the order
// of quantization, "places" that of storage.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Trellis.h"

#include "GroupKernels.h"
#include "TableQuantizer.h"
#include "lowbit/Numerics/FactoredHessian.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

static constexpr int64_t blockColumns = 128;

/// By how much the numbers of each rate are stretched to fit weights of
/// deviation 1: what comes nearer to a Gaussian than its outer numbers reach.
static float stretchOf(unsigned rate) { return rate == 1 ? 0.9f : 1.05f; }

namespace {

class TrellisQuantizer {
public:
  TrellisQuantizer(const float *hessian, const TrellisOptions &options,
                   QuantizedMatrix &result)
      : hessian(hessian), options(options), result(result), rows(result.rows),
        columns(result.columns),
        stride((rows + panelRows - 1) / panelRows * panelRows) {}

  Status prepare(const float *weights);
  void run();

private:
  void chooseRowScales(const float *weights);
  void weighPaths();
  void limitColumnScales();
  void quantizeAll();
  void chooseColumnScale(int64_t turn);
  void findColumn(int64_t turn, const float *target);
  float roundRowScale(float scale) const;
  void setRowScale(int64_t n, float scale);
  void refitRows();
  void sweep();
  /// to[t] += sign * sum over i of matrix row (begin + i) [t] * from[i].
  void addProduct(const float *matrix, int64_t matrixStride, int64_t begin,
                  int64_t end, int64_t first, int64_t last, const float *from,
                  float *to) const;

  float *at(std::vector<float> &array, int64_t turn) const {
    return array.data() + turn * stride;
  }
  int64_t placeOf(int64_t turn) const { return places[order[turn]]; }
  const CodeTable &tableOf(int64_t turn) const {
    return *result.format(placeOf(turn)).table();
  }

  const float *hessian;
  const TrellisOptions &options;
  QuantizedMatrix &result;
  int64_t rows, columns, stride;
  /// By turn the column; by column the place.
  std::vector<int32_t> order, places;
  /// The matrix of column scales, or null.
  std::shared_ptr<QuantizedMatrix> columnScales;
  std::vector<float> columnScale, rowScale, pathWeights;
  FactoredHessian factors;
  /// By turn: weights with feedback, weight less value, and value.
  std::vector<float> current, errors, values;
  // Scratch of the path search.
  std::vector<float> scaled, costs;
  std::vector<uint8_t> choices, codes;
};

} // namespace

static float roundTo(ScaleFormat format, float value) {
  return scaleFromBits(format, scaleToBits(format, value));
}

/// The factor of the tensor, which scales of 8 bits need.
static float outerScaleOf(const QuantizedMatrix &matrix) {
  return matrix.outerScales.empty() ? 1 : matrix.outerScales[0];
}

/// The nearest number that a row's scale and the tensor's have as product.
float TrellisQuantizer::roundRowScale(float scale) const {
  float outer = outerScaleOf(result);
  return outer > 0 ? roundTo(result.encoding.scale, scale / outer) * outer : 0;
}

void TrellisQuantizer::setRowScale(int64_t n, float scale) {
  float outer = outerScaleOf(result);
  result.scales[n] =
      outer > 0 ? roundTo(result.encoding.scale, scale / outer) : 0;
  rowScale[n] = result.scales[n] * outer;
}

void TrellisQuantizer::chooseRowScales(const float *weights) {
  // The largest scale is 256: E4M3 ends at 448, and refits may raise it.
  constexpr float largest = 256;
  rowScale.assign(stride, 0);
  for (int64_t n = 0; n < rows; ++n) {
    double sum = 0;
    for (int64_t k = 0; k < columns; ++k)
      sum += static_cast<double>(weights[n * columns + k]) *
             weights[n * columns + k];
    rowScale[n] = static_cast<float>(std::sqrt(sum / columns));
  }
  if (!result.outerScales.empty())
    result.outerScales[0] =
        *std::max_element(rowScale.begin(), rowScale.end()) / largest;
  for (int64_t n = 0; n < rows; ++n)
    setRowScale(n, rowScale[n]);
}

/// Errors of paths are relative to the rows' scales.
void TrellisQuantizer::weighPaths() {
  pathWeights.resize(rows);
  double sum = 0;
  for (int64_t n = 0; n < rows; ++n)
    sum += pathWeights[n] = rowScale[n] * rowScale[n] *
                            (options.rowWeights ? options.rowWeights[n] : 1);
  for (float &weight : pathWeights)
    weight = sum > 0 ? static_cast<float>(weight * rows / sum) : 1;
}

Status TrellisQuantizer::prepare(const float *weights) {
  order = orderByDiagonal(hessian, columns);
  places = result.storedPlaces();
  if (Status status =
          FactoredHessian::factor(hessian, order, options.damping, factors);
      !status.ok())
    return status;
  chooseRowScales(weights);
  weighPaths();
  current.assign(columns * stride, 0);
  for (int64_t turn = 0; turn < columns; ++turn)
    for (int64_t n = 0; n < rows; ++n)
      at(current, turn)[n] = weights[n * columns + order[turn]];
  errors = current;
  values.assign(columns * stride, 0);
  columnScale.assign(columns, 1);
  size_t states = 0, choiceBytes = 0;
  for (int64_t turn = 0; turn < columns; ++turn) {
    const CodeTable &table = tableOf(turn);
    states = std::max(states, table.values.size());
    choiceBytes = std::max(choiceBytes, table.values.size() >> table.codeBits);
  }
  limitColumnScales();
  scaled.resize(rows);
  codes.resize(rows);
  costs.resize(2 * states);
  choices.resize(rows * choiceBytes);
  return Status::success();
}

/// The root mean square of a column, each row in units of its scale.
static float deviationOf(const float *column, const std::vector<float> &scales,
                         int64_t rows) {
  double sum = 0;
  for (int64_t n = 0; n < rows; ++n)
    if (scales[n] > 0)
      sum += std::pow(static_cast<double>(column[n]) / scales[n], 2);
  return static_cast<float>(std::sqrt(sum / rows));
}

/// Column scales reach from half an octave above the largest column, for
/// feedback makes columns larger, to as far below it as their format does.
void TrellisQuantizer::limitColumnScales() {
  if (!result.columnScale)
    return;
  columnScales = std::make_shared<QuantizedMatrix>(*result.columnScale);
  result.columnScale = columnScales;
  float most = 0;
  for (int64_t turn = 0; turn < columns; ++turn)
    most = std::max(most, deviationOf(at(current, turn), rowScale, rows) *
                              stretchOf(tableOf(turn).codeBits));
  columnScales->scales[0] =
      roundTo(columnScales->encoding.scale, 1.41421356f * most);
}

void TrellisQuantizer::addProduct(const float *matrix, int64_t matrixStride,
                                  int64_t begin, int64_t end, int64_t first,
                                  int64_t last, const float *from,
                                  float *to) const {
  if (first < last)
    groupKernels().addProduct(
        {matrix + begin * matrixStride + first, matrixStride, end - begin, from,
         stride, last - first, stride, 1, to + first * stride, stride});
}

/// The code whose number is nearest to `number`, as far as octaves go.
static uint32_t nearestRatio(const ElementFormat &format, float number) {
  uint32_t best = 0;
  double least = INFINITY;
  for (uint32_t code = 0; code < format.codeCount(); ++code) {
    double scale = format.decode(code);
    double ratio = number > 0 ? std::fabs(std::log2(scale / number)) : scale;
    if (ratio < least) {
      least = ratio;
      best = code;
    }
  }
  return best;
}

void TrellisQuantizer::chooseColumnScale(int64_t turn) {
  if (!columnScales)
    return;
  float scale = columnScales->scales[0];
  float wanted = deviationOf(at(current, turn), rowScale, rows) *
                 stretchOf(tableOf(turn).codeBits);
  const ElementFormat &format = columnScales->encoding.element;
  uint32_t code = scale > 0 ? nearestRatio(format, wanted / scale) : 0;
  columnScales->setCode(0, order[turn], code);
  columnScale[turn] = format.decode(code) * scale;
}

/// Finds the codes of a column whose value should be `target`, and its value.
void TrellisQuantizer::findColumn(int64_t turn, const float *target) {
  const CodeTable &table = tableOf(turn);
  for (int64_t n = 0; n < rows; ++n) {
    float scale = rowScale[n] * columnScale[turn];
    scaled[n] = scale > 0 ? target[n] / scale : 0;
  }
  groupKernels().findPath({table.values.data(), table.windowBits,
                           table.codeBits, scaled.data(), pathWeights.data(),
                           rows, costs.data(), choices.data()},
                          codes.data());
  uint32_t window = 0, mask = (1u << table.windowBits) - 1;
  int64_t place = placeOf(turn);
  for (int64_t n = 0; n < rows; ++n) {
    window = (window << table.codeBits | codes[n]) & mask;
    result.setCode(n, place, codes[n]);
    at(values, turn)[n] =
        table.values[window] * rowScale[n] * columnScale[turn];
  }
}

void TrellisQuantizer::quantizeAll() {
  for (int64_t begin = 0; begin < columns; begin += blockColumns) {
    int64_t end = std::min(begin + blockColumns, columns);
    for (int64_t turn = begin; turn < end; ++turn) {
      chooseColumnScale(turn);
      findColumn(turn, at(current, turn));
      for (int64_t n = 0; n < rows; ++n)
        at(errors, turn)[n] -= at(values, turn)[n];
      addProduct(factors.row(0), factors.stride(), turn, turn + 1, turn + 1,
                 end, at(errors, turn), current.data());
    }
    addProduct(factors.row(0), factors.stride(), begin, end, end, columns,
               at(errors, begin), current.data());
  }
}

/// The damped second moment in the order of turns.
static std::vector<float> orderedHessian(const float *hessian,
                                         const std::vector<int32_t> &order,
                                         float damping) {
  auto n = static_cast<int64_t>(order.size());
  std::vector<float> result(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < n; ++k)
      result[i * n + k] =
          hessian[order[i] * n + order[k]] + (i == k ? damping : 0);
  return result;
}

/// Row scales that are best, under H, for the codes.
void TrellisQuantizer::refitRows() {
  std::vector<float> damped =
      orderedHessian(hessian, order, factors.dampingAdded());
  std::vector<float> products(columns * stride, 0);
  for (int64_t i = 0; i < columns; i += blockColumns)
    addProduct(damped.data(), columns, i, std::min(i + blockColumns, columns),
               0, columns, at(values, i), products.data());
  std::vector<double> cross(rows, 0), square(rows, 0);
  for (int64_t turn = 0; turn < columns; ++turn)
    for (int64_t n = 0; n < rows; ++n) {
      double product = at(products, turn)[n], value = at(values, turn)[n];
      square[n] += product * value;
      cross[n] += product * (value + at(errors, turn)[n]);
    }
  for (int64_t n = 0; n < rows; ++n) {
    if (!(square[n] > 0) || !(cross[n] > 0))
      continue;
    // The error is a parabola over the scale; a coarse format may have nothing
    // nearer to its vertex than what there is.
    float before = rowScale[n];
    double best = before * cross[n] / square[n];
    float nearest = roundRowScale(static_cast<float>(best));
    if (!(std::fabs(nearest - best) < std::fabs(before - best)))
      continue;
    setRowScale(n, nearest);
    float factor = rowScale[n] / before;
    for (int64_t turn = 0; turn < columns; ++turn) {
      float &value = at(values, turn)[n];
      at(errors, turn)[n] += value * (1 - factor);
      value *= factor;
    }
  }
}

/// Searches each column's path again for the optimum with everything else as it
/// is.
void TrellisQuantizer::sweep() {
  std::vector<float> damped =
      orderedHessian(hessian, order, factors.dampingAdded());
  std::vector<float> gradient(columns * stride, 0), changes(columns * stride),
      target(stride);
  for (int64_t i = 0; i < columns; i += blockColumns)
    addProduct(damped.data(), columns, i, std::min(i + blockColumns, columns),
               0, columns, at(errors, i), gradient.data());
  for (int64_t begin = 0; begin < columns; begin += blockColumns) {
    int64_t end = std::min(begin + blockColumns, columns);
    for (int64_t turn = begin; turn < end; ++turn) {
      float inverse = 1 / damped[turn * columns + turn];
      std::vector<float> before(at(values, turn), at(values, turn) + stride);
      for (int64_t n = 0; n < rows; ++n)
        target[n] = before[n] + at(gradient, turn)[n] * inverse;
      findColumn(turn, target.data());
      for (int64_t n = 0; n < rows; ++n) {
        float change = before[n] - at(values, turn)[n];
        at(errors, turn)[n] += change;
        at(changes, turn)[n] = change;
      }
      addProduct(damped.data(), columns, turn, turn + 1, begin, end,
                 at(changes, turn), gradient.data());
    }
    addProduct(damped.data(), columns, begin, end, 0, begin, at(changes, begin),
               gradient.data());
    addProduct(damped.data(), columns, begin, end, end, columns,
               at(changes, begin), gradient.data());
  }
}

void TrellisQuantizer::run() {
  quantizeAll();
  refitRows();
  for (int i = 0; i < options.sweeps; ++i) {
    weighPaths();
    sweep();
    refitRows();
  }
}

/// Whether a path search can write codes of `format`.
static bool hasPaths(const ElementFormat &format) {
  const CodeTable *table = format.table();
  return table && table->codeBits <= maxTrellisRate &&
         table->windowBits > table->codeBits && table->valuesPerCode == 1;
}

static std::string checkPaths(const QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  if (std::string problem = checkEncoding(encoding); !problem.empty())
    return problem;
  if (encoding.granularity != Granularity::Channel || encoding.hasMinimum ||
      encoding.zeroPoint != ZeroPointKind::None ||
      encoding.outer == OuterScale::Channel)
    return "a path search needs one scale for each row and nothing else but "
           "scales of columns and of the tensor, found other parameters";
  for (int64_t k = 0; k < matrix.columns; ++k)
    if (!hasPaths(matrix.format(k)))
      return "a path search needs codes of at most " +
             std::to_string(maxTrellisRate) +
             " bits that overlap, found others";
  return {};
}

Status quantizeTrellis(const float *weights, const float *hessian,
                       const TrellisOptions &options, QuantizedMatrix &matrix) {
  if (std::string problem = checkPaths(matrix); !problem.empty())
    return {problem};
  if (Status status = checkFinite(weights, 0, matrix.rows, matrix.columns);
      !status.ok())
    return status;
  if (!matrix.rows || !matrix.columns)
    return Status::success();
  TrellisQuantizer quantizer(hessian, options, matrix);
  if (Status status = quantizer.prepare(weights); !status.ok())
    return status;
  quantizer.run();
  return Status::success();
}

} // namespace lowbit::numerics
