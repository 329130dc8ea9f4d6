//===- RowRounding.cpp - codes for some rows of a weight ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowRounding.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

const std::vector<std::vector<int8_t>> &lowbit::getFixedTables() {
  static const std::vector<std::vector<int8_t>> sets = {
      {-126, -42, 42, 126}, {-126, 0, 63, 126}, {-126, 0, 126, 126}};
  return sets;
}

int64_t lowbit::countVanished(const float *weights, int64_t first, int64_t end,
                              const numerics::QuantizedMatrix &matrix) {
  const numerics::Encoding &encoding = matrix.encoding;
  if (matrix.scales.empty())
    return 0;
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  int64_t count = 0;
  for (int64_t row = first; row < end; ++row, weights += matrix.columns)
    for (int64_t group = 0; group < groups; ++group) {
      int64_t index = encoding.parameterIndex(row, group, groups);
      if (matrix.scales[index] != 0 ||
          (!matrix.minima.empty() && matrix.minima[index] != 0))
        continue;
      const float *begin = weights + group * size;
      const float *finish =
          weights + std::min(matrix.columns, (group + 1) * size);
      count += std::any_of(begin, finish, [](float w) { return w != 0; });
    }
  return count;
}

/// Multiplies the parameters of rows [first, end) by `factor`, as their types
/// allow; false if that leaves any of them infinite.
static bool scaleParameters(int64_t first, int64_t end, float factor,
                            numerics::QuantizedMatrix &matrix) {
  const numerics::Encoding &encoding = matrix.encoding;
  if (encoding.outer != numerics::OuterScale::None) {
    bool isOne = encoding.outer == numerics::OuterScale::Tensor;
    bool isFinite = true;
    for (int64_t i = isOne ? 0 : first; i < (isOne ? 1 : end); ++i)
      isFinite &= std::isfinite(matrix.outerScales[i] *= factor);
    return isFinite;
  }
  int64_t groups = encoding.groupCount(matrix.columns);
  bool isOne = encoding.granularity == numerics::Granularity::Tensor;
  auto scale = [&](std::vector<float> &values) {
    bool isFinite = true;
    int64_t begin = encoding.parameterIndex(first, 0, groups);
    int64_t finish = isOne ? 1 : encoding.parameterRows(end) * groups;
    for (int64_t i = begin; !values.empty() && i < finish; ++i) {
      values[i] = numerics::scaleFromBits(
          encoding.scale,
          numerics::scaleToBits(encoding.scale, values[i] * factor));
      isFinite &= std::isfinite(values[i]);
    }
    return isFinite;
  };
  bool hasScales = scale(matrix.scales), hasMinima = scale(matrix.minima);
  return hasScales && hasMinima;
}

numerics::Status lowbit::roundRows(const float *weights, int64_t first,
                                   int64_t end, float factor,
                                   const numerics::QuantizeOptions &options,
                                   const numerics::FeedbackPlan *plan,
                                   numerics::QuantizedMatrix &result) {
  if (factor != 1) {
    numerics::Status status =
        numerics::findParameters(weights, first, end, options, result);
    if (!status.ok())
      return status;
    if (!scaleParameters(first, end, factor, result))
      return {"requires a factor of its scales that leaves them finite, found "
              "one that is too large"};
    numerics::assignCodes(weights, first, end, result);
    return status;
  }
  if (!plan)
    return numerics::quantizeRows(weights, first, end, options, result);
  // One scale for all rows is not a row's to choose.
  bool ownsTables =
      result.encoding.element.tableOwner() != numerics::TableOwner::Format;
  if (result.encoding.granularity == numerics::Granularity::Tensor &&
      !ownsTables) {
    numerics::Status status =
        numerics::findParameters(weights, first, end, options, result);
    if (!status.ok())
      return status;
  }
  return numerics::quantizeRowsWithFeedback(weights, first, end, *plan, result);
}
