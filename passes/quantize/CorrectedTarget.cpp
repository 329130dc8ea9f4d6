//===- CorrectedTarget.cpp - weights that make up for drift ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CorrectedTarget.h"
#include "mlir/IR/Threading.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;

/// Reads the moments of the layer's input and factors the second one.
LogicalResult CorrectedTarget::prepare(Operation *user,
                                       const ConstantMatrix &matrix) {
  StatisticsOp wanted = statistics.lookup(matrix.name());
  if (wanted == record)
    return success();
  cross = statistics.read(matrix.name(), statistic::kCrossMoment);
  hessian = statistics.read(matrix.name(), statistic::kSecondMoment);
  size_t size = matrix.columns * matrix.columns;
  for (auto [name, moment] : {std::pair(statistic::kCrossMoment, &cross),
                              std::pair(statistic::kSecondMoment, &hessian)})
    if (moment->size() != size)
      return user->emitOpError()
             << "weight '" << matrix.name() << "': a corrected target requires "
             << "the " << name << " of " << matrix.columns << " columns, found "
             << moment->size() << " numbers";
  std::vector<int32_t> order(matrix.columns);
  std::iota(order.begin(), order.end(), 0);
  numerics::Status status = numerics::FactoredHessian::factor(
      hessian.data(), order, damping, factors);
  if (!status.ok())
    return user->emitOpError()
           << "weight '" << matrix.name() << "': " << status.message;
  record = wanted;
  return success();
}

FailureOr<std::vector<float>>
CorrectedTarget::get(Operation *user, const ConstantMatrix &matrix) {
  StatisticsOp found = statistics.lookup(matrix.name());
  if (!found || !found.getComponent(statistic::kCrossMoment))
    return std::vector<float>();
  if (failed(prepare(user, matrix)))
    return failure();
  std::vector<float> residual =
      statistics.read(matrix.name(), statistic::kResidualMoment);
  std::vector<float> target(matrix.rows * matrix.columns);
  if (!residual.empty() && residual.size() != target.size())
    return user->emitOpError()
           << "weight '" << matrix.name() << "': requires a "
           << statistic::kResidualMoment << " of " << matrix.rows << " x "
           << matrix.columns << " numbers, found " << residual.size();
  // Each range of rows pays once for the difference of the moments.
  constexpr int64_t kRows = 256;
  parallelFor(user->getContext(), 0, llvm::divideCeil(matrix.rows, kRows),
              [&](size_t i) {
                int64_t first = i * kRows;
                int64_t end = std::min<int64_t>(matrix.rows, first + kRows);
                int64_t offset = first * matrix.columns;
                numerics::InputDrift drift{hessian.data(), cross.data()};
                if (!residual.empty())
                  drift.residual = residual.data() + offset;
                drift.residualShare = static_cast<float>(residualShare);
                std::vector<float> rows = matrix.readRows(first, end);
                numerics::correctTarget(rows.data(), end - first, drift,
                                        factors, target.data() + offset);
              });
  return target;
}
