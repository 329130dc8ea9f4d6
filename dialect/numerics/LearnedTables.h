//===- LearnedTables.h - matrices with tables of their own ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LEARNEDTABLES_H
#define LOWBIT_NUMERICS_LEARNEDTABLES_H

#include "lowbit/Numerics/Feedback.h"

namespace lowbit::numerics {

/// quantizeRows, or with a `plan` quantizeRowsWithFeedback, where the matrix
/// owns its tables: these are learned first.
Status quantizeRowsWithTables(const float *weights, int64_t firstRow,
                              int64_t endRow, const QuantizeOptions &options,
                              const FeedbackPlan *plan,
                              QuantizedMatrix &matrix);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LEARNEDTABLES_H
