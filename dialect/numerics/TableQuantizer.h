//===- TableQuantizer.h - weights to codes of a table -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the quantizer for formats that are a table of numbers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_TABLEQUANTIZER_H
#define LOWBIT_NUMERICS_TABLEQUANTIZER_H

#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// findParameters for a table.
Status findTableScales(const float *weights, int64_t firstRow, int64_t endRow,
                       const QuantizeOptions &options, QuantizedMatrix &matrix);

/// assignCodes for a table.
void assignTableCodes(const float *weights, int64_t firstRow, int64_t endRow,
                      QuantizedMatrix &matrix);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_TABLEQUANTIZER_H
