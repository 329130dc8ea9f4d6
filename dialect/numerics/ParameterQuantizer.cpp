//===- ParameterQuantizer.cpp - scales become codes -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales (and minima) are first rounded like any matrix of one row. The nearest
// code of a scale is not the best one for its weights, and the best one depends
// on that of the minimum: so every group then tries the codes around both.
//
//===----------------------------------------------------------------------===//

#include "ParameterQuantizer.h"

#include "LaneTables.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

namespace {

/// One kind of parameters: its numbers and its codes.
struct ParameterKind {
  std::vector<float> *numbers;
  QuantizedMatrix *stored;

  explicit operator bool() const { return stored && stored->rows; }
  /// What `code` stands for in place of parameter `index`.
  float number(const Encoding &encoding, int64_t index, uint32_t code) const {
    const Encoding &inner = stored->encoding;
    int64_t block = index / inner.columnsPerGroup(stored->columns);
    float value =
        inner.value(code, stored->scales[block],
                    stored->zeroPoints.empty() ? 0 : stored->zeroPoints[block],
                    stored->minima.empty() ? 0 : stored->minima[block]);
    return scaleFromBits(encoding.scale, scaleToBits(encoding.scale, value));
  }
};

/// Weights of a group and what an error of each costs; null: 1.
struct GroupWeights {
  const float *weights, *importance;
  int64_t count;
};

/// Judges parameters of a group by the squared error of its weights.
class GroupJudge {
public:
  explicit GroupJudge(const Encoding &encoding) {
    const IntegerFormat *integer = encoding.element.integer();
    isUniform = integer && integer->step() == 1;
    if (isUniform) {
      first = static_cast<float>(integer->decode(integer->firstCode()));
      last = static_cast<float>(integer->decode(integer->codeCount() - 1));
      return;
    }
    for (uint32_t code = 0; code < encoding.element.codeCount(); ++code)
      if (float number = encoding.element.decode(code); std::isfinite(number))
        numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
  }

  /// Whether formats of this size are worth trying codes for: others have
  /// numbers so close that their scale hardly matters.
  bool isCheap() const { return isUniform || numbers.size() <= 16; }

  float error(const GroupWeights &group, float scale, float zeroPoint,
              float minimum) const {
    float inverse = scale == 0 ? 0 : 1 / scale;
    double sum = 0;
    for (int64_t k = 0; k < group.count; ++k) {
      float place = (group.weights[k] - minimum) * inverse + zeroPoint;
      float value = (nearest(place) - zeroPoint) * scale + minimum;
      float away = group.weights[k] - value;
      sum += away * away * (group.importance ? group.importance[k] : 1);
    }
    return static_cast<float>(sum);
  }

private:
  float nearest(float place) const {
    if (isUniform) {
      // Adding 1.5 * 2^23 rounds numbers of up to 22 bits to the even integer.
      constexpr float kRounding = 12582912.0f;
      float number = std::min(std::max(place, first), last);
      return (number + kRounding) - kRounding;
    }
    size_t best = 0;
    for (size_t i = 1; i < numbers.size(); ++i)
      if (std::fabs(numbers[i] - place) < std::fabs(numbers[best] - place))
        best = i;
    return numbers[best];
  }

  bool isUniform = false;
  float first = 0, last = 0;
  std::vector<float> numbers;
};

class ParameterQuantizer {
public:
  ParameterQuantizer(const float *weights, int64_t firstRow, int64_t endRow,
                     const QuantizeOptions &options, QuantizedMatrix &matrix)
      : weights(weights), firstRow(firstRow), endRow(endRow), options(options),
        matrix(matrix), groups(matrix.encoding.groupCount(matrix.columns)) {
    for (size_t i = 0; i < matrix.stored.size(); ++i)
      kinds[i] = {&matrix.parametersOf(i), &matrix.stored[i]};
  }

  Status run();

private:
  Status round(const ParameterKind &kind, int64_t begin, int64_t end);
  void improve(const GroupJudge &judge, const GroupWeights &group,
               int64_t index);
  void improveVectors();
  void improveLanes(const LaneTables &tables, int64_t row, int64_t firstGroup,
                    int64_t count, int64_t length);

