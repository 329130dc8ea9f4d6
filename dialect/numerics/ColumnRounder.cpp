//===- ColumnRounder.cpp - rounding columns of a panel --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ColumnRounder.h"

#include "ParameterBits.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

ColumnRounder::ColumnRounder(const Encoding &encoding)
    : encoding(encoding), usesTable(needsTable(encoding)),
      tables(usesTable ? encoding.element : ElementFormat()) {
  if (!usesTable)
    problem = problemOf(encoding, ScaleSearch::AbsMax);
}

float ColumnRounder::stored(float value) const {
  return parameterFromBits(encoding, Component::Scale,
                           parameterToBits(encoding, Component::Scale, value));
}

void ColumnRounder::findParameters(const float *panel, int64_t count,
                                   const float *importance, ScaleSearch search,
                                   ColumnParameters &result) const {
  std::vector<float> values(count * groupLanes), weights;
  for (int64_t k = 0; importance && k < count; ++k)
    weights.insert(weights.end(), groupLanes, importance[k]);
  Segment segment{values.data(), importance ? weights.data() : nullptr, count};
  for (int64_t first = 0; first < panelRows; first += groupLanes) {
    for (int64_t k = 0; k < count; ++k)
      std::copy_n(panel + k * panelRows + first, groupLanes,
                  values.data() + k * groupLanes);
    LaneParameters found{};
    if (usesTable) {
      findLaneScales(encoding, tables, segment, search, found.scale);
    } else {
      GroupProblem sought = problemOf(encoding, search);
      groupKernels().findParameters(sought, {&segment, 1, false}, found);
    }
    std::copy_n(found.scale, groupLanes, result.scale + first);
    std::copy_n(found.zeroPoint, groupLanes, result.zeroPoint + first);
    std::copy_n(found.minimum, groupLanes, result.minimum + first);
  }
}

/// In the metric, points and numbers are those times T.
void ColumnRounder::roundVectors(const float *panel, const float *metric,
                                 const ColumnParameters &parameters,
                                 uint16_t *entries) const {
  int64_t size = valuesPerCode();
  LaneTable table = tables.table();
  std::vector<float> numbers(table.count * size, 0),
      points(size * panelRows, 0);
  for (int64_t to = 0; to < size; ++to)
    for (int64_t from = 0; from < size; ++from)
      if (float factor = metric[from * size + to]; factor != 0)
        for (int64_t n = 0; n < panelRows; ++n)
          points[to * panelRows + n] += factor * panel[from * panelRows + n];
  for (uint32_t entry = 0; entry < table.count; ++entry)
    for (int64_t from = 0; from < size; ++from) {
      float number = table.numbers[entry * size + from];
      float *sums = numbers.data() + entry * size;
      const float *factors = metric + from * size;
      if (std::isfinite(number))
        for (int64_t to = 0; to < size; ++to)
          sums[to] += number * factors[to];
      else
        std::fill_n(sums, size, number);
    }
  table.numbers = numbers.data();
  // The signs of numbers times T are no lattice's.
  table.indexBits = 0;
  std::vector<float> lanes(size * groupLanes);
  for (int64_t first = 0; first < panelRows; first += groupLanes) {
    for (int64_t i = 0; i < size; ++i)
      std::copy_n(points.data() + i * panelRows + first, groupLanes,
                  lanes.data() + i * groupLanes);
    groupKernels().assignTable(table, lanes.data(), size,
                               parameters.scale + first, entries + first);
  }
}

void ColumnRounder::round(const float *panel, const float *metric,
                          const ColumnParameters &parameters, float *decoded,
                          uint16_t *codes) const {
  if (!usesTable)
    return groupKernels().roundColumn(problem, panel, parameters,
                                      encoding.element.integer()->firstCode(),
                                      decoded, codes);
  int64_t size = valuesPerCode();
  if (size > 1)
    roundVectors(panel, metric, parameters, codes);
  else
    for (int64_t first = 0; first < panelRows; first += groupLanes)
      groupKernels().assignTable(tables.table(), panel + first, 1,
                                 parameters.scale + first, codes + first);
  for (int64_t n = 0; n < panelRows; ++n) {
    uint32_t entry = codes[n];
    for (int64_t i = 0; i < size; ++i)
      decoded[i * panelRows + n] =
          tables.number(entry, i) * parameters.scale[n];
    codes[n] = static_cast<uint16_t>(tables.codeOf(entry));
  }
}

} // namespace lowbit::numerics
