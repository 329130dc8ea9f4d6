//===- FeedbackPanel.cpp - error feedback for 64 rows ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Columns are rounded in blocks. Inside a block each error reaches the block's
// other columns at once; all later columns get the errors of the whole block by
// one product of matrices.
//
//===----------------------------------------------------------------------===//

#include "FeedbackPanel.h"

#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

static constexpr int64_t blockColumns = 128;

FeedbackPanel::FeedbackPanel(const FeedbackPlan &plan,
                             const ColumnRounder &rounder,
                             QuantizedMatrix &matrix)
    : plan(plan), rounder(rounder), matrix(matrix), columns(matrix.columns),
      unit(rounder.valuesPerCode()),
      groups(matrix.encoding.groupCount(columns)),
      groupColumns(matrix.encoding.columnsPerGroup(columns)),
      isDynamic(plan.options().order != ColumnOrder::ByDiagonal &&
                matrix.encoding.granularity != Granularity::Tensor),
      current(columns * panelRows), errors(columns * panelRows),
      values(columns * panelRows), blockErrors(blockColumns * panelRows),
      codes(columns / unit * panelRows) {}

/// Lanes beyond the last row repeat it.
void FeedbackPanel::load(const float *weights) {
  for (int64_t place = 0; place < columns; ++place) {
    const float *from = weights + plan.order()[place];
    float *to = at(current, place), *original = at(errors, storedOf(place));
    for (int64_t n = 0; n < panelRows; ++n)
      to[n] = original[n] = from[std::min(n, rowCount - 1) * columns];
  }
}

void FeedbackPanel::readParameters(int64_t group) {
  const Encoding &encoding = matrix.encoding;
  for (int64_t n = 0; n < panelRows; ++n) {
    int64_t row = firstRow + std::min(n, rowCount - 1);
    int64_t index = encoding.parameterIndex(row, group, groups);
    parameters.scale[n] = matrix.scales[index];
    parameters.zeroPoint[n] =
        matrix.zeroPoints.empty() ? 0 : matrix.zeroPoints[index];
    parameters.minimum[n] = matrix.minima.empty() ? 0 : matrix.minima[index];
  }
}

void FeedbackPanel::writeParameters(int64_t group) {
  for (int64_t n = 0; n < rowCount; ++n) {
    int64_t index = matrix.encoding.parameterIndex(firstRow + n, group, groups);
    matrix.scales[index] = parameters.scale[n];
    if (!matrix.zeroPoints.empty())
      matrix.zeroPoints[index] = parameters.zeroPoint[n];
    if (!matrix.minima.empty())
      matrix.minima[index] = parameters.minimum[n];
  }
}

/// Makes `parameters` those of a group, the first of whose columns, if they are
/// still to be chosen, stands at `place`.
Status FeedbackPanel::enterGroup(int64_t place, int64_t group) {
  if (group == currentGroup)
    return Status::success();
  currentGroup = group;
  if (!isDynamic) {
    readParameters(group);
    return Status::success();
  }
  int64_t count = std::min(groupColumns, columns - place);
  std::vector<float> importance;
  for (int64_t i = 0; plan.importance() && i < count; ++i)
    importance.push_back(plan.importance()[plan.order()[place + i]]);
  rounder.findParameters(at(current, place), count,
                         importance.empty() ? nullptr : importance.data(),
                         plan.options().search, parameters);
  for (int64_t n = 0; n < rowCount; ++n)
    if (!std::isfinite(parameters.scale[n]) ||
        !std::isfinite(parameters.zeroPoint[n]) ||
        !std::isfinite(parameters.minimum[n]))
      return {"row " + std::to_string(firstRow + n) + ", group " +
              std::to_string(group) + ": parameters must fit " +
              describeScale(matrix.encoding.scale) + ", found a larger one"};
  writeParameters(group);
  return Status::success();
}

