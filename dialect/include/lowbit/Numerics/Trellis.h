//===- Trellis.h - codes that overlap, found by a path search ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trellis-coded quantization with error feedback. A weight is
//
//   value(n, k) = table_r(window(n, k)) * rowScale(n) * columnScale(k),
//
// where r is the number of bits that column k spends on each row, and the
// window is the last `stateBits` bits of a stream that runs down the rows of
// the column, with zeros before it. A code of r bits thereby chooses among 2^r
// numbers that depend on the codes before it; a path search (Viterbi) finds the
// codes of a whole column together, which comes closer to the bound of rate and
// distortion than any rounding of single numbers: at 2 bits, a squared error of
// 0.074 for Gaussian weights where the best four numbers have 0.118.
//
// Since each column is a block of the code by itself, feedback goes from column
// to column as in Feedback.h, without loss.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_TRELLIS_H
#define LOWBIT_NUMERICS_TRELLIS_H

#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Numerics/Status.h"

namespace lowbit::numerics {

/// The largest rate of a column.
constexpr unsigned maxTrellisRate = 6;
/// Bits of the state.
constexpr unsigned minTrellisState = 8, maxTrellisState = 12;

/// The numbers of windows of `stateBits` bits at `rate` bits per code, which
/// must be in the ranges above; made once per process. Numbers that may follow
/// one state are stratified: one in each of 2^rate slices of equal probability
/// of a Gaussian. All are multiples of 1/32 between -4 and 4, so that a signed
/// byte holds them. From 9 bits of state on, there are 128 to 2048 numbers,
/// more for higher rates, and a window's is the one whose index is a linear
/// function (modulo 2) of the window's bits, so that no table of all windows is
/// needed to decode them. The same on every machine.
const CodeTable &trellisTable(unsigned stateBits, unsigned rate);

/// Positive numbers: code c of `codeBits` bits, at most 8, stands for
/// 2^(-c / stepsPerOctave).
CodeTable logTable(unsigned codeBits, unsigned stepsPerOctave);

/// The encoding of a layer whose columns have these rates, 1 to maxTrellisRate:
/// scales of rows in E4M3 under one f32, of columns in 5 bits, an eighth of an
/// octave apart, under one f16. Columns of different rates are parts, by
/// falling rate.
Encoding trellisEncoding(unsigned stateBits, const std::vector<uint8_t> &rates);

/// The part of each column in that encoding; empty where rates are the same.
std::vector<uint8_t> trellisParts(const std::vector<uint8_t> &rates);

struct TrellisOptions {
  /// As in FeedbackOptions.
  double damping = 0.01;
  /// How much the error of each output counts, [rows], positive; null: all the
  /// same.
  const float *rowWeights = nullptr;
  /// Passes over the finished codes: each column's path is searched again with
  /// everything else as it is.
  int sweeps = 0;
};

/// Quantizes `weights` [rows, columns] of a layer whose input has the second
/// moment `hessian` [columns, columns] to `matrix`, which has been reset to
/// encoding and shape and says which parts columns belong to. Columns are
/// quantized by falling diagonal of H, wherever they are stored. The encoding
/// has tables with codes of at most maxTrellisRate bits, a scale for each row,
/// and column scales or none. Fails on others, and on weights or a second
/// moment that aren't finite.
Status quantizeTrellis(const float *weights, const float *hessian,
                       const TrellisOptions &options, QuantizedMatrix &matrix);

//===----------------------------------------------------------------------===//
// Rates
//===----------------------------------------------------------------------===//

/// What each column of a layer costs at rate 0, [columns]: its pivot under H
/// (see FactoredHessian.h) times the sum of its squared weights by
/// `rowWeights`.
Status columnCosts(const float *weights, int64_t rows, int64_t columns,
                   const float *hessian, double damping,
                   const float *rowWeights, std::vector<double> &costs);

/// The squared error of Gaussian weights at rates 0 to maxTrellisRate.
const std::vector<double> &trellisDistortions();

/// A layer to spend bits on.
struct RatedLayer {
  int64_t rows;
  /// Each column's share of the layer's loss; shares add up to 1.
  std::vector<double> shares;
  /// [maxTrellisRate]: by how much the loss falls if all columns go from rate b
  /// to b + 1, predicted or measured. gains[0] is not read.
  std::vector<double> gains;
};

/// The rates, 1 to maxTrellisRate, of all columns of all layers, for an average
/// of at most `averageBits` per weight: bits go where a bit gains most.
std::vector<std::vector<uint8_t>>
allocateRates(const std::vector<RatedLayer> &layers, double averageBits);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_TRELLIS_H
