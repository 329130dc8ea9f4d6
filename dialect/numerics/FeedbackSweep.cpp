//===- FeedbackSweep.cpp - sweeps over quantized rows ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// With G = errors H, the least squares optimum of one parameter, or of one
// value, while everything else stays is a quotient of sums over G and H. Each
// step lowers the error or changes nothing, so sweeps never do harm to it.
//
//===----------------------------------------------------------------------===//

#include "FeedbackPanel.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace lowbit::numerics {

static constexpr int64_t blockColumns = 128;

void FeedbackPanel::addToGradient(const float *change, int64_t begin,
                                  int64_t end, int64_t first, int64_t last) {
  if (first < last)
    groupKernels().addProduct({plan.dampedRow(begin) + first,
                               plan.factors().stride(), end - begin, change,
                               panelRows, last - first, panelRows, 1,
                               at(gradient, first), panelRows});
}

void FeedbackPanel::findGradient() {
  gradient.assign(columns * panelRows, 0);
  changes.assign(columns * panelRows, 0);
  for (int64_t begin = 0; begin < columns; begin += blockColumns)
    addToGradient(at(errors, begin), begin,
                  std::min(begin + blockColumns, columns), 0, columns);
}

/// Tells the gradient outside of columns [begin, end) what has changed there.
void FeedbackPanel::propagate(int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += blockColumns) {
    int64_t stop = std::min(i + blockColumns, end);
    addToGradient(at(changes, i), i, stop, 0, begin);
    addToGradient(at(changes, i), i, stop, end, columns);
  }
  std::fill(at(changes, begin), at(changes, end), 0.0f);
}

namespace {

/// Sums over a group for each row: x are the numbers before scale and minimum,
/// 1 is a vector of ones, G the gradient.
struct GroupSums {
  double xHx = 0, xH1 = 0, oneHone = 0, xG = 0, oneG = 0;

  /// By how much the error falls if scale and minimum grow by these.
  double gain(double scale, double minimum) const {
    return 2 * (scale * xG + minimum * oneG) - scale * scale * xHx -
           2 * scale * minimum * xH1 - minimum * minimum * oneHone;
  }
};

} // namespace

/// Changes of scale and minimum that lower the error most, as stored.
static std::pair<float, float> bestChange(const GroupSums &sums,
                                          const ColumnRounder &rounder,
                                          float scale, float minimum,
                                          bool hasMinimum) {
  double byScale = 0, byMinimum = 0;
  double determinant = sums.xHx * sums.oneHone - sums.xH1 * sums.xH1;
  if (hasMinimum && determinant > 1e-9 * sums.xHx * sums.oneHone) {
    byScale = (sums.xG * sums.oneHone - sums.oneG * sums.xH1) / determinant;
    byMinimum = (sums.oneG * sums.xHx - sums.xG * sums.xH1) / determinant;
  } else if (sums.xHx > 0) {
    byScale = sums.xG / sums.xHx;
  }
  float newScale = rounder.stored(static_cast<float>(scale + byScale));
  float newMinimum =
      hasMinimum ? rounder.stored(static_cast<float>(minimum + byMinimum)) : 0;
  bool isFinite = std::isfinite(newScale) && std::isfinite(newMinimum);
  if (!isFinite || sums.gain(newScale - scale, newMinimum - minimum) <= 0)
    return {0, 0};
  return {newScale - scale, newMinimum - minimum};
}

/// Refits the parameters of the group of columns [begin, end).
void FeedbackPanel::refitGroup(int64_t group, int64_t begin, int64_t end) {
  int64_t count = end - begin;
  bool hasMinimum = !matrix.minima.empty();
  std::vector<float> numbers(count * panelRows), products(count * panelRows, 0);
  std::vector<float> ones(count, 0);
  for (int64_t k = 0; k < count; ++k)
    for (int64_t n = 0; n < panelRows; ++n)
      numbers[k * panelRows + n] =
          rounder.number(codes[(begin + k) / unit * panelRows + n],
                         (begin + k) % unit, parameters.zeroPoint[n]);
  for (int64_t k = 0; k < count; k += blockColumns) {
    int64_t depth = std::min(blockColumns, count - k);
    groupKernels().addProduct({plan.dampedRow(begin + k) + begin,
                               plan.factors().stride(), depth,
                               numbers.data() + k * panelRows, panelRows, count,
                               panelRows, 1, products.data(), panelRows});
  }
  GroupSums sums[panelRows];
  for (int64_t k = 0; k < count; ++k) {
    double one = 0;
    for (int64_t j = 0; hasMinimum && j < count; ++j)
      one += plan.dampedRow(begin + k)[begin + j];
    ones[k] = static_cast<float>(one);
    const float *slope = at(gradient, begin + k);
    for (int64_t n = 0; n < panelRows; ++n) {
      double x = numbers[k * panelRows + n];
      sums[n].xHx += x * products[k * panelRows + n];
      sums[n].xH1 += x * one;
      sums[n].oneHone += one;
      sums[n].xG += x * slope[n];
      sums[n].oneG += slope[n];
    }
  }
  float byScale[panelRows], byMinimum[panelRows];
  for (int64_t n = 0; n < panelRows; ++n) {
    std::tie(byScale[n], byMinimum[n]) =
        bestChange(sums[n], rounder, parameters.scale[n], parameters.minimum[n],
                   hasMinimum);
    parameters.scale[n] += byScale[n];
    parameters.minimum[n] += byMinimum[n];
  }
  for (int64_t k = 0; k < count; ++k)
    for (int64_t n = 0; n < panelRows; ++n) {
      int64_t i = (begin + k) * panelRows + n;
      float change = byScale[n] * numbers[k * panelRows + n] + byMinimum[n];
      values[i] += change;
      errors[i] -= change;
      changes[i] -= change;
      gradient[i] -=
          byScale[n] * products[k * panelRows + n] + byMinimum[n] * ones[k];
    }
  writeParameters(group);
}

