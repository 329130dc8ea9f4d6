//===- Streams.h - the values of all samples at a cut -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_STREAMS_H
#define LOWBIT_TOOLS_LIB_TUNE_STREAMS_H

#include "ForwardCuts.h"
#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Executable.h"

namespace lowbit {

/// What is live at a cut in one of two models, for every sample.
class Stream {
public:
  /// Takes the samples from one cut to the next: `program` is compiled from
  /// `segment`. `keep` is what lives at the new cut. Values that would take
  /// more than `memory` bytes for all samples go to files.
  llvm::Error advance(const CalibrationData &data,
                      const ForwardSegment &segment, Executable &program,
                      const llvm::SetVector<mlir::Value> &keep, uint64_t memory,
                      llvm::function_ref<void(uint64_t)> showProgress);

  const HostTensor &get(uint64_t sample, mlir::Value value) const {
    return samples[sample].find(value)->second;
  }

private:
  std::vector<llvm::DenseMap<mlir::Value, HostTensor>> samples;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_STREAMS_H
