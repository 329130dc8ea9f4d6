//===- HeldOut.cpp - layers judged on samples they were not fit to --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HeldOut.h"
#include "mlir/IR/Threading.h"

using namespace lowbit;

/// `row` times `matrix` [columns, columns].
static std::vector<float> multiply(const float *row, const float *matrix,
                                   int64_t columns) {
  std::vector<float> product(columns);
  for (int64_t k = 0; k < columns; ++k)
    for (int64_t j = 0; j < columns; ++j)
      product[j] += row[k] * matrix[k * columns + j];
  return product;
}

OutputJudge::OutputJudge(const ConstantMatrix &matrix, const DriftSums &sums,
                         std::optional<size_t> residual, double residualShare,
                         mlir::MLIRContext *context)
    : rows(matrix.rows), columns(matrix.columns),
      second(sums.getSecondMoment()), wanted(rows * columns), context(context) {
  HostTensor cross = sums.getCrossMoment();
  HostTensor drift =
      residual ? sums.getResidualMoment(*residual) : HostTensor();
  mlir::parallelFor(context, 0, rows, [&](size_t n) {
    std::vector<float> row = matrix.readRows(n, n + 1);
    std::vector<float> product =
        multiply(row.data(), cross.getAs<float>().data(), columns);
    for (int64_t k = 0; k < columns; ++k) {
      double more =
          residual ? residualShare * drift.getAs<float>()[n * columns + k] : 0;
      wanted[n * columns + k] = static_cast<float>(product[k] + more);
    }
  });
}

double OutputJudge::getError(llvm::ArrayRef<float> weights) const {
  std::vector<double> errors(rows);
  mlir::parallelFor(context, 0, rows, [&](size_t n) {
    const float *row = weights.data() + n * columns;
    std::vector<float> product =
        multiply(row, second.getAs<float>().data(), columns);
    for (int64_t k = 0; k < columns; ++k)
      errors[n] +=
          double(row[k]) * (double(product[k]) - 2 * wanted[n * columns + k]);
  });
  // In the order of rows, whichever thread had them.
  double sum = 0;
  for (double error : errors)
    sum += error;
  return sum;
}
