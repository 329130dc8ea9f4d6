//===- IntegerRuns.cpp - runs of groups whose sums are integers -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where scales of groups are integers under a scale that several have, and
// activations have one scale for a row, the sums of groups are multiplied by
// those integers, and nothing becomes a float before the end of up to 256
// columns. For each register of sums and group that is one instruction
// (vpdpwssd, mla) in place of a conversion and a multiplication; and integers
// are not converted and multiplied by their scale for each group.
//
//===----------------------------------------------------------------------===//

#include "ByteDot.h"
#include "LinearKernel.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = LinearKernel::Values;

/// Adds the products of a group's sums and the integers that are its scales.
/// Words are multiplied by one instruction that adds, too, or by two; both
/// sides are negated for the sake of a sum of 32768.
Values LinearKernel::applyIntegers(const GroupParameters::Place &place,
                                   const Rows &rows, ValueRange sums,
                                   ValueRange outer) {
  int64_t registers = products.registerCount(rows.slices.count);
  bool areWords =
      spec.target->dot().multipliesWords() && areNegatedSumsWords(encoding);
  VectorType words = b.vector(2 * spec.target->lanes(), b.getI16Type());
  Value zero = zeroSum();
  Values factors;
  for (int64_t i = 0; i < registers; ++i) {
    Value row = firstRow(rows.slices, i);
    factors.push_back(areWords ? parameters.loadNegatedWords(place, row)
                               : parameters.loadIntegers(place, row));
  }
  Values result;
  for (auto [i, sum, total] : llvm::enumerate(sums, outer)) {
    Value factor = factors[i % registers];
    Value product = areWords
                        ? b.dotPairs(b.bitcast(b.sub(zero, sum), words), factor)
                        : b.mul(sum, factor);
    result.push_back(b.add(total, product));
  }
  return result;
}

/// Scales the integers of a run, whose first group is at `place`, and adds them
/// to the rows' sums.
Values LinearKernel::applyRun(const GroupParameters::Place &place,
                              const Rows &rows, ValueRange integers,
                              ValueRange outer) {
  int64_t registers = products.registerCount(rows.slices.count);
  Values result;
  for (auto [i, sum, total] : llvm::enumerate(integers, outer)) {
    Value row = firstRow(rows.slices, i % registers);
    result.push_back(parameters.apply(parameters.loadOfScaled(place, row),
                                      b.toFloat(sum), /*sum=*/{}, total));
  }
  return result;
}

/// Adds the runs [first, end) of groups whose sums are integers, with a last
/// group of fewer columns unless all `areWhole`. Decoded codes begin with those
/// of the first.
Values LinearKernel::addRuns(Value tile, Value first, Value end, bool areWhole,
                             Rows rows, ValueRange sums) {
  int64_t count = spec.integerGroups;
  return b.loop(first, end, 1, sums, [&](Value run, ValueRange in) {
    Value group = b.mul(run, count), next = b.add(group, count);
    Value full = areWhole ? next : b.min(next, fullGroups);
    Rows here =
        advance(rows, b.mul(b.sub(run, first), count), encoding.groupSize);
    Values integers(in.size(), zeroSum());
    integers = addGroups(tile, group, full, here, integers);
    if (!areWhole)
      integers = addShortGroup(tile, full, next, here, integers);
    return applyRun(placeGroup(tile, group), rows, integers, in);
  });
}
