//===- Feedback.cpp - rounding that makes up for its errors ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Feedback.h"

#include "FeedbackPanel.h"
#include "LearnedTables.h"
#include "ParallelFor.h"
#include <algorithm>
#include <numeric>

namespace lowbit::numerics {

static std::string explainRefusal(const Encoding &encoding, ColumnOrder order) {
  if (encoding.outer != OuterScale::None)
    return "error feedback needs scales without an outer one, found one";
  if (std::string problem = checkEncoding(encoding); !problem.empty())
    return problem;
  if (std::string problem = explainColumnRefusal(encoding); !problem.empty())
    return problem;
  if (needsTable(encoding))
    if (std::string problem = explainTableRefusal(encoding); !problem.empty())
      return problem;
  if (encoding.groupRows > 1 && order != ColumnOrder::ByDiagonal)
    return "parameters of several rows are chosen before the first column is "
           "rounded, which a permuted or natural order doesn't do";
  if (encoding.stored && order != ColumnOrder::ByDiagonal)
    return "quantized scales are chosen before the first column is rounded, "
           "which a permuted or natural order doesn't do";
  if (encoding.granularity == Granularity::Tensor &&
      order == ColumnOrder::Permuted)
    return "a permuted order needs parameters per channel or group, found one "
           "set per tensor";
  return {};
}

Status FeedbackPlan::make(const float *hessian, int64_t columns,
                          const Encoding &encoding,
                          const FeedbackOptions &options,
                          FeedbackPlan &result) {
  if (std::string problem = explainRefusal(encoding, options.order);
      !problem.empty())
    return {problem};
  FeedbackPlan plan;
  plan.settings = options;
  bool isPermuted = options.order == ColumnOrder::Permuted;
  if (options.order == ColumnOrder::Natural) {
    plan.columnOrder.resize(columns);
    std::iota(plan.columnOrder.begin(), plan.columnOrder.end(), 0);
  } else {
    plan.columnOrder =
        orderByDiagonal(hessian, columns, encoding.element.valuesPerCode());
  }
  if (isPermuted) {
    plan.storedAt.resize(columns);
    for (int64_t i = 0; i < columns; ++i)
      plan.storedAt[plan.columnOrder[i]] = static_cast<int32_t>(i);
  }
  if (Status status = FactoredHessian::factor(hessian, plan.columnOrder,
                                              options.damping, plan.factored);
      !status.ok())
    return status;
  float added = plan.factored.dampingAdded();
  if (options.importance != ColumnImportance::Equal)
    plan.weights.resize(columns);
  for (int64_t i = 0; i < columns && !plan.weights.empty(); ++i) {
    int64_t k = plan.columnOrder[i];
    plan.weights[k] = options.importance == ColumnImportance::Pivots
                          ? plan.factored.pivots()[i]
                          : hessian[k * columns + k] + added;
  }
  if (options.sweeps > 0) {
    int64_t stride = plan.factored.stride();
    plan.damped.resize(columns * stride);
    for (int64_t i = 0; i < columns; ++i) {
      const float *from =
          hessian + (isPermuted ? plan.columnOrder[i] : i) * columns;
      float *to = plan.damped.data() + i * stride;
      for (int64_t k = 0; k < columns; ++k)
        to[k] = from[isPermuted ? plan.columnOrder[k] : k];
      to[i] += added;
    }
  }
  result = std::move(plan);
  return Status::success();
}

Status quantizeRowsWithFeedback(const float *weights, int64_t firstRow,
                                int64_t endRow, const FeedbackPlan &plan,
                                QuantizedMatrix &matrix) {
  if (!matrix.columns)
    return Status::success();
  if (matrix.encoding.element.tableOwner() != TableOwner::Format)
    return quantizeRowsWithTables(weights, firstRow, endRow, {}, &plan, matrix);
  if (Status status = checkFinite(weights, firstRow, endRow, matrix.columns);
      !status.ok())
    return status;
  if (plan.options().order == ColumnOrder::ByDiagonal &&
      matrix.encoding.granularity != Granularity::Tensor) {
    QuantizeOptions options;
    options.search = plan.options().search;
    options.importance = plan.importance();
    if (Status status =
            findParameters(weights, firstRow, endRow, options, matrix);
        !status.ok())
      return status;
  }
  ColumnRounder rounder(matrix.encoding);
  FeedbackPanel panel(plan, rounder, matrix);
  for (int64_t row = firstRow; row < endRow; row += panelRows) {
    int64_t count = std::min(panelRows, endRow - row);
    if (Status status =
            panel.run(weights + (row - firstRow) * matrix.columns, row, count);
        !status.ok())
      return status;
  }
  return Status::success();
}

Status quantizeWithFeedback(const float *weights, int64_t rows, int64_t columns,
                            const Encoding &encoding, const float *hessian,
                            const FeedbackOptions &options, unsigned threads,
                            QuantizedMatrix &result,
                            std::vector<int32_t> &permutation) {
  FeedbackPlan plan;
  if (Status status =
          FeedbackPlan::make(hessian, columns, encoding, options, plan);
      !status.ok())
    return status;
  result.reset(encoding, rows, columns);
  permutation = plan.permutation();
  bool ownsTables = encoding.element.tableOwner() != TableOwner::Format;
  if (encoding.granularity == Granularity::Tensor && !ownsTables) {
    QuantizeOptions search;
    search.search = options.search;
    search.importance = plan.importance();
    if (Status status = findParameters(weights, 0, rows, search, result);
        !status.ok())
      return status;
  }
  // Of several errors the one with the first place is told.
  int64_t together = rowsTogether(encoding, rows, columns);
  if (encoding.granularity == Granularity::Tensor && !ownsTables)
    together = 1; // Its scale is found.
  int64_t step = (panelRows + together - 1) / together * together;
  int64_t panels = (rows + step - 1) / step;
  std::vector<Status> statuses(panels);
  parallelFor(threads, panels, [&](int64_t i) {
    int64_t first = i * step, end = std::min(first + step, rows);
    statuses[i] = quantizeRowsWithFeedback(weights + first * columns, first,
                                           end, plan, result);
  });
  for (Status &status : statuses)
    if (!status.ok())
      return std::move(status);
  return Status::success();
}

double outputError(const float *weights, const float *values, int64_t rows,
                   int64_t columns, const float *hessian) {
  double total = 0;
  std::vector<float> errors(columns * panelRows), products;
  for (int64_t first = 0; first < rows; first += panelRows) {
    int64_t count = std::min(panelRows, rows - first);
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t n = 0; n < panelRows; ++n) {
        int64_t i = (first + std::min(n, count - 1)) * columns + k;
        errors[k * panelRows + n] = n < count ? weights[i] - values[i] : 0;
      }
    products.assign(columns * panelRows, 0);
    groupKernels().addProduct({hessian, columns, columns, errors.data(),
                               panelRows, columns, panelRows, 1,
                               products.data(), panelRows});
    for (int64_t i = 0; i < columns * panelRows; ++i)
      total += static_cast<double>(errors[i]) * products[i];
  }
  return total;
}

} // namespace lowbit::numerics