  const float *weights;
  int64_t firstRow, endRow;
  const QuantizeOptions &options;
  QuantizedMatrix &matrix;
  int64_t groups;
  ParameterKind kinds[3] = {};
};

} // namespace

/// Rounds parameters [begin, end), whole blocks, each to the nearest code.
Status ParameterQuantizer::round(const ParameterKind &kind, int64_t begin,
                                 int64_t end) {
  QuantizedMatrix part;
  part.reset(kind.stored->encoding, 1, end - begin);
  QuantizeOptions nearest;
  nearest.search = ScaleSearch::AbsMax;
  if (Status status =
          quantizeRows(kind.numbers->data() + begin, 0, 1, nearest, part);
      !status.ok())
    return {"in quantizing scales: " + status.message};
  std::copy(part.codes.begin(), part.codes.end(),
            kind.stored->codes.begin() + begin);
  int64_t block =
      begin / kind.stored->encoding.columnsPerGroup(kind.stored->columns);
  auto copy = [&](const std::vector<float> &from, std::vector<float> &to) {
    std::copy(from.begin(), from.end(), to.begin() + (to.empty() ? 0 : block));
  };
  copy(part.scales, kind.stored->scales);
  copy(part.zeroPoints, kind.stored->zeroPoints);
  copy(part.minima, kind.stored->minima);
  for (int64_t i = begin; i < end; ++i)
    (*kind.numbers)[i] = kind.number(matrix.encoding, i, kind.stored->codes[i]);
  return Status::success();
}

/// Tries the codes around those of parameter `index`.
void ParameterQuantizer::improve(const GroupJudge &judge,
                                 const GroupWeights &group, int64_t index) {
  const ParameterKind &scale = kinds[0], &minimum = kinds[2];
  float zeroPoint = matrix.zeroPoints.empty() ? 0 : matrix.zeroPoints[index];
  auto around = [&](const ParameterKind &kind, int reach) {
    std::vector<std::pair<uint32_t, float>> result;
    int count = static_cast<int>(kind.stored->encoding.element.codeCount());
    const IntegerFormat *format = kind.stored->encoding.element.integer();
    int least = format ? static_cast<int>(format->firstCode()) : 0;
    int code = kind.stored->codes[index];
    for (int i = std::max(code - reach, least);
         i <= std::min(code + reach, count - 1); ++i)
      result.emplace_back(i, kind.number(matrix.encoding, index, i));
    return result;
  };
  std::vector<std::pair<uint32_t, float>> minima{{0, 0.0f}};
  constexpr int kReach = 2, kMinimumReach = 2;
  if (minimum)
    minima = around(minimum, kMinimumReach);
  float least = INFINITY;
  for (auto [scaleCode, scaleNumber] : around(scale, kReach))
    for (auto [minimumCode, minimumNumber] : minima) {
      float error = judge.error(group, scaleNumber, zeroPoint, minimumNumber);
      if (error >= least)
        continue;
      least = error;
      scale.stored->codes[index] = static_cast<uint8_t>(scaleCode);
      (*scale.numbers)[index] = scaleNumber;
      if (minimum) {
        minimum.stored->codes[index] = static_cast<uint8_t>(minimumCode);
        (*minimum.numbers)[index] = minimumNumber;
      }
    }
}

