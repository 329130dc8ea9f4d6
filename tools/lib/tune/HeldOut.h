//===- HeldOut.h - layers judged on samples they were not fit to *- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_HELDOUT_H
#define LOWBIT_TOOLS_LIB_TUNE_HELDOUT_H

#include "DriftSums.h"
#include "lowbit/Transforms/ConstantMatrix.h"

namespace lowbit {

/// What comes out of a layer of other weights, compared with the output of the
/// float model and a share of the drift of what that is added to.
class OutputJudge {
public:
  /// For a layer with weight W, over the samples in `sums`; `residual` is the
  /// index of its residual stream there, if it has one.
  OutputJudge(const ConstantMatrix &matrix, const DriftSums &sums,
              std::optional<size_t> residual, double residualShare,
              mlir::MLIRContext *context);

  /// E|x W^T + share (r - s) - y V^T|^2 for weights V, less a part that is the
  /// same for all V: tr(V H V^T) - 2 tr((W C + share R) V^T).
  double getError(llvm::ArrayRef<float> weights) const;

private:
  int64_t rows, columns;
  HostTensor second;
  /// W C + share R.
  std::vector<float> wanted;
  mlir::MLIRContext *context;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_HELDOUT_H