/// The lower Cholesky factor L of rows and columns [place, place + size) of the
/// damped second moment: an error e of these columns costs |e L|^2.
static std::vector<float> metricOf(const FeedbackPlan &plan, int64_t place,
                                   int64_t size) {
  std::vector<double> factor(size * size, 0);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double rest = plan.dampedRow(place + i)[place + j];
      for (int64_t k = 0; k < j; ++k)
        rest -= factor[i * size + k] * factor[j * size + k];
      // Positive but for rounding, like the pivots of the whole.
      factor[i * size + j] =
          i == j
              ? std::sqrt(std::max<double>(rest, plan.factors().dampingAdded()))
              : rest / factor[j * size + j];
    }
  return {factor.begin(), factor.end()};
}

/// Replaces `panel` [size, panelRows] by panel (L L^T)^-1.
static void solveBlock(const std::vector<float> &factor, int64_t size,
                       float *panel) {
  for (int64_t n = 0; n < panelRows; ++n) {
    for (int64_t j = 0; j < size; ++j) {
      for (int64_t k = 0; k < j; ++k)
        panel[j * panelRows + n] -=
            factor[j * size + k] * panel[k * panelRows + n];
      panel[j * panelRows + n] /= factor[j * size + j];
    }
    for (int64_t j = size; j-- > 0;) {
      for (int64_t k = j + 1; k < size; ++k)
        panel[j * panelRows + n] -=
            factor[k * size + j] * panel[k * panelRows + n];
      panel[j * panelRows + n] /= factor[j * size + j];
    }
  }
}

/// Rounds columns [begin, end) of one group again, those of each code to their
/// optimum.
void FeedbackPanel::roundAgain(int64_t begin, int64_t end) {
  std::vector<float> target(unit * panelRows), value(unit * panelRows);
  for (int64_t k = begin; k < end; k += unit) {
    std::vector<float> metric = metricOf(plan, k, unit);
    std::copy_n(at(gradient, k), unit * panelRows, target.data());
    solveBlock(metric, unit, target.data());
    for (int64_t i = 0; i < unit * panelRows; ++i)
      target[i] += at(values, k)[i];
    rounder.round(target.data(), unit > 1 ? metric.data() : nullptr, parameters,
                  value.data(), codes.data() + k / unit * panelRows);
    // From here on, what the errors of these columns change by.
    for (int64_t i = 0; i < unit * panelRows; ++i) {
      target[i] = at(values, k)[i] - value[i];
      at(values, k)[i] = value[i];
      at(errors, k)[i] += target[i];
      at(changes, k)[i] += target[i];
    }
    addToGradient(target.data(), k, k + unit, begin, end);
  }
}

void FeedbackPanel::sweep() {
  bool isShared = matrix.encoding.granularity == Granularity::Tensor ||
                  matrix.encoding.groupRows > 1;
  for (int64_t group = 0; group < groups; ++group) {
    int64_t begin = group * groupColumns;
    int64_t end = std::min(begin + groupColumns, columns);
    readParameters(group);
    if (!isShared)
      refitGroup(group, begin, end);
    int64_t step = blockColumns / unit * unit;
    if (end - begin > step)
      propagate(begin, end);
    for (int64_t i = begin; i < end; i += step) {
      int64_t stop = std::min(i + step, end);
      roundAgain(i, stop);
      propagate(i, stop);
    }
  }
}

} // namespace lowbit::numerics
