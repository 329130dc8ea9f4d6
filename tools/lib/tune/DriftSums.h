//===- DriftSums.h - moments of two models side by side ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_DRIFTSUMS_H
#define LOWBIT_TOOLS_LIB_TUNE_DRIFTSUMS_H

#include "lowbit/Numerics/Statistics.h"
#include "lowbit/Tools/HostTensor.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// Sums of products over rows: x is what layers read in the float model, y the
/// same in the model quantized so far, and r and s are what the layers' outputs
/// are added to. Rows may count more or less than once. The bytes don't depend
/// on the number of threads.
class DriftSums {
public:
  /// For `columns` columns of x and y, and residual streams of these numbers of
  /// columns.
  DriftSums(int64_t columns, llvm::ArrayRef<int64_t> residualColumns);

  /// Bytes that the sums take.
  static uint64_t getBytes(int64_t columns,
                           llvm::ArrayRef<int64_t> residualColumns);

  /// The rows of one sample in both models, as f32.
  struct Rows {
    llvm::ArrayRef<float> x, y;
    llvm::SmallVector<llvm::ArrayRef<float>> r, s;
    /// How much each row counts; empty: all once.
    llvm::ArrayRef<float> weights;
  };
  /// Adds the rows of a sample; all threads of `context` work on it. Numbers
  /// that are not finite are an error.
  llvm::Error add(const Rows &rows, mlir::MLIRContext *context);

  uint64_t getRows() const { return count; }
  /// E[y^T y] and E[x^T y], [columns, columns].
  HostTensor getSecondMoment() const;
  HostTensor getCrossMoment() const;
  /// The diagonal of E[y^T y].
  HostTensor getMeanSquare() const;
  /// E[(r - s)^T y] of one residual stream, [its columns, columns].
  HostTensor getResidualMoment(size_t index) const;

private:
  int64_t columns;
  llvm::SmallVector<int64_t> residualColumns;
  uint64_t count = 0;
  /// The sum of the weights of the rows.
  double total = 0;
  /// [columns, columns]: panels of y on and above the diagonal; all panels.
  std::vector<float> second, cross;
  std::vector<std::vector<float>> residuals;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_DRIFTSUMS_H
