//===- Trellis.cpp - codes that overlap, found by a path search -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arrays are [columns, stride] with the rows of the layer side by side, padded
// to whole panels by rows of zeros, which no path visits. "Places" are the
// order of quantization, which is also that of storage.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Trellis.h"

#include "GroupKernels.h"
#include "TableQuantizer.h"
#include "lowbit/Numerics/FactoredHessian.h"
#include "lowbit/Numerics/Float16.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lowbit::numerics {

static constexpr int64_t blockColumns = 128;

/// By how much the numbers of each rate are stretched to fit weights of
/// deviation 1: what comes nearer to a Gaussian than its outer numbers reach.
static float stretchOf(unsigned rate) { return rate == 1 ? 0.9f : 1.05f; }

namespace {

class TrellisQuantizer {
public:
  TrellisQuantizer(const float *hessian, const TrellisOptions &options,
                   TrellisWeights &result)
      : hessian(hessian), options(options), result(result), rows(result.rows),
        columns(result.columns),
        stride((rows + panelRows - 1) / panelRows * panelRows) {}

  Status prepare(const float *weights, const std::vector<uint8_t> &rates);
  void run();

private:
  void chooseOrder(const std::vector<uint8_t> &rates);
  void chooseRowScales(const float *weights);
  void weighPaths();
  void limitColumnScales();
  void quantizeAll();
  void chooseColumnScale(int64_t place);
  void findColumn(int64_t place, const float *target);
  void refitRows();
  void sweep();
  /// to[t] += sign * sum over i of matrix row (begin + i) [t] * from[i].
  void addProduct(const float *matrix, int64_t matrixStride, int64_t begin,
                  int64_t end, int64_t first, int64_t last, const float *from,
                  float *to) const;

  float *at(std::vector<float> &array, int64_t place) const {
    return array.data() + place * stride;
  }
  unsigned rateOf(int64_t place) const {
    return result.parts[partOf[place]].matrix.encoding.element.codeBits();
  }

  const float *hessian;
  const TrellisOptions &options;
  TrellisWeights &result;
  int64_t rows, columns, stride;
  std::vector<int32_t> order;
  /// By place: the part, and the position in it.
  std::vector<int32_t> partOf, position;
  std::vector<float> columnScale, rowScale, pathWeights;
  FactoredHessian factors;
  /// By place: weights with feedback, weight less value, and value.
  std::vector<float> current, errors, values;
  // Scratch of the path search.
  std::vector<float> scaled, costs;
  std::vector<uint8_t> choices, codes;
};

} // namespace

static Encoding encodingOf(unsigned stateBits, unsigned rate) {
  Encoding encoding;
  encoding.element =
      std::make_shared<const CodeTable>(trellisTable(stateBits, rate));
  encoding.granularity = Granularity::Tensor;
  encoding.scale = ScaleFormat::F32;
  return encoding;
}

void TrellisQuantizer::chooseOrder(const std::vector<uint8_t> &rates) {
  order.resize(columns);
  if (options.hasNaturalOrder)
    std::iota(order.begin(), order.end(), 0);
  else
    order = orderByDiagonal(hessian, columns);
  std::vector<int32_t> rank(columns);
  for (int64_t i = 0; i < columns; ++i)
    rank[order[i]] = static_cast<int32_t>(i);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return rates[a] != rates[b] ? rates[a] > rates[b] : rank[a] < rank[b];
  });
  for (int64_t place = 0; place < columns; ++place) {
    unsigned rate = rates[order[place]];
    if (place == 0 || rate != rates[order[place - 1]]) {
      result.parts.emplace_back();
      result.parts.back().matrix.encoding = encodingOf(options.stateBits, rate);
    }
    TrellisPart &part = result.parts.back();
    partOf.push_back(static_cast<int32_t>(result.parts.size()) - 1);
    position.push_back(static_cast<int32_t>(part.columns.size()));
    part.columns.push_back(order[place]);
  }
  for (TrellisPart &part : result.parts) {
    part.matrix.reset(Encoding(part.matrix.encoding), rows,
                      static_cast<int64_t>(part.columns.size()));
    part.matrix.scales.assign(1, 1);
  }
}

