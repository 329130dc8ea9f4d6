//===- LearnedTables.cpp - matrices with tables of their own --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numbers of a table are kept as integers of 8 bits, the largest being 126,
// which is exact enough: even 256 of them are further apart than what rounding
// moves them. Given its table, a row is a matrix like any other.
//
//===----------------------------------------------------------------------===//

#include "LearnedTables.h"
#include "TableQuantizer.h"

#include "lowbit/Numerics/Codebook.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

/// Of several numbers, the largest one in a table: a multiple of 2 and 3, so
/// that halves and thirds of it are exact.
static constexpr float kLargest = 126;

/// The best numbers for rows [0, rows) of `weights`, as integers.
static Status learnTable(const float *weights, int64_t rows,
                         const QuantizedMatrix &matrix, const float *importance,
                         int8_t *result) {
  unsigned bits = matrix.encoding.element.codeBits();
  CodeTable table;
  if (Status status = learnCodebook(weights, rows, matrix.columns,
                                    matrix.encoding, bits, importance, table);
      !status.ok())
    return status;
  float largest = 0;
  for (float number : table.values)
    largest = std::max(largest, std::fabs(number));
  for (float number : table.values)
    *result++ = static_cast<int8_t>(
        largest > 0 ? std::nearbyint(number / largest * kLargest) : 0);
  return Status::success();
}

/// Quantizes rows with `part`'s table.
static Status quantizePart(const float *weights, const QuantizeOptions &options,
                           const FeedbackPlan *plan, QuantizedMatrix &part) {
  if (!plan)
    return quantizeRows(weights, 0, part.rows, options, part);
  // Feedback takes one scale for all as it is.
  if (part.encoding.granularity == Granularity::Tensor)
    if (Status status = findParameters(weights, 0, part.rows, options, part);
        !status.ok())
      return status;
  return quantizeRowsWithFeedback(weights, 0, part.rows, *plan, part);
}

/// The weighted squared error of `part`.
static double errorOf(const float *weights, const float *importance,
                      const QuantizedMatrix &part) {
  std::vector<float> values(part.rows * part.columns);
  dequantize(part, values.data());
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double away = weights[i] - values[i];
    sum += away * away * (importance ? importance[i % part.columns] : 1);
  }
  return sum;
}

/// Takes the best of the given tables for rows [0, rows) of `weights`.
static Status chooseTable(const float *weights, int64_t rows,
                          const QuantizedMatrix &matrix,
                          const QuantizeOptions &options, int8_t *result) {
  double least = INFINITY;
  for (const std::vector<int8_t> &table : *options.tables) {
    unsigned bits = matrix.encoding.element.codeBits();
    Encoding encoding = matrix.encoding;
    encoding.element = std::make_shared<const CodeTable>(
        CodeTable{bits, bits, 1, {table.begin(), table.end()}});
    QuantizedMatrix part;
    part.reset(encoding, rows, matrix.columns);
    if (Status status = quantizeRows(weights, 0, rows, options, part);
        !status.ok())
      return status;
    double error = errorOf(weights, options.importance, part);
    if (error < least) {
      least = error;
      std::copy(table.begin(), table.end(), result);
    }
  }
  return Status::success();
}

/// Copies rows of `part`, which has a table for its format, to `matrix`.
static void copyRows(const QuantizedMatrix &part, int64_t firstRow,
                     QuantizedMatrix &matrix) {
  int64_t groups = matrix.encoding.groupCount(matrix.columns);
  auto copy = [](const auto &from, auto &to, int64_t first) {
    std::copy(from.begin(), from.end(), to.begin() + (to.empty() ? 0 : first));
  };
  copy(part.codes, matrix.codes,
       firstRow * matrix.encoding.codesPerRow(matrix.columns));
  bool isTensor = matrix.encoding.granularity == Granularity::Tensor;
  copy(part.scales, matrix.scales, isTensor ? 0 : firstRow * groups);
  bool hasRowScales = matrix.encoding.outer == OuterScale::Channel;
  copy(part.outerScales, matrix.outerScales, hasRowScales ? firstRow : 0);
}

Status quantizeRowsWithTables(const float *weights, int64_t firstRow,
                              int64_t endRow, const QuantizeOptions &options,
                              const FeedbackPlan *plan,
                              QuantizedMatrix &matrix) {
  if (std::string problem = checkEncoding(matrix.encoding); !problem.empty())
    return {problem};
  if (Status status = checkFinite(weights, firstRow, endRow, matrix.columns);
      !status.ok())
    return status;
  uint32_t count = matrix.encoding.element.codeCount();
  bool isPerRow = matrix.encoding.element.tableOwner() == TableOwner::Row;
  int64_t step = isPerRow ? 1 : std::max<int64_t>(1, endRow - firstRow);
  const float *importance = plan ? plan->importance() : options.importance;
  for (int64_t row = firstRow; row < endRow; row += step) {
    const float *from = weights + (row - firstRow) * matrix.columns;
    int8_t *table = matrix.tables.data() + (isPerRow ? row * count : 0);
    QuantizeOptions settings = options;
    settings.importance = importance;
    if (Status status = options.tables
                            ? chooseTable(from, step, matrix, settings, table)
                            : learnTable(from, step, matrix, importance, table);
        !status.ok())
      return {"rows from " + std::to_string(row) + ": " + status.message};
    QuantizedMatrix part;
    part.reset(matrix.rowEncoding(row), step, matrix.columns);
    if (Status status = quantizePart(from, settings, plan, part); !status.ok())
      return {"rows from " + std::to_string(row) + ": " + status.message};
    copyRows(part, row, matrix);
  }
  return Status::success();
}

} // namespace lowbit::numerics