/// Blocks are whole groups or parts of one: where parameters are chosen, every
/// column of the group must have all errors of the columns before.
int64_t FeedbackPanel::endOfBlock(int64_t begin) const {
  int64_t end = std::min(begin + blockColumns / unit * unit, columns);
  int64_t endOfGroup = (begin / groupColumns + 1) * groupColumns;
  if (!isDynamic || end == columns || endOfGroup >= end)
    return end;
  return end / groupColumns * groupColumns;
}

/// The matrix T of a code's columns for which an error e costs |e T|^2.
static std::vector<float> metricOf(const FactoredHessian &factors,
                                   int64_t place, int64_t size) {
  std::vector<float> metric(size * size, 0);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = i; j < size; ++j)
      metric[i * size + j] = (i == j ? 1 : factors.row(place + i)[place + j]) *
                             std::sqrt(factors.pivots()[place + j]);
  return metric;
}

/// From columns that have the errors of the columns before their code to the
/// point whose distance to the code's numbers is what the metric measures:
/// errors are those of the weights themselves, of a code's columns too.
void FeedbackPanel::moveTargets(int64_t place, const float *original) {
  const FactoredHessian &factors = plan.factors();
  for (int64_t to = 1; to < unit; ++to)
    for (int64_t from = 0; from < to; ++from) {
      float factor = factors.row(place + from)[place + to];
      const float *weight = original + from * panelRows;
      const float *target = at(current, place + from);
      float *moved = at(current, place + to);
      for (int64_t n = 0; n < panelRows; ++n)
        moved[n] += factor * (weight[n] - target[n]);
    }
}

/// Rounds the columns of one code and tells the rest of the block.
void FeedbackPanel::roundUnit(int64_t begin, int64_t place, int64_t end) {
  const FactoredHessian &factors = plan.factors();
  int64_t stored = storedOf(place);
  float *value = at(values, stored), *error = at(errors, stored);
  std::vector<float> metric;
  if (unit > 1) {
    metric = metricOf(factors, place, unit);
    moveTargets(place, error);
  }
  rounder.round(at(current, place), unit > 1 ? metric.data() : nullptr,
                parameters, value, codes.data() + stored / unit * panelRows);
  float *blockError = at(blockErrors, place - begin);
  for (int64_t i = 0; i < unit * panelRows; ++i)
    blockError[i] = error[i] -= value[i];
  int64_t next = place + unit;
  groupKernels().addProduct({factors.row(place) + next, factors.stride(), unit,
                             blockError, panelRows, end - next, panelRows, 1,
                             at(current, next), panelRows});
}

Status FeedbackPanel::roundBlock(int64_t begin, int64_t end) {
  for (int64_t place = begin; place < end; place += unit) {
    if (Status status = enterGroup(place, groupOf(storedOf(place)));
        !status.ok())
      return status;
    roundUnit(begin, place, end);
  }
  const FactoredHessian &factors = plan.factors();
  groupKernels().addProduct({factors.row(begin) + end, factors.stride(),
                             end - begin, blockErrors.data(), panelRows,
                             columns - end, panelRows, 1,
                             current.data() + end * panelRows, panelRows});
  return Status::success();
}

Status FeedbackPanel::roundAll() {
  currentGroup = -1;
  for (int64_t begin = 0; begin < columns;) {
    int64_t end = endOfBlock(begin);
    if (Status status = roundBlock(begin, end); !status.ok())
      return status;
    begin = end;
  }
  return Status::success();
}

Status FeedbackPanel::run(const float *weights, int64_t first, int64_t count) {
  firstRow = first;
  rowCount = count;
  load(weights);
  if (Status status = roundAll(); !status.ok())
    return status;
  if (plan.options().sweeps > 0) {
    findGradient();
    for (int i = 0; i < plan.options().sweeps; ++i)
      sweep();
  }
  for (int64_t k = 0; k < columns / unit; ++k)
    for (int64_t n = 0; n < rowCount; ++n)
      matrix.setCode(firstRow + n, k, codes[k * panelRows + n]);
  return Status::success();
}

} // namespace lowbit::numerics
