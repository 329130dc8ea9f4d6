//===- TableQuantizer.cpp - weights to codes of a table -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table has no formula for the best scale, so the search tries a geometric
// range of scales around the one that maps the largest weight onto the largest
// number, and improves each by the closed-form optimum for the codes it gives.
//
//===----------------------------------------------------------------------===//

#include "TableQuantizer.h"

#include "ParameterBits.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

namespace {

/// Finds nearest codes of a table without overlapping windows.
class NearestCode {
public:
  explicit NearestCode(CodeTable table);

  /// The code whose numbers are nearest to `point`, valuesPerCode numbers.
  uint32_t operator()(const float *point) const {
    return table.valuesPerCode == 1 ? nearestScalar(*point)
                                    : nearestVector(point);
  }
  /// The `i`-th number of `code`.
  float number(uint32_t code, unsigned i) const {
    return table.values[code * table.valuesPerCode + i];
  }
  unsigned valuesPerCode() const { return table.valuesPerCode; }
  /// The number of largest magnitude, of the sign of `like` if both have it.
  float extreme(float like) const;
  /// Whether the negative of each code's numbers is another code's.
  bool isSymmetric() const { return symmetric; }

private:
  uint32_t nearestScalar(float point) const;
  uint32_t nearestVector(const float *point) const;

  CodeTable table;
  /// Codes by their numbers and, between neighbours, where one begins to be
  /// nearer than the other. For scalar tables.
  std::vector<uint32_t> sorted;
  std::vector<float> borders;
  bool symmetric;
};

} // namespace

NearestCode::NearestCode(CodeTable numbers)
    : table(std::move(numbers)), symmetric(table.valuesPerCode == 1) {
  if (table.valuesPerCode > 1)
    return;
  for (uint32_t code = 0; code < table.values.size(); ++code)
    if (std::isfinite(table.values[code]))
      sorted.push_back(code);
  std::stable_sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) {
    return table.values[a] < table.values[b];
  });
  for (size_t i = 0; i < sorted.size(); ++i) {
    float value = table.values[sorted[i]];
    symmetric &= value == -table.values[sorted[sorted.size() - 1 - i]];
    if (i)
      borders.push_back(0.5f * table.values[sorted[i - 1]] + 0.5f * value);
  }
}

float NearestCode::extreme(float like) const {
  float best = 0;
  for (float value : table.values) {
    float magnitude = std::fabs(value), other = std::fabs(best);
    bool isAlike = std::signbit(value) == std::signbit(like);
    if (!std::isfinite(value))
      continue;
    if (magnitude > other || (magnitude == other && isAlike))
      best = value;
  }
  return best;
}

uint32_t NearestCode::nearestScalar(float point) const {
  if (sorted.empty())
    return 0;
  auto border = std::lower_bound(borders.begin(), borders.end(), point);
  return sorted[border - borders.begin()];
}

