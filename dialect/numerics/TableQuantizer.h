//===- TableQuantizer.h - weights to codes of a table -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the quantizer for formats that are a table of numbers, and for
// scales in formats that the vector code doesn't round to.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_TABLEQUANTIZER_H
#define LOWBIT_NUMERICS_TABLEQUANTIZER_H

#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// Whether weights of `encoding` are quantized here.
bool needsTable(const Encoding &encoding);

/// findParameters by way of a table.
Status findTableScales(const float *weights, int64_t firstRow, int64_t endRow,
                       const QuantizeOptions &options, QuantizedMatrix &matrix);

/// assignCodes by way of a table.
void assignTableCodes(const float *weights, int64_t firstRow, int64_t endRow,
                      QuantizedMatrix &matrix);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_TABLEQUANTIZER_H
