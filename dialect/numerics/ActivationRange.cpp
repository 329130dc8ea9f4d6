//===- ActivationRange.cpp - what part of a range to encode ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/ActivationRange.h"
#include <algorithm>
#include <cmath>

using namespace lowbit::numerics;

/// Counts of magnitudes: bins of equal distance from zero are one.
static std::vector<double> foldHistogram(const Histogram &histogram) {
  int64_t half = histogram.size() / 2;
  std::vector<double> magnitudes(half);
  for (int64_t i = 0; i < half; ++i)
    magnitudes[i] = static_cast<double>(histogram.counts()[half + i]) +
                    static_cast<double>(histogram.counts()[half - 1 - i]);
  return magnitudes;
}

ActivationRange lowbit::numerics::findPercentile(const Histogram &histogram,
                                                 double percent) {
  if (histogram.total() == 0)
    return {};
  double width = histogram.width();
  double tail = (100 - percent) / 200 * static_cast<double>(histogram.total());
  int64_t first = 0, last = histogram.size() - 1;
  for (double sum = 0; first < last; ++first)
    if ((sum += static_cast<double>(histogram.counts()[first])) > tail)
      break;
  for (double sum = 0; last > first; --last)
    if ((sum += static_cast<double>(histogram.counts()[last])) > tail)
      break;
  return {histogram.center(first) - width / 2,
          histogram.center(last) + width / 2};
}

ActivationRange lowbit::numerics::findLeastSquares(const Histogram &histogram,
                                                   unsigned bits) {
  if (histogram.total() == 0)
    return {};
  constexpr int64_t kCandidates = 256;
  std::vector<double> counts = foldHistogram(histogram);
  double width = histogram.limit() / static_cast<double>(counts.size());
  double best = INFINITY, limit = 0;
  for (int64_t i = 1; i <= kCandidates; ++i) {
    double clip = histogram.limit() * static_cast<double>(i) / kCandidates;
    double step = 2 * clip / (std::exp2(bits) - 1);
    double error = 0;
    for (size_t bin = 0; bin < counts.size(); ++bin) {
      double beyond = (static_cast<double>(bin) + 0.5) * width - clip;
      error += counts[bin] * (beyond > 0 ? beyond * beyond : step * step / 12);
    }
    if (error < best) {
      best = error;
      limit = clip;
    }
  }
  return {-limit, limit};
}

/// KL(p || q) for p the first `size` bins, everything beyond counted in the
/// last one, and q the same bins as `levels` codes tell them: the mean of those
/// that share a code and are not empty.
static double getDivergence(const std::vector<double> &counts, int64_t size,
                            int64_t levels, double beyond) {
  double total = beyond, kept = 0;
  for (int64_t i = 0; i < size; ++i) {
    total += counts[i];
    kept += counts[i];
  }
  if (kept == 0)
    return INFINITY;
  double divergence = 0;
  for (int64_t level = 0; level < levels; ++level) {
    int64_t first = level * size / levels, end = (level + 1) * size / levels;
    double sum = 0;
    int64_t filled = 0;
    for (int64_t i = first; i < end; ++i) {
      sum += counts[i];
      filled += counts[i] != 0;
    }
    for (int64_t i = first; i < end; ++i) {
      double p = counts[i] + (i + 1 == size ? beyond : 0);
      if (p == 0)
        continue;
      // What is clipped to a bin that is empty otherwise is lost entirely.
      double q = filled ? sum / static_cast<double>(filled) : 0;
      if (q == 0)
        return INFINITY;
      divergence += p / total * std::log(p / total * kept / q);
    }
  }
  return divergence;
}

ActivationRange
lowbit::numerics::findLeastDivergence(const Histogram &histogram,
                                      unsigned bits) {
  if (histogram.total() == 0)
    return {};
  std::vector<double> counts = foldHistogram(histogram);
  auto bins = static_cast<int64_t>(counts.size());
  int64_t levels = std::min<int64_t>(int64_t(1) << (bits - 1), bins);
  double beyond = 0, best = INFINITY;
  int64_t size = bins;
  for (int64_t i = bins; i >= levels; --i) {
    double divergence = getDivergence(counts, i, levels, beyond);
    if (divergence <= best) {
      best = divergence;
      size = i;
    }
    beyond += counts[i - 1];
  }
  double limit =
      histogram.limit() * static_cast<double>(size) / static_cast<double>(bins);
  return {-limit, limit};
}
