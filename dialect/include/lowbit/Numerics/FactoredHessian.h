//===- FactoredHessian.h - a layer's second moment, factored ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The output error of a layer whose weights are off by E is tr(E H E^T), H
// being the second moment E[x^T x] of its input. With A = H + damping,
//
//   A = M D M^T,  M unit upper triangular, D diagonal,
//
// that error is a sum over columns, sum_t D_t |(E M)_t|^2, in which column t
// depends on itself and the columns before it. Whoever rounds columns one by
// one therefore rounds w_t + sum over i < t of e_i M_it (Chee et al., QuIP:
// LDLQ, which is the iteration of GPTQ without an inverse).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FACTOREDHESSIAN_H
#define LOWBIT_NUMERICS_FACTOREDHESSIAN_H

#include "lowbit/Numerics/Status.h"
#include <cstdint>
#include <vector>

namespace lowbit::numerics {

class FactoredHessian {
public:
  /// Factors `hessian` [columns, columns], symmetric and positive semidefinite
  /// up to rounding, with rows and columns taken in `order`, after adding
  /// `damping` > 0 times the mean of its diagonal to the diagonal. Columns that
  /// are zero, and a matrix without full rank, are no trouble. Fails on numbers
  /// that aren't finite and on a negative diagonal.
  static Status factor(const float *hessian, const std::vector<int32_t> &order,
                       double damping, FactoredHessian &result);

  int64_t columns() const { return count; }
  /// Numbers from one row of M to the next.
  int64_t stride() const { return padded; }
  /// Row i of M; what stands before column i + 1 has no meaning.
  const float *row(int64_t i) const { return factors.data() + i * padded; }
  /// D_t: how much an error of column t costs that later columns can't make
  /// good.
  const std::vector<float> &pivots() const { return diagonal; }
  /// What was added to the diagonal.
  float dampingAdded() const { return added; }

  /// Replaces `rows` [count, columns()], columns in the order of the factors,
  /// by rows A^-1.
  void solve(float *rows, int64_t rowCount) const;

private:
  int64_t count = 0, padded = 0;
  std::vector<float> factors, diagonal;
  float added = 0;
};

/// Columns by falling diagonal of `hessian`, `unit` consecutive ones staying
/// together: columns that matter most are rounded first, while the others can
/// still make up for it.
std::vector<int32_t> orderByDiagonal(const float *hessian, int64_t columns,
                                     int64_t unit = 1);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FACTOREDHESSIAN_H
