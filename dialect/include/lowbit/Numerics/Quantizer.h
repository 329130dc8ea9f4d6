//===- Quantizer.h - weights to codes and parameters ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding to the nearest code, for every encoding:
//
//   code(n, k) = nearest((w - minimum) / scale + zeroPoint), ties to even,
//
// clamped to the codes that the quantizer may write, with parameters as they
// are stored (a half-precision scale is rounded before it divides anything). A
// scale of 0 stands for a group that its minimum, or 0, represents.
//
// With a table, the nearest code is the one whose numbers, scaled, have the
// least squared distance to the weights of its columns; of equal ones the
// first.
//
// Results are the same bytes on every machine: each group is computed by one
// lane of a fixed-width vector in a fixed order, without contraction.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_QUANTIZER_H
#define LOWBIT_NUMERICS_QUANTIZER_H

#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Numerics/Status.h"

namespace lowbit::numerics {

/// How a group's parameters are chosen.
enum class ScaleSearch : uint8_t {
  /// From the group's extremes. Symmetric: the value of largest magnitude gets
  /// the code of largest magnitude, so the scale of a full range may be
  /// negative. With a zero point or minimum: smallest and largest value get the
  /// first and the last code.
  AbsMax,
  /// Least squared error, never above AbsMax's: candidate ranges, each judged
  /// by
  /// the closed-form optimum for the codes it gives, then refits.
  MeanSquaredError,
};

struct QuantizeOptions {
  ScaleSearch search = ScaleSearch::MeanSquaredError;
  /// Weight of each column's squared error, [columns], non-negative and finite;
  /// null: all 1. Read by MeanSquaredError only.
  const float *importance = nullptr;
  /// Where the matrix owns its tables: take each from these (numbers of codes,
  /// integers of -128 to 127), whichever has the least squared error, instead
  /// of learning it. Read by MeanSquaredError and AbsMax alike.
  const std::vector<std::vector<int8_t>> *tables = nullptr;
  /// The outer scale of the tensor where it is known; null: it is found from
  /// all rows. With it, rows of a matrix that has one can be quantized as a
  /// matrix of their own.
  const float *tensorScale = nullptr;
};

/// Quantizes `weights` [rows, columns], row-major. Fails on an encoding that
/// checkEncoding refuses, on a table with a zero point, a minimum or
/// overlapping windows, on weights that are not finite and on parameters beyond
/// the storage format; the message names row and columns. A one-bit symmetric
/// scale is the mean magnitude, the optimum, with either search. Where an
/// encoding has both a zero point and a minimum, the zero point is 0.
Status quantize(const float *weights, int64_t rows, int64_t columns,
                const Encoding &encoding, const QuantizeOptions &options,
                QuantizedMatrix &result);

/// The same for rows [firstRow, endRow) of `matrix`, which has been reset to
/// encoding and shape; `weights` are those of the first of them. Disjoint
/// ranges may run at the same time and give what one call for all rows gives.
/// Not where a parameter depends on all rows (`needsAllRows`).
Status quantizeRows(const float *weights, int64_t firstRow, int64_t endRow,
                    const QuantizeOptions &options, QuantizedMatrix &matrix);

/// Whether rows share a scale, an outer scale or a table of their own.
bool needsAllRows(const Encoding &encoding);

/// How many rows must be quantized at once, from a multiple of it on: all, or
/// as many as share blocks of quantized scales; at least 1.
int64_t rowsTogether(const Encoding &encoding, int64_t rows, int64_t columns);

/// The first half of quantizeRows: only parameters. Where rows share one the
/// range must be all rows.
Status findParameters(const float *weights, int64_t firstRow, int64_t endRow,
                      const QuantizeOptions &options, QuantizedMatrix &matrix);

/// The second half: the nearest codes under the parameters of `matrix`. Weights
/// must be finite.
void assignCodes(const float *weights, int64_t firstRow, int64_t endRow,
                 QuantizedMatrix &matrix);

/// The nearest code of an integer format to one weight, the definition above in
/// scalar form.
uint32_t nearestCode(const Encoding &encoding, float weight, float scale,
                     float zeroPoint = 0, float minimum = 0);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_QUANTIZER_H
