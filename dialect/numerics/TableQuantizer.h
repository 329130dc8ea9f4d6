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

#include "LaneTables.h"
#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// Whether weights of `encoding` are quantized here.
bool needsTable(const Encoding &encoding);

/// Fails on the first of rows [firstRow, endRow) that has a number which isn't
/// finite; `weights` are those of the first row.
Status checkFinite(const float *weights, int64_t firstRow, int64_t endRow,
                   int64_t columns);

/// Why weights of `encoding` can't be rounded to a table, or nothing.
std::string explainTableRefusal(const Encoding &encoding);

/// The best scales, as stored, for 16 groups; infinite beyond the format.
void findLaneScales(const Encoding &encoding, const LaneTables &tables,
                    const Segment &data, ScaleSearch search, float *scales);

/// findParameters by way of a table.
Status findTableScales(const float *weights, int64_t firstRow, int64_t endRow,
                       const QuantizeOptions &options, QuantizedMatrix &matrix);

/// assignCodes by way of a table.
void assignTableCodes(const float *weights, int64_t firstRow, int64_t endRow,
                      QuantizedMatrix &matrix);

/// Why rounding doesn't choose what belongs to columns, or an empty string.
inline std::string explainColumnRefusal(const Encoding &encoding) {
  if (encoding.columnScale)
    return "rounding needs an encoding without column scales, which it doesn't "
           "choose; found some";
  if (encoding.element.parts())
    return "rounding needs one format for all columns, found " +
           std::to_string(encoding.element.parts()->size());
  return {};
}

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_TABLEQUANTIZER_H
