//===- FactoredHessian.cpp - a layer's second moment, factored ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A blocked Cholesky factorization from the last column to the first, in double
// precision: pivots may be a millionth of the largest diagonal element, which
// is what single precision resolves.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FactoredHessian.h"

#include "GroupKernels.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace lowbit::numerics {

static constexpr int64_t blockColumns = 64;

namespace {

/// Factors A = R R^T, R upper triangular, in place.
class Factorization {
public:
  Factorization(std::vector<double> &matrix, int64_t size, double leastPivot)
      : a(matrix), n(size), leastPivot(leastPivot) {}

  void run() {
    for (int64_t begin = n - blockColumns; begin >= 0; begin -= blockColumns) {
      factorBlock(begin);
      solvePanel(begin);
      updateRest(begin);
    }
  }

private:
  double *row(int64_t i) { return a.data() + i * n; }

  /// The block on the diagonal, by columns from the last.
  void factorBlock(int64_t begin) {
    for (int64_t j = begin + blockColumns; j-- > begin;) {
      // A Schur complement of H + damping is at least the damping. Rounding can
      // lose that only where H has next to no rank.
      double pivot = std::sqrt(std::max(row(j)[j], leastPivot));
      row(j)[j] = pivot;
      for (int64_t i = begin; i < j; ++i)
        row(i)[j] /= pivot;
      for (int64_t i = begin; i < j; ++i)
        for (int64_t k = i; k < j; ++k)
          row(i)[k] -= row(i)[j] * row(k)[j];
    }
  }

  /// The columns of the block above it, which are kept transposed as well.
  void solvePanel(int64_t begin) {
    panel.resize(blockColumns * n);
    for (int64_t j = blockColumns; j-- > 0;) {
      double *to = panel.data() + j * n;
      for (int64_t i = 0; i < begin; ++i)
        to[i] = row(i)[begin + j];
      for (int64_t k = j + 1; k < blockColumns; ++k) {
        const double *from = panel.data() + k * n;
        double factor = row(begin + j)[begin + k];
        for (int64_t i = 0; i < begin; ++i)
          to[i] -= factor * from[i];
      }
      double inverse = 1 / row(begin + j)[begin + j];
      for (int64_t i = 0; i < begin; ++i)
        row(i)[begin + j] = to[i] *= inverse;
    }
  }

  /// Subtracts what the block explains from the triangle above it.
  void updateRest(int64_t begin) {
    constexpr int64_t width = 32;
    for (int64_t k = 0; k < begin; k += width)
      groupKernels().addProductOfDoubles({panel.data(), n, blockColumns,
                                          panel.data() + k, n, k + width, width,
                                          -1, a.data() + k, n});
  }

  std::vector<double> &a;
  std::vector<double> panel;
  int64_t n;
  double leastPivot;
};

} // namespace

static Status checkHessian(const float *hessian, int64_t columns) {
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      float value = hessian[i * columns + j];
      if (!std::isfinite(value) || (i == j && value < 0))
        return {"second moment, row " + std::to_string(i) + ", column " +
                std::to_string(j) + ": must be finite" +
                (i == j ? " and not negative" : "") + ", found " +
                std::to_string(value)};
    }
  return Status::success();
}

Status FactoredHessian::factor(const float *hessian,
                               const std::vector<int32_t> &order,
                               double damping, FactoredHessian &result) {
  auto n = static_cast<int64_t>(order.size());
  if (Status status = checkHessian(hessian, n); !status.ok())
    return status;
  int64_t padded = (n + blockColumns - 1) / blockColumns * blockColumns;
  double trace = 0;
  for (int64_t i = 0; i < n; ++i)
    trace += hessian[i * n + i];
  // Without any input, every column matters the same.
  double added = trace > 0 ? damping * trace / n : 1;
  std::vector<double> matrix(padded * padded, 0);
  for (int64_t i = 0; i < n; ++i) {
    const float *from = hessian + order[i] * n;
    for (int64_t k = i; k < n; ++k)
      matrix[i * padded + k] = from[order[k]];
  }
  for (int64_t i = 0; i < padded; ++i)
    matrix[i * padded + i] += added;
  Factorization(matrix, padded, added).run();

  result.count = n;
  result.padded = padded;
  result.added = static_cast<float>(added);
  result.diagonal.resize(n);
  result.factors.assign(n * padded, 0);
  for (int64_t i = 0; i < n; ++i) {
    double pivot = matrix[i * padded + i];
    result.diagonal[i] = static_cast<float>(pivot * pivot);
    for (int64_t k = i + 1; k < n; ++k)
      result.factors[i * padded + k] =
          static_cast<float>(matrix[i * padded + k] / matrix[k * padded + k]);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Solving
//===----------------------------------------------------------------------===//

/// Replaces the columns of `panel` [n, panelRows] by those of panel T^-1, T
/// unit triangular, going from column to column in the direction of `step`.
/// Row i of `factors` holds row i of T.
static void solveTriangle(const float *factors, int64_t stride, int64_t n,
                          bool forward, float *panel) {
  for (int64_t done = 0; done < n; done += blockColumns) {
    int64_t size = std::min(blockColumns, n - done);
    int64_t begin = forward ? done : n - done - size, end = begin + size;
    auto subtract = [&](int64_t i, int64_t depth, int64_t first, int64_t last) {
      groupKernels().addProduct({factors + i * stride + first, stride, depth,
                                 panel + i * panelRows, panelRows, last - first,
                                 panelRows, -1, panel + first * panelRows,
                                 panelRows});
    };
    for (int64_t k = 0; k < size; ++k)
      if (forward)
        subtract(begin + k, 1, begin + k + 1, end);
      else
        subtract(end - 1 - k, 1, begin, end - 1 - k);
    if (forward)
      subtract(begin, size, end, n);
    else
      subtract(begin, size, 0, begin);
  }
}

void FactoredHessian::solve(float *rows, int64_t rowCount) const {
  std::vector<float> transposed(count * count), panel(count * panelRows);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = i + 1; k < count; ++k)
      transposed[k * count + i] = row(i)[k];
  for (int64_t first = 0; first < rowCount; first += panelRows) {
    int64_t size = std::min(panelRows, rowCount - first);
    for (int64_t k = 0; k < count; ++k)
      for (int64_t n = 0; n < panelRows; ++n)
        panel[k * panelRows + n] = n < size ? rows[(first + n) * count + k] : 0;
    solveTriangle(transposed.data(), count, count, false, panel.data());
    for (int64_t k = 0; k < count; ++k)
      for (int64_t n = 0; n < panelRows; ++n)
        panel[k * panelRows + n] /= diagonal[k];
    solveTriangle(factors.data(), padded, count, true, panel.data());
    for (int64_t n = 0; n < size; ++n)
      for (int64_t k = 0; k < count; ++k)
        rows[(first + n) * count + k] = panel[k * panelRows + n];
  }
}

std::vector<int32_t> orderByDiagonal(const float *hessian, int64_t columns,
                                     int64_t unit) {
  std::vector<double> weight(columns / unit, 0);
  for (int64_t k = 0; k < columns; ++k)
    weight[k / unit] += hessian[k * columns + k];
  std::vector<int32_t> units(weight.size()), order;
  std::iota(units.begin(), units.end(), 0);
  std::sort(units.begin(), units.end(), [&](int32_t a, int32_t b) {
    return weight[a] != weight[b] ? weight[a] > weight[b] : a < b;
  });
  for (int32_t first : units)
    for (int64_t i = 0; i < unit; ++i)
      order.push_back(static_cast<int32_t>(first * unit + i));
  return order;
}

} // namespace lowbit::numerics
