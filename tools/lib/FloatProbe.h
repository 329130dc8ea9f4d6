//===- FloatProbe.h - the float model with other weights --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The float model is compiled once. Its weights are bound by address, so any of
// them may take the numbers that some encoding gives them, and be compared with
// what the float model itself says. Activations stay as they are.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_FLOATPROBE_H
#define LOWBIT_TOOLS_LIB_FLOATPROBE_H

#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/LayerDivergence.h"
#include "lowbit/Tools/SampleScores.h"

namespace lowbit {

/// Which samples weights are judged by.
struct SampleSplit {
  /// What decides, and what decisions are checked on; no sample is in both.
  std::vector<uint64_t> measured, heldOut;
};

/// Of `count` samples, the last quarter (at least one) is held out. Of either
/// part at most `most` are taken, spread evenly. Fewer than two are an error.
llvm::Expected<SampleSplit> splitSamples(uint64_t count, uint64_t most);

class FloatProbe {
public:
  /// Compiles `raised` and reads the samples that `options` name. The module's
  /// float weights get memory of their own; it must outlive the probe.
  static llvm::Expected<std::unique_ptr<FloatProbe>>
  create(mlir::ModuleOp raised, const CompileOptions &options);

  /// Puts all low-bit weights of `lowBit`, or one, in the place of the float
  /// ones. The error names a weight that can't be replaced.
  llvm::Error replace(mlir::ModuleOp lowBit);
  llvm::Error replace(const LowBitWeight &weight);
  void restore() { weights.restore(); }

  /// Runs the float model on samples and keeps its outputs. To be called before
  /// a weight is replaced.
  llvm::Error runReference(llvm::ArrayRef<uint64_t> samples);
  /// Runs the model as it is now on samples that have outputs of the float one,
  /// and compares it with that.
  llvm::Expected<SampleScores> measure(llvm::ArrayRef<uint64_t> samples);

  uint64_t getNumSamples() const { return data.size(); }
  /// What losses are.
  bool isTokenModel() const { return tokens; }
  std::vector<HostTensor> getSample(uint64_t index) const {
    return data.getSample(index);
  }

private:
  CalibrationData data;
  ReplaceableWeights weights;
  std::unique_ptr<Executable> executable;
  std::optional<SampleLabels> labels;
  bool tokens = false;
  /// The float model's outputs by sample, and the bytes that they may take.
  std::map<uint64_t, std::vector<HostTensor>> references;
  uint64_t room = 0;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_FLOATPROBE_H
