//===- GroupKernels.h - vector code of the quantizer ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The quantizer's inner loops work on 16 groups at once, one per lane, so that
// no sum crosses lanes and the scalar decisions of the search are vectors too.
// The same source is compiled for each instruction set; lane width, order of
// operations and rounding are fixed by it, so all of them agree to the bit.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_GROUPKERNELS_H
#define LOWBIT_NUMERICS_GROUPKERNELS_H

#include <cstdint>

namespace lowbit::numerics {

/// Groups that are computed together.
constexpr int64_t groupLanes = 16;

/// Which parameters a group has besides its scale.
enum class GroupModel : uint8_t {
  /// None: value = scale * d.
  Symmetric,
  /// value = scale * (d - z), z an integer.
  IntegerZeroPoint,
  /// value = scale * (d - z), z stored like a scale.
  FractionalZeroPoint,
  /// value = scale * d + minimum.
  Minimum,
};

/// What is asked of the search. Decoded numbers d are first, first + step, ...,
/// last.
struct GroupProblem {
  GroupModel model;
  float first, last, step;
  /// Bits of a code, which choose the candidate ranges.
  unsigned width;
  /// Largest integer zero point; the smallest is 0.
  float lastZeroPoint;
  bool halfScales;
  bool leastSquares;
  /// Whether codes that stand for parameters have no sign: scales and zero
  /// points are then at least 0, minima at most.
  bool unsignedParameters = false;
};

/// Consecutive vectors of 16 values and, unless null, of their weights.
struct Segment {
  const float *values;
  const float *importance;
  int64_t length;
};

/// The values of 16 groups, lane by lane; or, when `shared`, of one group whose
/// values are dealt to the lanes in any way.
struct LaneData {
  const Segment *segments;
  int64_t count;
  bool shared;
};

/// Parameters as stored, per lane. Infinite ones exceed the storage format.
struct LaneParameters {
  float scale[groupLanes], zeroPoint[groupLanes], minimum[groupLanes];
  /// Nonzero where a value is not finite.
  int32_t notFinite[groupLanes];
};

/// A table of numbers without overlapping windows, as the vector code reads it.
/// Scalars are sorted; entries of several values are in the order of the codes,
/// and those that aren't finite are never nearest.
struct LaneTable {
  /// Bits of a float below its key: sign, exponent and 4 bits of mantissa.
  static constexpr unsigned keyShift = 19;
  /// Up to this many scalars a chain of comparisons finds the nearest. Shorter
  /// arrays of numbers and borders are padded to it with infinity.
  static constexpr uint32_t chainLength = 16;

  const float *numbers;
  /// Scalars: where an entry begins to be nearer than the one before it, and
  /// infinity at the end.
  const float *borders;
  /// Scalars: the rank of the least float with each key.
  const uint16_t *ranks;
  uint32_t count;
  unsigned valuesPerCode;
  /// Of a lattice (Lattice.h), the bits of an index, and what indices select:
  /// magnitudes [2^indexBits, valuesPerCode], the sums of their squares, and
  /// whether the last number of a vector is negative (all ones) or not (0).
  /// `numbers` are then those of all codes; 0 and null for other tables.
  unsigned indexBits = 0;
  const float *magnitudes = nullptr;
  const float *lengths = nullptr;
  const uint32_t *isOdd = nullptr;
};

/// What a scale costs, per lane, and what the scale that is best for its codes
/// follows from: that scale is cross / square.
struct TableFit {
  float error[groupLanes], cross[groupLanes], square[groupLanes];
};

/// Rows of a panel (see PanelKernels.inc).
constexpr int64_t panelRows = 64;

/// result[t] += sign * sum over i of factors[i][t] * rows[i], t = 0 ... count -
/// 1, each of them `width` numbers, a multiple of 64. Sums are in the order of
/// i.
struct PanelProduct {
  const float *factors;
  int64_t factorStride, depth;
  const float *rows;
  int64_t rowStride, count, width;
  float sign;
  float *result;
  int64_t resultStride;
};

/// Parameters of each row of a panel.
struct ColumnParameters {
  float scale[panelRows], zeroPoint[panelRows], minimum[panelRows];
};

/// A sequence of values to be coded together; see Trellis.h.
struct TrellisSearch {
  /// [2^stateBits], the number of each state.
  const float *table;
  unsigned stateBits, codeBits;
  const float *values;
  /// Of the squared errors; null: all 1.
  const float *weights;
  int64_t count;
  /// Scratch: [2, 2^stateBits] and [count, 2^(stateBits - codeBits)].
  float *costs;
  uint8_t *choices;
};

/// One instruction set's code.
struct GroupKernels {
  const char *name;
  /// Chooses the parameters of `data`.
  void (*findParameters)(const GroupProblem &problem, const LaneData &data,
                         LaneParameters &result);
  /// Turns 16 sequences of `length` floats into `length` vectors.
  void (*transpose)(const float *const sequences[groupLanes], int64_t length,
                    float *result);
  /// Writes the nearest codes of `count` values of one group.
  void (*assignCodes)(const GroupProblem &problem, const float *values,
                      int64_t count, float scale, float zeroPoint,
                      float minimum, uint8_t firstCode, uint8_t *codes);
  /// Rounds `data`, divided by each lane's scale, to a table.
  void (*fitTable)(const LaneTable &table, const Segment &data,
                   const float *scales, TableFit &result);
  /// Writes the nearest entries (of scalars their ranks) of `length` vectors.
  void (*assignTable)(const LaneTable &table, const float *values,
                      int64_t length, const float *scales, uint16_t *entries);
  void (*addProduct)(const PanelProduct &product);
  /// Rounds a column of a panel to integer codes and back.
  void (*roundColumn)(const GroupProblem &problem, const float *values,
                      const ColumnParameters &parameters, uint16_t firstCode,
                      float *decoded, uint16_t *codes);
  /// Writes the codes of least cost, from state 0 on.
  void (*findPath)(const TrellisSearch &search, uint8_t *codes);
};

/// The fastest kernels that this machine can run.
const GroupKernels &groupKernels();

/// All kernels that this machine can run, at most `capacity`, to `result`;
/// returns their number.
int64_t allGroupKernels(const GroupKernels **result, int64_t capacity);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_GROUPKERNELS_H
