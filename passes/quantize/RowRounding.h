//===- RowRounding.h - codes for some rows of a weight ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ranges of rows are rounded by several threads at once: nothing here reads or
// writes what belongs to rows of another range.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_ROWROUNDING_H
#define LOWBIT_QUANTIZE_ROWROUNDING_H

#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Quantizer.h"

namespace lowbit {

/// The sets of four numbers {-1, -1/3, 1/3, 1}, {-1, 0, 1/2, 1} and {-1, 0, 1},
/// in parts of 126.
const std::vector<std::vector<int8_t>> &getFixedTables();

/// Quantizes rows [first, end) of `result`, whose `weights` begin with the
/// first of them: to nearest, or as `plan` says. With a `factor` that is not 1,
/// which excludes a plan, parameters are multiplied by it before codes are
/// chosen.
numerics::Status roundRows(const float *weights, int64_t first, int64_t end,
                           float factor,
                           const numerics::QuantizeOptions &options,
                           const numerics::FeedbackPlan *plan,
                           numerics::QuantizedMatrix &result);

/// How many groups of rows [first, end) decode to zeros alone although their
/// `weights` are not all zero.
int64_t countVanished(const float *weights, int64_t first, int64_t end,
                      const numerics::QuantizedMatrix &matrix);

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_ROWROUNDING_H
