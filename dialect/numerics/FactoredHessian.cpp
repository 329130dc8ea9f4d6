//===- FactoredHessian.cpp - a layer's second moment, factored ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eigen's blocked Cholesky factorization, in double precision: pivots may be a
// millionth of the largest diagonal element, which is what single precision
// resolves.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FactoredHessian.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <numeric>

namespace lowbit::numerics {

/// Rows of the factors begin at a multiple of this many floats.
static constexpr int64_t strideUnit = 64;

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

/// Eigen divides matrices into blocks by the caches of the machine it finds
/// itself on, and bytes that are stored must not depend on that.
static void fixBlockSizes() {
  [[maybe_unused]] static bool done =
      (Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 4 << 20), true);
}

/// The lower triangle of `hessian` with `added` on its diagonal, columns in
/// `order` from the last to the first: Eigen factors A = L L^T, which from back
/// to front is R R^T with R upper triangular.
static Eigen::MatrixXd
reverse(const float *hessian, const std::vector<int32_t> &order, double added) {
  auto n = static_cast<int64_t>(order.size());
  Eigen::MatrixXd result(n, n);
  for (int64_t i = 0; i < n; ++i) {
    const float *from = hessian + order[i] * n;
    for (int64_t k = i; k < n; ++k)
      result(n - 1 - i, n - 1 - k) = from[order[k]];
    result(n - 1 - i, n - 1 - i) += added;
  }
  return result;
}

Status FactoredHessian::factor(const float *hessian,
                               const std::vector<int32_t> &order,
                               double damping, FactoredHessian &result) {
  auto n = static_cast<int64_t>(order.size());
  if (Status status = checkHessian(hessian, n); !status.ok())
    return status;
  fixBlockSizes();
  double trace = 0;
  for (int64_t i = 0; i < n; ++i)
    trace += hessian[i * n + i];
  // Without any input, every column matters the same.
  double added = trace > 0 ? damping * trace / n : 1;
  Eigen::MatrixXd matrix = reverse(hessian, order, added);
  // A moment that single precision has made indefinite needs more damping. What
  // is on the diagonal exceeds everything else in the end.
  while (Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>>(matrix).info() !=
         Eigen::Success)
    matrix = reverse(hessian, order, added *= 2);

  result.count = n;
  result.padded = (n + strideUnit - 1) / strideUnit * strideUnit;
  result.added = static_cast<float>(added);
  result.diagonal.resize(n);
  result.factors.assign(n * result.padded, 0);
  for (int64_t k = 0; k < n; ++k) {
    auto column = matrix.col(n - 1 - k);
    double pivot = column(n - 1 - k);
    result.diagonal[k] = static_cast<float>(pivot * pivot);
    for (int64_t i = 0; i < k; ++i)
      result.factors[i * result.padded + k] =
          static_cast<float>(column(n - 1 - i) / pivot);
  }
  return Status::success();
}

void FactoredHessian::solve(float *rows, int64_t rowCount) const {
  using Rows =
      Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  fixBlockSizes();
  Eigen::Map<Rows> result(rows, rowCount, count);
  Eigen::Map<const Rows, 0, Eigen::OuterStride<>> factor(
      factors.data(), count, count, Eigen::OuterStride<>(padded));
  Eigen::Map<const Eigen::VectorXf> pivot(diagonal.data(), count);
  factor.transpose()
      .triangularView<Eigen::UnitLower>()
      .solveInPlace<Eigen::OnTheRight>(result);
  result *= pivot.cwiseInverse().asDiagonal();
  factor.triangularView<Eigen::UnitUpper>().solveInPlace<Eigen::OnTheRight>(
      result);
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