void TrellisQuantizer::chooseRowScales(const float *weights) {
  std::vector<float> deviations(rows);
  for (int64_t n = 0; n < rows; ++n) {
    double sum = 0;
    for (int64_t k = 0; k < columns; ++k)
      sum += static_cast<double>(weights[n * columns + k]) *
             weights[n * columns + k];
    deviations[n] = static_cast<float>(std::sqrt(sum / columns));
  }
  float most = *std::max_element(deviations.begin(), deviations.end());
  result.rowScales = {roundToHalf(most), 32, 8, {}};
  rowScale.assign(stride, 0);
  for (int64_t n = 0; n < rows; ++n) {
    result.rowScales.codes.push_back(result.rowScales.nearest(deviations[n]));
    rowScale[n] = result.rowScales.value(n);
  }
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

Status TrellisQuantizer::prepare(const float *weights,
                                 const std::vector<uint8_t> &rates) {
  chooseOrder(rates);
  if (Status status =
          FactoredHessian::factor(hessian, order, options.damping, factors);
      !status.ok())
    return status;
  chooseRowScales(weights);
  weighPaths();
  current.assign(columns * stride, 0);
  for (int64_t place = 0; place < columns; ++place)
    for (int64_t n = 0; n < rows; ++n)
      at(current, place)[n] = weights[n * columns + order[place]];
  errors = current;
  values.assign(columns * stride, 0);
  columnScale.assign(columns, 0);
  result.columnScales = {0, 8, 5, std::vector<uint8_t>(columns, 31)};
  limitColumnScales();
  scaled.resize(rows);
  codes.resize(rows);
  costs.resize(size_t(2) << options.stateBits);
  choices.resize(rows << (options.stateBits - 1));
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
/// feedback makes columns larger, to more than three octaves below it.
void TrellisQuantizer::limitColumnScales() {
  float most = 0;
  for (int64_t place = 0; place < columns; ++place)
    most = std::max(most, deviationOf(at(current, place), rowScale, rows) *
                              stretchOf(rateOf(place)));
  result.columnScales.base = roundToHalf(1.41421356f * most);
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

void TrellisQuantizer::chooseColumnScale(int64_t place) {
  LogScales &scales = result.columnScales;
  int32_t k = order[place];
  scales.codes[k] =
      scales.nearest(deviationOf(at(current, place), rowScale, rows) *
                     stretchOf(rateOf(place)));
  columnScale[place] = scales.value(k);
}

/// Finds the codes of a column whose value should be `target`, and its value.
void TrellisQuantizer::findColumn(int64_t place, const float *target) {
  TrellisPart &part = result.parts[partOf[place]];
  const CodeTable &table = *part.matrix.encoding.element.table();
  for (int64_t n = 0; n < rows; ++n) {
    float scale = rowScale[n] * columnScale[place];
    scaled[n] = scale > 0 ? target[n] / scale : 0;
  }
  groupKernels().findPath({table.values.data(), table.windowBits,
                           table.codeBits, scaled.data(), pathWeights.data(),
                           rows, costs.data(), choices.data()},
                          codes.data());
  uint32_t window = 0, mask = (1u << table.windowBits) - 1;
  for (int64_t n = 0; n < rows; ++n) {
    window = (window << table.codeBits | codes[n]) & mask;
    part.matrix.setCode(n, position[place], codes[n]);
    at(values, place)[n] =
        table.values[window] * (rowScale[n] * columnScale[place]);
  }
}

void TrellisQuantizer::quantizeAll() {
  for (int64_t begin = 0; begin < columns; begin += blockColumns) {
    int64_t end = std::min(begin + blockColumns, columns);
    for (int64_t place = begin; place < end; ++place) {
      chooseColumnScale(place);
      findColumn(place, at(current, place));
      for (int64_t n = 0; n < rows; ++n)
        at(errors, place)[n] -= at(values, place)[n];
      addProduct(factors.row(0), factors.stride(), place, place + 1, place + 1,
                 end, at(errors, place), current.data());
    }
    addProduct(factors.row(0), factors.stride(), begin, end, end, columns,
               at(errors, begin), current.data());
  }
}

/// The damped second moment in the order of places.
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
  for (int64_t place = 0; place < columns; ++place)
    for (int64_t n = 0; n < rows; ++n) {
      double product = at(products, place)[n], value = at(values, place)[n];
      square[n] += product * value;
      cross[n] += product * (value + at(errors, place)[n]);
    }
  for (int64_t n = 0; n < rows; ++n) {
    if (!(square[n] > 0) || !(cross[n] > 0))
      continue;
    float before = rowScale[n];
    result.rowScales.codes[n] = result.rowScales.nearest(
        static_cast<float>(before * cross[n] / square[n]));
    rowScale[n] = result.rowScales.value(n);
    float factor = rowScale[n] / before;
    for (int64_t place = 0; place < columns; ++place) {
      float &value = at(values, place)[n];
      at(errors, place)[n] += value * (1 - factor);
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
    for (int64_t place = begin; place < end; ++place) {
      float inverse = 1 / damped[place * columns + place];
      std::vector<float> before(at(values, place), at(values, place) + stride);
      for (int64_t n = 0; n < rows; ++n)
        target[n] = before[n] + at(gradient, place)[n] * inverse;
      findColumn(place, target.data());
      for (int64_t n = 0; n < rows; ++n) {
        float change = before[n] - at(values, place)[n];
        at(errors, place)[n] += change;
        at(changes, place)[n] = change;
      }
      addProduct(damped.data(), columns, place, place + 1, begin, end,
                 at(changes, place), gradient.data());
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

Status quantizeTrellis(const float *weights, int64_t rows, int64_t columns,
                       const float *hessian, const std::vector<uint8_t> &rates,
                       const TrellisOptions &options, TrellisWeights &result) {
  if (options.stateBits < minTrellisState ||
      options.stateBits > maxTrellisState)
    return {"states must have 8 to 12 bits, found " +
            std::to_string(options.stateBits)};
  for (size_t k = 0; k < rates.size(); ++k)
    if (rates[k] < 1 || rates[k] > maxTrellisRate)
      return {"column " + std::to_string(k) + ": rates must be 1 to " +
              std::to_string(maxTrellisRate) + ", found " +
              std::to_string(rates[k])};
  if (Status status = checkFinite(weights, 0, rows, columns); !status.ok())
    return status;
  result = {};
  result.rows = rows;
  result.columns = columns;
  if (!rows || !columns)
    return Status::success();
  TrellisQuantizer quantizer(hessian, options, result);
  if (Status status = quantizer.prepare(weights, rates); !status.ok())
    return status;
  quantizer.run();
  return Status::success();
}

} // namespace lowbit::numerics
