//===- WeightNumbers.h - how well codes stand for weights -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_REPORT_WEIGHTNUMBERS_H
#define LOWBIT_TOOLS_LIB_REPORT_WEIGHTNUMBERS_H

#include "lowbit/Tools/Report.h"
#include "lowbit/Tools/WeightParts.h"

namespace lowbit {

/// Compares the rows `part` of `weight` with `expected`, and fills in error,
/// histogram and, for integer codes below 8 bits, what one more would give.
/// Runs on all threads of `context`; sums are taken in a fixed order.
void measureWeight(const QuantizedWeight &weight, const WeightPart &part,
                   const ConstantMatrix &expected, mlir::MLIRContext &context,
                   ReportLayer &layer);

/// The histogram of a float weight.
WeightHistogram measureFloatWeight(const ConstantMatrix &weight);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_REPORT_WEIGHTNUMBERS_H
