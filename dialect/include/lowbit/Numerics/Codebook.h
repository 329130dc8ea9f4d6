//===- Codebook.h - tables of numbers learned from weights ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which 2^b numbers stand for a set of weights with the least squared error.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_CODEBOOK_H
#define LOWBIT_NUMERICS_CODEBOOK_H

#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// A point on the line and how much its error counts.
struct WeightedPoint {
  double value, weight;
};

/// The `count` numbers, ascending, that minimize the weighted squared distance
/// of `points`, which ascend, to the nearest one: the exact optimum (k-means in
/// one dimension by dynamic programming). With fewer distinct points than
/// numbers, the last point is repeated.
std::vector<float> optimalNumbers(const std::vector<WeightedPoint> &points,
                                  unsigned count);

/// Learns a table of 2^codeBits numbers for `weights` [rows, columns], which
/// will have scales of `encoding`'s granularity and format; its element is not
/// read. `importance` [columns] weighs the squared error of columns, or is
/// null. The first table is the optimum for a histogram of weights divided by
/// the largest of their group; then scales and codes, and numbers for those
/// codes, take turns (weighted Lloyd-Max). Fails as quantize does.
Status learnCodebook(const float *weights, int64_t rows, int64_t columns,
                     const Encoding &encoding, unsigned codeBits,
                     const float *importance, CodeTable &result);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_CODEBOOK_H