/// The same for `count` groups of `length` columns whose codes stand for
/// several numbers: the vector code rounds 16 groups at a time.
void ParameterQuantizer::improveLanes(const LaneTables &tables, int64_t row,
                                      int64_t firstGroup, int64_t count,
                                      int64_t length) {
  const Encoding &encoding = matrix.encoding;
  const ParameterKind &scale = kinds[0];
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  std::vector<float> values(length * groupLanes), importance;
  auto columnOf = [&](int64_t lane) {
    return (firstGroup + std::min(lane, count - 1)) * size;
  };
  const float *from = weights + (row - firstRow) * matrix.columns;
  for (int64_t k = 0; k < length; ++k)
    for (int64_t lane = 0; lane < groupLanes; ++lane) {
      int64_t column = columnOf(lane) + k;
      values[k * groupLanes + lane] = from[column] / matrix.outerScale(row);
      if (options.importance)
        importance.push_back(options.importance[column]);
    }
  Segment segment{values.data(),
                  importance.empty() ? nullptr : importance.data(), length};
  constexpr int kReach = 2;
  const IntegerFormat *format = scale.stored->encoding.element.integer();
  int least = format ? static_cast<int>(format->firstCode()) : 0;
  int last = static_cast<int>(scale.stored->encoding.element.codeCount()) - 1;
  int64_t first = row * groups + firstGroup;
  float errors[groupLanes];
  std::fill_n(errors, groupLanes, INFINITY);
  std::vector<uint8_t> start(scale.stored->codes.begin() + first,
                             scale.stored->codes.begin() + first + count);
  for (int step = -kReach; step <= kReach; ++step) {
    float trial[groupLanes];
    uint8_t codes[groupLanes];
    for (int64_t lane = 0; lane < groupLanes; ++lane) {
      int64_t i = std::min(lane, count - 1);
      int code = std::min(std::max(start[i] + step, least), last);
      codes[lane] = static_cast<uint8_t>(code);
      trial[lane] = scale.number(encoding, first + i, code);
    }
    TableFit fit;
    groupKernels().fitTable(tables.table(), segment, trial, fit);
    for (int64_t lane = 0; lane < count; ++lane)
      if (fit.error[lane] < errors[lane]) {
        errors[lane] = fit.error[lane];
        scale.stored->codes[first + lane] = codes[lane];
        (*scale.numbers)[first + lane] = trial[lane];
      }
  }
}

void ParameterQuantizer::improveVectors() {
  LaneTables tables(matrix.encoding.element);
  int64_t size = matrix.encoding.columnsPerGroup(matrix.columns);
  int64_t whole = matrix.columns / size;
  for (int64_t row = firstRow; row < endRow; ++row) {
    for (int64_t group = 0; group < whole; group += groupLanes)
      improveLanes(tables, row, group, std::min(groupLanes, whole - group),
                   size);
    if (whole < groups)
      improveLanes(tables, row, whole, 1, matrix.columns - whole * size);
  }
}

Status ParameterQuantizer::run() {
  const Encoding &encoding = matrix.encoding;
  int64_t together = rowsTogether(encoding, matrix.rows, matrix.columns);
  if (firstRow % together || (endRow % together && endRow != matrix.rows))
    return {"scales that are quantized need blocks of " +
            std::to_string(together) + " rows at once, found rows " +
            std::to_string(firstRow) + " to " + std::to_string(endRow)};
  bool isTensor = encoding.granularity == Granularity::Tensor;
  int64_t begin = isTensor ? 0 : firstRow * groups;
  int64_t end = isTensor ? std::min<int64_t>(1, endRow) : endRow * groups;
  if (begin == end)
    return Status::success();
  for (const ParameterKind &kind : kinds)
    if (kind)
      if (Status status = round(kind, begin, end); !status.ok())
        return status;
  if (isTensor || options.search == ScaleSearch::AbsMax)
    return Status::success();
  if (encoding.element.valuesPerCode() > 1) {
    improveVectors();
    return Status::success();
  }
  GroupJudge judge(encoding);
  if (!judge.isCheap())
    return Status::success();
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  std::vector<float> inner(size);
  for (int64_t row = firstRow; row < endRow; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      int64_t column = group * size;
      int64_t count = std::min(size, matrix.columns - column);
      const float *from = weights + (row - firstRow) * matrix.columns + column;
      for (int64_t k = 0; k < count; ++k)
        inner[k] = from[k] / matrix.outerScale(row);
      improve(judge,
              {inner.data(),
               options.importance ? options.importance + column : nullptr,
               count},
              row * groups + group);
    }
  return Status::success();
}

Status quantizeParameters(const float *weights, int64_t firstRow,
                          int64_t endRow, const QuantizeOptions &options,
                          QuantizedMatrix &matrix) {
  return ParameterQuantizer(weights, firstRow, endRow, options, matrix).run();
}

} // namespace lowbit::numerics
