//===- FeedbackPanel.h - error feedback for 64 rows -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FEEDBACKPANEL_H
#define LOWBIT_NUMERICS_FEEDBACKPANEL_H

#include "ColumnRounder.h"
#include "lowbit/Numerics/Feedback.h"

namespace lowbit::numerics {

/// Up to 64 rows of a layer on their way from weights to codes. Panels are
/// [columns, panelRows]; "stored" columns are numbered as `matrix` stores them,
/// "places" are the order of rounding.
class FeedbackPanel {
public:
  FeedbackPanel(const FeedbackPlan &plan, const ColumnRounder &rounder,
                QuantizedMatrix &matrix);

  /// Quantizes rows [firstRow, firstRow + count).
  Status run(const float *weights, int64_t firstRow, int64_t count);

private:
  // The pass with feedback.
  void load(const float *weights);
  Status roundAll();
  int64_t endOfBlock(int64_t begin) const;
  Status roundBlock(int64_t begin, int64_t end);
  Status enterGroup(int64_t place, int64_t group);
  void moveTargets(int64_t place, const float *original);
  void roundUnit(int64_t begin, int64_t place, int64_t end);

  // Sweeps over the result (FeedbackSweep.cpp).
  void sweep();
  void findGradient();
  void refitGroup(int64_t group, int64_t begin, int64_t end);
  void roundAgain(int64_t begin, int64_t end);
  void propagate(int64_t begin, int64_t end);
  /// Adds panel rows [begin, end) times those rows of H to the gradient's
  /// columns [first, last).
  void addToGradient(const float *change, int64_t begin, int64_t end,
                     int64_t first, int64_t last);

  void readParameters(int64_t group);
  void writeParameters(int64_t group);
  int64_t groupOf(int64_t stored) const { return stored / groupColumns; }
  /// Where the column at a place is stored.
  int64_t storedOf(int64_t place) const {
    return plan.permutation().empty() ? plan.order()[place] : place;
  }
  float *at(std::vector<float> &panel, int64_t column) const {
    return panel.data() + column * panelRows;
  }

  const FeedbackPlan &plan;
  const ColumnRounder &rounder;
  QuantizedMatrix &matrix;
  int64_t columns, unit, groups, groupColumns;
  /// Parameters are chosen when a group's first column is due.
  bool isDynamic;
  int64_t firstRow = 0, rowCount = 0, currentGroup = -1;
  ColumnParameters parameters{};

  /// By place: weights with feedback.
  std::vector<float> current;
  /// By stored column: weight less value, and value.
  std::vector<float> errors, values;
  /// Errors of the current block, by place.
  std::vector<float> blockErrors;
  /// [codes of a row, panelRows], by stored column.
  std::vector<uint16_t> codes;
  /// For sweeps, by stored column: errors H, and changes of errors that it
  /// doesn't know of yet.
  std::vector<float> gradient, changes;
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FEEDBACKPANEL_H
