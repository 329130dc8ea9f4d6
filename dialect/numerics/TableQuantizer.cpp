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

#include "GroupProblem.h"
#include "ParameterBits.h"
#include <algorithm>
#include <cmath>
#include <functional>

namespace lowbit::numerics {

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

namespace {

/// Finds 16 scales at once. What they scale is behind `fit`, which judges a
/// scale for each lane.
class ScaleSearcher {
public:
  using Fit = std::function<void(const float *scales, TableFit &result)>;

  ScaleSearcher(const Encoding &encoding, const LaneTables &tables, Fit fit)
      : encoding(encoding), tables(tables), fit(std::move(fit)),
        isUnsigned(tables.reach() > 0 && tables.hasBothSigns() &&
                   storesUnsignedParameters(encoding)) {}

  /// The scales by `rule`, as stored; infinite beyond the format. `largest` are
  /// the weights of largest magnitude.
  void find(ScaleSearch rule, const float *largest, float *scales);

private:
  void setStart(const float *largest);
  void search();
  void storeBest(float *scales);
  void consider(const float *scales);
  void keepStored(const float *scales, float *result, float *leastError);
  float stored(float scale, int steps = 0) const;

  const Encoding &encoding;
  const LaneTables &tables;
  Fit fit;
  /// Whether a sign of the scale would be lost, and numbers have both.
  bool isUnsigned;
  float start[groupLanes], best[groupLanes], leastError[groupLanes];
};

} // namespace

/// `scale` as stored, or its neighbour some steps of the format away; of 8-bit
/// formats only, where the nearest need not be the best.
float ScaleSearcher::stored(float scale, int steps) const {
  uint32_t bits = parameterToBits(encoding, Component::Scale, scale);
  uint32_t magnitude = bits & 0x7F;
  if (encoding.scale == ScaleFormat::E8M0)
    magnitude = bits;
  if (steps < 0 && magnitude == 0)
    steps = 0;
  return parameterFromBits(encoding, Component::Scale, bits + steps);
}

/// Tries a scale for each lane and remembers the one that is best for the codes
/// that it gives: the error is quadratic in the scale, with its least value at
/// cross / square.
void ScaleSearcher::consider(const float *scales) {
  TableFit found;
  fit(scales, found);
  for (int64_t lane = 0; lane < groupLanes; ++lane) {
    float square = found.square[lane];
    float optimum = square > 0 ? found.cross[lane] / square : 0;
    float away = optimum - scales[lane];
    float error = found.error[lane] - square * away * away;
    if (error < leastError[lane]) {
      leastError[lane] = error;
      best[lane] = optimum;
    }
  }
}

/// The same for scales as they are stored.
void ScaleSearcher::keepStored(const float *scales, float *result,
                               float *errors) {
  TableFit found;
  fit(scales, found);
  for (int64_t lane = 0; lane < groupLanes; ++lane)
    if (std::isfinite(scales[lane]) && found.error[lane] < errors[lane]) {
      errors[lane] = found.error[lane];
      result[lane] = scales[lane];
    }
}

/// The power of two that brings the exponent of `largest` to that of `most`,
/// the largest number of the format: numbers up to the next power of two are
/// clipped (OCP Microscaling Formats 1.0, section 6.3).
static float findPowerOfTwo(float largest, float most) {
  if (largest == 0 || most == 0 || !std::isfinite(largest))
    return largest;
  return std::ldexp(1.0f, std::ilogb(largest) - std::ilogb(most));
}

/// The scales that bring `largest` to the largest number of its sign.
void ScaleSearcher::setStart(const float *largest) {
  float positive = tables.extreme(1), negative = tables.extreme(-1);
  float most = tables.reach();
  for (int64_t lane = 0; lane < groupLanes; ++lane) {
    float number = largest[lane] < 0 ? negative : positive;
    start[lane] = number == 0 ? 0 : largest[lane] / number;
    if (encoding.scale == ScaleFormat::E8M0)
      start[lane] = std::fabs(start[lane]); // All that it can store.
    else if (isUnsigned)
      start[lane] = std::fabs(largest[lane]) / most;
    leastError[lane] = INFINITY;
    best[lane] = start[lane];
  }
}

/// Tries multiples of the first scales, down to a quarter where it may be
/// better to clip outliers, and then what was best of them.
void ScaleSearcher::search() {
  bool isCoarse = tables.isCoarse();
  int count = isCoarse ? 26 : 10;
  float first = isCoarse ? 1.15f : 1.03f, step = isCoarse ? 0.944f : 0.96f;
  bool isMirrored = !tables.isSymmetric() && !isUnsigned &&
                    encoding.scale != ScaleFormat::E8M0;
  float trial[groupLanes];
  auto tryAll = [&](auto scaleOf) {
    for (int64_t lane = 0; lane < groupLanes; ++lane)
      trial[lane] = scaleOf(lane);
    consider(trial);
  };
  // No power of the C library, whose last bit is another in the next one.
  double power = 1;
  for (int i = 0; i < count; ++i, power *= step) {
    float factor = first * static_cast<float>(power);
    tryAll([&](int64_t lane) { return start[lane] * factor; });
    if (isMirrored)
      tryAll([&](int64_t lane) { return -start[lane] * factor; });
  }
  constexpr int kRefits = 2;
  for (int i = 0; i < kRefits; ++i)
    tryAll([&](int64_t lane) { return best[lane]; });
}

/// The best of the first scales and what the search found, as stored: of 8-bit
/// formats also of its neighbours.
void ScaleSearcher::storeBest(float *scales) {
  float trial[groupLanes], errors[groupLanes];
  for (int64_t lane = 0; lane < groupLanes; ++lane) {
    scales[lane] = trial[lane] = stored(start[lane]);
    errors[lane] = INFINITY;
  }
  keepStored(trial, scales, errors);
  int reach = scaleBits(encoding.scale) == 8 ? 1 : 0;
  for (int steps = -reach; steps <= reach; ++steps) {
    for (int64_t lane = 0; lane < groupLanes; ++lane)
      trial[lane] = stored(best[lane], steps);
    keepStored(trial, scales, errors);
  }
}

void ScaleSearcher::find(ScaleSearch rule, const float *largest,
                         float *scales) {
  setStart(largest);
  if (rule != ScaleSearch::AbsMax) {
    search();
    return storeBest(scales);
  }
  for (int64_t lane = 0; lane < groupLanes; ++lane)
    scales[lane] = stored(encoding.scale == ScaleFormat::E8M0
                              ? findPowerOfTwo(largest[lane], tables.reach())
                              : start[lane]);
}

void findLaneScales(const Encoding &encoding, const LaneTables &tables,
                    const Segment &data, ScaleSearch search, float *scales) {
  float largest[groupLanes] = {};
  for (int64_t i = 0; i < data.length * groupLanes; ++i)
    if (float &kept = largest[i % groupLanes];
        std::fabs(data.values[i]) > std::fabs(kept))
      kept = data.values[i];
  auto fit = [&](const float *trial, TableFit &result) {
    groupKernels().fitTable(tables.table(), data, trial, result);
  };
  ScaleSearcher(encoding, tables, fit).find(search, largest, scales);
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

bool needsTable(const Encoding &encoding) {
  bool isRounded =
      encoding.scale == ScaleFormat::F32 || encoding.scale == ScaleFormat::F16;
  return encoding.element.table() || !isRounded ||
         encoding.outer != OuterScale::None;
}

std::string explainTableRefusal(const Encoding &encoding) {
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

Status checkFinite(const float *weights, int64_t firstRow, int64_t endRow,
                   int64_t columns) {
  for (int64_t n = firstRow; n < endRow; ++n)
    for (int64_t k = 0; k < columns; ++k, ++weights)
      if (!std::isfinite(*weights))
        return {placeOf(n, k) + ": weights must be finite, found " +
                (std::isnan(*weights) ? "nan"
                 : *weights < 0       ? "-inf"
                                      : "inf")};
  return Status::success();
}

namespace {

/// 16 sequences of weights of one length, lane by lane.
class LaneBlock {
public:
  /// `count` sequences; lanes without one repeat the last.
  void fill(const float *const *sequences, const float *const *importances,
            int64_t count, int64_t length) {
    values.resize(length * groupLanes);
    weights.resize(importances[0] ? length * groupLanes : 0);
    transpose(sequences, count, length, values.data());
    if (importances[0])
      transpose(importances, count, length, weights.data());
    segment = {values.data(), importances[0] ? weights.data() : nullptr,
               length};
  }
  const Segment &data() const { return segment; }

private:
  static void transpose(const float *const *sequences, int64_t count,
                        int64_t length, float *result) {
    const float *all[groupLanes];
    for (int64_t lane = 0; lane < groupLanes; ++lane)
      all[lane] = sequences[std::min(lane, count - 1)];
    groupKernels().transpose(all, length, result);
  }

  std::vector<float> values, weights;
  Segment segment;
};

/// Finds the scales and codes of rows [firstRow, endRow) of a matrix.
class TableQuantizer {
public:
  TableQuantizer(const float *weights, int64_t firstRow, int64_t endRow,
                 QuantizedMatrix &matrix)
      : weights(weights), firstRow(firstRow), rowCount(endRow - firstRow),
        matrix(matrix), tables(matrix.encoding.element),
        groups(matrix.encoding.groupCount(matrix.columns)),
        groupColumns(matrix.encoding.columnsPerGroup(matrix.columns)) {}

  Status findScales(const QuantizeOptions &options);
  void assign();

private:
  /// Calls `visit`(first, count, length) with runs of at most 16 groups of one
  /// length, groups being counted row by row.
  template <typename Visit> Status forEachRun(Visit visit) const;
  void fillBlock(LaneBlock &block, int64_t first, int64_t count, int64_t length,
                 const float *importance) const;
  void writeCodes(int64_t row, int64_t column, const uint16_t *entries,
                  int64_t count);
  Status findTensorScale(const QuantizeOptions &options);
  Status keep(float scale, int64_t row, int64_t group);

  /// Row and group of the `index`-th group of `length` columns.
  std::pair<int64_t, int64_t> placeOfGroup(int64_t index,
                                           int64_t length) const {
    int64_t whole = matrix.columns / groupColumns;
    if (length < groupColumns)
      return {index, whole};
    return {index / whole, index % whole};
  }
  const float *sequence(int64_t row, int64_t group) const {
    return weights + row * matrix.columns + group * groupColumns;
  }

  const float *weights;
  int64_t firstRow, rowCount;
  QuantizedMatrix &matrix;
  LaneTables tables;
  int64_t groups, groupColumns;
};

} // namespace

static float largestOf(const float *values, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i)
    if (std::fabs(values[i]) > std::fabs(largest))
      largest = values[i];
  return largest;
}

template <typename Visit> Status TableQuantizer::forEachRun(Visit visit) const {
  int64_t whole = matrix.columns / groupColumns;
  int64_t rest = matrix.columns - whole * groupColumns;
  auto run = [&](int64_t total, int64_t length) {
    for (int64_t first = 0; first < total; first += groupLanes)
      if (Status status =
              visit(first, std::min(groupLanes, total - first), length);
          !status.ok())
        return status;
    return Status::success();
  };
  Status status = run(rowCount * whole, groupColumns);
  return status.ok() && rest ? run(rowCount, rest) : status;
}

void TableQuantizer::fillBlock(LaneBlock &block, int64_t first, int64_t count,
                               int64_t length, const float *importance) const {
  const float *sequences[groupLanes], *importances[groupLanes];
  for (int64_t i = 0; i < count; ++i) {
    auto [row, group] = placeOfGroup(first + i, length);
    sequences[i] = sequence(row, group);
    importances[i] = importance ? importance + group * groupColumns : nullptr;
  }
  block.fill(sequences, importances, count, length);
}

Status TableQuantizer::keep(float scale, int64_t row, int64_t group) {
  const Encoding &encoding = matrix.encoding;
  if (!std::isfinite(scale))
    return {placeOf(firstRow + row, group * groupColumns) +
            ": the scale must fit " + describeScale(encoding.scale) +
            ", found a larger one"};
  matrix.scales[encoding.parameterIndex(firstRow + row, group, groups)] = scale;
  return Status::success();
}

/// One scale for all: each trial reads the whole matrix, 16 rows at a time.
Status TableQuantizer::findTensorScale(const QuantizeOptions &options) {
  LaneBlock block;
  auto fit = [&](const float *scales, TableFit &result) {
    double error = 0, cross = 0, square = 0;
    for (int64_t first = 0; first < rowCount; first += groupLanes) {
      int64_t count = std::min(groupLanes, rowCount - first);
      fillBlock(block, first, count, matrix.columns, options.importance);
      TableFit part;
      groupKernels().fitTable(tables.table(), block.data(), scales, part);
      for (int64_t lane = 0; lane < count; ++lane) {
        error += part.error[lane];
        cross += part.cross[lane];
        square += part.square[lane];
      }
    }
    std::fill_n(result.error, groupLanes, static_cast<float>(error));
    std::fill_n(result.cross, groupLanes, static_cast<float>(cross));
    std::fill_n(result.square, groupLanes, static_cast<float>(square));
  };
  float largest[groupLanes], scales[groupLanes];
  std::fill_n(largest, groupLanes,
              largestOf(weights, rowCount * matrix.columns));
  ScaleSearcher(matrix.encoding, tables, fit)
      .find(options.search, largest, scales);
  return keep(scales[0], 0, 0);
}

Status TableQuantizer::findScales(const QuantizeOptions &options) {
  if (!rowCount || !matrix.columns)
    return Status::success();
  if (matrix.encoding.granularity == Granularity::Tensor)
    return findTensorScale(options);
  LaneBlock block;
  return forEachRun([&](int64_t first, int64_t count, int64_t length) {
    fillBlock(block, first, count, length, options.importance);
    float scales[groupLanes];
    findLaneScales(matrix.encoding, tables, block.data(), options.search,
                   scales);
    for (int64_t i = 0; i < count; ++i) {
      auto [row, group] = placeOfGroup(first + i, length);
      if (Status status = keep(scales[i], row, group); !status.ok())
        return status;
    }
    return Status::success();
  });
}

/// Writes the codes of one lane's entries.
void TableQuantizer::writeCodes(int64_t row, int64_t column,
                                const uint16_t *entries, int64_t count) {
  const Encoding &encoding = matrix.encoding;
  if (encoding.element.codeBytes() > 1) {
    for (int64_t k = 0; k < count; ++k)
      matrix.setCode(row, column + k, tables.codeOf(entries[k * groupLanes]));
    return;
  }
  uint8_t *codes =
      matrix.codes.data() + row * encoding.codesPerRow(matrix.columns) + column;
  for (int64_t k = 0; k < count; ++k)
    codes[k] = static_cast<uint8_t>(tables.codeOf(entries[k * groupLanes]));
}

void TableQuantizer::assign() {
  const Encoding &encoding = matrix.encoding;
  int64_t valuesPerCode = encoding.element.valuesPerCode();
  LaneBlock block;
  std::vector<uint16_t> entries;
  (void)forEachRun([&](int64_t first, int64_t count, int64_t length) {
    fillBlock(block, first, count, length, nullptr);
    entries.resize(groupLanes * length / valuesPerCode);
    float scales[groupLanes] = {};
    for (int64_t i = 0; i < count; ++i) {
      auto [row, group] = placeOfGroup(first + i, length);
      int64_t index = encoding.parameterIndex(firstRow + row, group, groups);
      scales[i] = matrix.scales[index] * matrix.outerScale(firstRow + row);
    }
    groupKernels().assignTable(tables.table(), block.data().values, length,
                               scales, entries.data());
    for (int64_t i = 0; i < count; ++i) {
      auto [row, group] = placeOfGroup(first + i, length);
      writeCodes(firstRow + row, group * groupColumns / valuesPerCode,
                 entries.data() + i, length / valuesPerCode);
    }
    return Status::success();
  });
}

/// Chooses the outer scales of rows [firstRow, endRow), which map the largest
/// weight onto the largest number under the largest scale, unless `known` is
/// that of the tensor, and returns what they leave of the weights.
static std::vector<float> takeOuterScales(const float *weights,
                                          int64_t firstRow, int64_t endRow,
                                          const float *known,
                                          QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  LaneTables tables(encoding.element);
  float top = std::max(tables.extreme(1), -tables.extreme(-1));
  if (encoding.scale == ScaleFormat::E4M3)
    top *= scaleFromBits(ScaleFormat::E4M3, 0x7E);
  int64_t columns = matrix.columns;
  std::vector<float> rest(weights, weights + (endRow - firstRow) * columns);
  bool isTensor = encoding.outer == OuterScale::Tensor;
  int64_t step = std::max<int64_t>(1, isTensor ? matrix.rows : 1);
  for (int64_t row = firstRow; row < endRow; row += step) {
    float *begin = rest.data() + (row - firstRow) * columns;
    float outer = std::fabs(largestOf(begin, step * columns)) / top;
    if (!(outer > 0 && std::isfinite(outer)))
      outer = 1;
    if (isTensor && known)
      outer = *known;
    matrix.outerScales[isTensor ? 0 : row] = outer;
    for (float *weight = begin; weight != begin + step * columns; ++weight)
      *weight /= outer;
  }
  return rest;
}

Status findTableScales(const float *weights, int64_t firstRow, int64_t endRow,
                       const QuantizeOptions &options,
                       QuantizedMatrix &matrix) {
  if (std::string problem = explainTableRefusal(matrix.encoding);
      !problem.empty())
    return {problem};
  if (Status status = checkFinite(weights, firstRow, endRow, matrix.columns);
      !status.ok())
    return status;
  std::vector<float> rest;
  if (matrix.encoding.outer != OuterScale::None) {
    rest =
        takeOuterScales(weights, firstRow, endRow, options.tensorScale, matrix);
    weights = rest.data();
  }
  return TableQuantizer(weights, firstRow, endRow, matrix).findScales(options);
}

void assignTableCodes(const float *weights, int64_t firstRow, int64_t endRow,
                      QuantizedMatrix &matrix) {
  TableQuantizer(weights, firstRow, endRow, matrix).assign();
}

} // namespace lowbit::numerics
