//===- BlockParameters.cpp - parameters of blocks of rows -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The numbers of a block, one row behind the other, are a group of a matrix
// that has a row for each run of blocks: the search for the parameters of
// groups finds those of blocks, too.
//
//===----------------------------------------------------------------------===//

#include "BlockParameters.h"

#include "TableQuantizer.h"
#include <algorithm>

namespace lowbit::numerics {

namespace {

/// The blocks of the same rows, laid out as groups of one row.
struct FlatBlocks {
  std::vector<float> weights, importance;

  FlatBlocks(const float *first, int64_t rows, const QuantizedMatrix &matrix,
             const float *columnImportance) {
    int64_t columns = matrix.columns, size = matrix.encoding.groupSize;
    for (int64_t k = 0; k < columns; k += size)
      for (int64_t n = 0; n < rows; ++n) {
        int64_t end = std::min(columns, k + size);
        weights.insert(weights.end(), first + n * columns + k,
                       first + n * columns + end);
        if (columnImportance)
          importance.insert(importance.end(), columnImportance + k,
                            columnImportance + end);
      }
  }
};

} // namespace

/// The parameters of the blocks from row `firstRow` on.
static Status findPlain(const Encoding &flat, const FlatBlocks &blocks,
                        const QuantizeOptions &options, int64_t firstRow,
                        QuantizedMatrix &result) {
  result.reset(flat, 1, static_cast<int64_t>(blocks.weights.size()));
  QuantizeOptions settings = options;
  settings.importance =
      blocks.importance.empty() ? nullptr : blocks.importance.data();
  Status status = findParameters(blocks.weights.data(), 0, 1, settings, result);
  if (status.ok())
    return status;
  return {"in the blocks of row " + std::to_string(firstRow) +
          ", taken as one row: " + status.message};
}

Status findBlockParameters(const float *weights, int64_t firstRow,
                           int64_t endRow, const QuantizeOptions &options,
                           QuantizedMatrix &matrix) {
  const Encoding &encoding = matrix.encoding;
  int64_t together = encoding.groupRows;
  if (firstRow % together || (endRow % together && endRow != matrix.rows))
    return {"parameters of several rows need blocks of " +
            std::to_string(together) + " rows at once, found rows " +
            std::to_string(firstRow) + " to " + std::to_string(endRow)};
  if (Status status = checkFinite(weights, firstRow, endRow, matrix.columns);
      !status.ok())
    return status;
  int64_t groups = encoding.groupCount(matrix.columns);
  for (int64_t row = firstRow; row < endRow; row += together) {
    int64_t rows = std::min(together, endRow - row);
    FlatBlocks blocks(weights + (row - firstRow) * matrix.columns, rows, matrix,
                      options.importance);
    Encoding flat = encoding;
    flat.groupRows = 1;
    flat.groupSize = rows * encoding.groupSize;
    QuantizedMatrix found;
    if (Status status = findPlain(flat, blocks, options, row, found);
        !status.ok())
      return status;
    int64_t index = encoding.parameterIndex(row, 0, groups);
    auto copy = [&](const std::vector<float> &from, std::vector<float> &to) {
      if (!to.empty())
        std::copy(from.begin(), from.end(), to.begin() + index);
    };
    copy(found.scales, matrix.scales);
    copy(found.zeroPoints, matrix.zeroPoints);
    copy(found.minima, matrix.minima);
  }
  return Status::success();
}

} // namespace lowbit::numerics
