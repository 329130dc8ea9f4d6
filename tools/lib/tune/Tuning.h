//===- Tuning.h - a run of sequential calibration ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TUNE_TUNING_H
#define LOWBIT_TOOLS_LIB_TUNE_TUNING_H

#include "FinishedGroups.h"
#include "HeldOut.h"
#include "Streams.h"
#include "lowbit/Tools/FloatProgram.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/PatternNames.h"

namespace lowbit {

/// Names of the weights of a group's layers.
std::vector<std::string> getNames(const TunedGroup &group);

/// Layers of a group that write to a residual stream.
llvm::SmallVector<const TunedLayer *> getWriters(const TunedGroup &group);

/// How much each row of the input of `group` counts, in the order of samples:
/// as gradients at the outputs of its layers say, if statistics of `module`
/// have them row by row. Empty where all count the same.
std::vector<float> weighRows(const TunedGroup &group,
                             const LayerStatistics &statistics);

/// Moments of what a group reads, over the samples that it is fit to and, if
/// some are held out, over those that it is judged by.
struct GroupMoments {
  DriftSums fit;
  std::optional<DriftSums> heldOut;
};

class Tuning {
public:
  Tuning(mlir::ModuleOp module, const CompileOptions &options)
      : module(module), options(options), compile(compileAsItIs(options)) {
    // A merged weight would be a copy that nothing replaces.
    llvm::append_range(compile.disabledPatterns, getFusePatternNames());
  }

  llvm::Error run();

private:
  llvm::Error readData();
  llvm::Error cut();
  llvm::Expected<size_t> restoreGroups();
  llvm::Error advance(std::optional<size_t> from, size_t to);
  llvm::Error fillSlots(const ForwardSegment &segment);
  llvm::Expected<GroupMoments> measure(size_t index);
  uint64_t countRows(size_t index) const;
  llvm::Error addSamples(size_t index, uint64_t first, uint64_t end,
                         llvm::ArrayRef<float> &weights, DriftSums &sums);
  llvm::Error quantize(size_t index, const GroupMoments &moments);
  llvm::Error choose(size_t index, const DriftSums &heldOut);
  llvm::Error runPass(mlir::ModuleOp target, llvm::StringRef method,
                      llvm::ArrayRef<std::string> layers);
  llvm::Expected<std::vector<double>>
  tryOut(size_t index, llvm::StringRef method,
         llvm::ArrayRef<OutputJudge> judges);
  std::vector<std::string> getMethods() const;
  llvm::SmallVector<LinearOp> getLayers(size_t index) const;
  void showProgress(size_t group, llvm::StringRef model, uint64_t sample) const;

  mlir::ModuleOp module;
  const CompileOptions &options;
  CompileOptions compile;
  /// The float model, which stays as it is, and its layers in `module`.
  mlir::OwningOpRef<mlir::ModuleOp> source;
  llvm::DenseMap<LinearOp, LinearOp> quantized;
  ForwardCuts cuts;
  CalibrationData data;
  /// Samples that layers are fit to; those after them are held out.
  uint64_t fitSamples = 0;
  FinishedGroups finished;
  /// The values of the float model, and of the one that is quantized so far.
  Stream x, y;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TUNE_TUNING_H
