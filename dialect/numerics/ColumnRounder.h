//===- ColumnRounder.h - rounding columns of a panel ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What error feedback asks of an encoding: parameters for each row of a panel,
// and the nearest codes of the columns that one code stands for.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_COLUMNROUNDER_H
#define LOWBIT_NUMERICS_COLUMNROUNDER_H

#include "GroupProblem.h"
#include "TableQuantizer.h"

namespace lowbit::numerics {

/// Panels are [columns, panelRows].
class ColumnRounder {
public:
  explicit ColumnRounder(const Encoding &encoding);

  int64_t valuesPerCode() const { return encoding.element.valuesPerCode(); }

  /// The parameters that `search` finds for `count` columns, as stored; those
  /// beyond the format are infinite. `importance` [count], or null.
  void findParameters(const float *panel, int64_t count,
                      const float *importance, ScaleSearch search,
                      ColumnParameters &result) const;

  /// Rounds valuesPerCode() columns. Errors e of those columns count as |e T|^2
  /// for the matrix `metric`, row by row; null for scalar codes, where it makes
  /// no difference.
  void round(const float *panel, const float *metric,
             const ColumnParameters &parameters, float *decoded,
             uint16_t *codes) const;

  /// What `code` stands for before scale and minimum.
  float number(uint32_t code, unsigned index, float zeroPoint) const {
    float value = encoding.element.decode(code, index);
    return encoding.zeroPoint == ZeroPointKind::None ? value
                                                     : value - zeroPoint;
  }
  /// `value` as the encoding stores scales and minima.
  float stored(float value) const;

private:
  void roundVectors(const float *panel, const float *metric,
                    const ColumnParameters &parameters,
                    uint16_t *entries) const;

  Encoding encoding;
  bool usesTable;
  GroupProblem problem{};
  LaneTables tables;
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_COLUMNROUNDER_H