uint32_t NearestCode::nearestVector(const float *point) const {
  unsigned count = table.valuesPerCode;
  const float *numbers = table.values.data();
  uint32_t best = 0;
  float least = INFINITY;
  for (uint32_t code = 0; code < 1u << table.codeBits; ++code) {
    float distance = 0;
    for (unsigned i = 0; i < count; ++i) {
      float difference = point[i] - numbers[i];
      distance += difference * difference;
    }
    if (distance < least) {
      least = distance;
      best = code;
    }
    numbers += count;
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

namespace {

/// A box of weights that share a scale.
struct Box {
  const float *weights;
  int64_t rows, columns, stride;
  /// [columns], or null.
  const float *importance;

  /// Calls `visit` with the weights of each code and their importance.
  template <typename Visit>
  void forEach(unsigned valuesPerCode, Visit visit) const {
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < columns; k += valuesPerCode)
        visit(weights + n * stride + k, importance ? importance + k : nullptr);
  }
};

/// What a scale costs, and the scale that is best for the codes it gave.
struct Trial {
  double error, optimum;
};

class ScaleSearcher {
public:
  ScaleSearcher(const NearestCode &nearest, const Encoding &encoding,
                const Box &box)
      : nearest(nearest), encoding(encoding), box(box) {}

  /// The scale by `search`, as stored; infinite beyond the format.
  float find(ScaleSearch search);

private:
  Trial tryScale(float scale) const;
  void consider(float scale);
  float stored(float scale) const {
    uint32_t bits = parameterToBits(encoding, Component::Scale, scale);
    return parameterFromBits(encoding, Component::Scale, bits);
  }
  float largest() const;

  const NearestCode &nearest;
  const Encoding &encoding;
  const Box &box;
  float best = 0;
  double leastError = INFINITY;
};

} // namespace

Trial ScaleSearcher::tryScale(float scale) const {
  double error = 0, cross = 0, square = 0;
  unsigned count = nearest.valuesPerCode();
  box.forEach(count, [&](const float *weights, const float *importance) {
    float point[64];
    for (unsigned i = 0; i < count; ++i)
      point[i] = scale == 0 ? 0 : weights[i] / scale;
    uint32_t code = nearest(point);
    for (unsigned i = 0; i < count; ++i) {
      double factor = importance ? importance[i] : 1;
      double number = nearest.number(code, i);
      double difference = weights[i] - scale * number;
      error += factor * difference * difference;
      cross += factor * weights[i] * number;
      square += factor * number * number;
    }
  });
  return {error, square > 0 ? cross / square : 0};
}

/// Tries `scale` and twice what is best for its codes.
void ScaleSearcher::consider(float scale) {
  constexpr int kRefits = 2;
  for (int i = 0; i <= kRefits; ++i) {
    scale = stored(scale);
    if (!std::isfinite(scale))
      return;
    Trial trial = tryScale(scale);
    if (trial.error < leastError) {
      leastError = trial.error;
      best = scale;
    }
    if (static_cast<float>(trial.optimum) == scale)
      return;
    scale = static_cast<float>(trial.optimum);
  }
}

/// The weight of largest magnitude.
float ScaleSearcher::largest() const {
  float largest = 0;
  box.forEach(1, [&](const float *weight, const float *) {
    if (std::fabs(*weight) > std::fabs(largest))
      largest = *weight;
  });
  return largest;
}

float ScaleSearcher::find(ScaleSearch search) {
  float weight = largest(), number = nearest.extreme(weight);
  if (weight == 0 || number == 0)
    return stored(0);
  float start = weight / number;
  if (search == ScaleSearch::AbsMax)
    return stored(start);
  // Down to a quarter: a coarse table is best where it clips outliers.
  constexpr int kSteps = 24;
  constexpr float kFirst = 1.15f, kStep = 0.94f;
  consider(start);
  float scale = start * kFirst;
  for (int i = 0; i < kSteps; ++i, scale *= kStep) {
    consider(scale);
    if (!nearest.isSymmetric() && encoding.scale != ScaleFormat::E8M0)
      consider(-scale);
  }
  return std::isfinite(leastError) ? best : stored(start);
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

bool needsTable(const Encoding &encoding) {
  bool isRounded =
      encoding.scale == ScaleFormat::F32 || encoding.scale == ScaleFormat::F16;
  return encoding.element.table() || !isRounded;
}

/// The numbers of every format; a code that is never written has none.
static CodeTable tableOf(const ElementFormat &element) {
  if (element.table())
    return *element.table();
  const IntegerFormat &format = *element.integer();
  CodeTable table{format.width, format.width, 1, {}};
  for (uint32_t code = 0; code < format.codeCount(); ++code)
    table.values.push_back(code < format.firstCode() ? NAN
                                                     : format.decode(code));
  return table;
}

static std::string explainRefusal(const Encoding &encoding) {
  const ElementFormat &table = encoding.element;
  if (table.windowBits() != table.codeBits())
    return "rounding to the nearest code needs windows of the code's " +
           std::to_string(table.codeBits()) + " bits, found " +
           std::to_string(table.windowBits());
  if (encoding.zeroPoint != ZeroPointKind::None || encoding.hasMinimum)
    return "rounding with a zero point or minimum needs integer codes and "
           "scales of f32 or f16, found " +
           std::string(encoding.element.table()
                           ? "a table"
                           : describeScale(encoding.scale));
  return {};
}

static std::string placeOf(int64_t row, int64_t column) {
  return "row " + std::to_string(row) + ", column " + std::to_string(column);
}

static Status checkFinite(const float *weights, int64_t firstRow,
                          int64_t endRow, int64_t columns) {
  for (int64_t n = firstRow; n < endRow; ++n)
    for (int64_t k = 0; k < columns; ++k, ++weights)
      if (!std::isfinite(*weights))
        return {placeOf(n, k) + ": weights must be finite, found " +
                (std::isnan(*weights) ? "nan"
                 : *weights < 0       ? "-inf"
                                      : "inf")};
  return Status::success();
}

Status findTableScales(const float *weights, int64_t firstRow, int64_t endRow,
                       const QuantizeOptions &options,
                       QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  if (std::string problem = explainRefusal(encoding); !problem.empty())
    return {problem};
  if (Status status = checkFinite(weights, firstRow, endRow, matrix.columns);
      !status.ok())
    return status;
  NearestCode nearest(tableOf(encoding.element));
  bool isTensor = encoding.granularity == Granularity::Tensor;
  bool isWeighted = options.search == ScaleSearch::MeanSquaredError;
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  for (int64_t n = firstRow; n < endRow; n += isTensor ? matrix.rows : 1)
    for (int64_t g = 0; g < groups; ++g) {
      int64_t k = g * size;
      Box box{weights + (n - firstRow) * matrix.columns + k,
              isTensor ? endRow - firstRow : 1,
              std::min(size, matrix.columns - k), matrix.columns,
              options.importance && isWeighted ? options.importance + k
                                               : nullptr};
      float scale = ScaleSearcher(nearest, encoding, box).find(options.search);
      if (!std::isfinite(scale))
        return {placeOf(n, k) + ": the scale must fit " +
                describeScale(encoding.scale) + ", found a larger one"};
      matrix.scales[encoding.parameterIndex(n, g, groups)] = scale;
    }
  return Status::success();
}

void assignTableCodes(const float *weights, int64_t firstRow, int64_t endRow,
                      QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  NearestCode nearest(tableOf(encoding.element));
  unsigned count = nearest.valuesPerCode();
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  for (int64_t n = firstRow; n < endRow; ++n)
    for (int64_t k = 0; k < matrix.columns; k += count, weights += count) {
      float scale = matrix.scales[encoding.parameterIndex(n, k / size, groups)];
      float point[64];
      for (unsigned i = 0; i < count; ++i)
        point[i] = scale == 0 ? 0 : weights[i] / scale;
      matrix.setCode(n, k / count, nearest(point));
    }
}

} // namespace lowbit::numerics
