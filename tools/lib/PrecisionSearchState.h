//===- PrecisionSearchState.h - one search for an assignment ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_PRECISIONSEARCHSTATE_H
#define LOWBIT_TOOLS_LIB_PRECISIONSEARCHSTATE_H

#include "DeviceMemory.h"
#include "FloatProbe.h"
#include "Sensitivity.h"
#include "lowbit/Tools/PrecisionSearch.h"

namespace lowbit {

/// One search. Its parts are in PrecisionSearch.cpp (measuring), Choices.cpp
/// and Findings.cpp.
class PrecisionSearch {
public:
  PrecisionSearch(mlir::ModuleOp module, const CompileOptions &options,
                  PrecisionBudget budget, PrecisionProblem problem)
      : module(module), options(options), budget(budget),
        problem(std::move(problem)) {}

  llvm::Error run();
  llvm::Expected<std::map<std::string, std::vector<double>>> measureLayers();

private:
  llvm::Error prepare();
  llvm::Error setLosses();
  llvm::Error readMeasured();
  bool lacksMeasurements() const;
  llvm::Error measureLosses();
  llvm::Error measureCandidate(size_t index);
  llvm::Expected<StatisticsSource> getSource();
  llvm::Error setCosts();
  llvm::Error readDevice();
  llvm::Expected<PrecisionChoice> choose();
  llvm::Expected<PrecisionChoice> fitDevice();
  llvm::Expected<PrecisionChoice> chooseForDevice(int64_t most);
  llvm::Error nothingFits() const;
  llvm::Error checkDevice(const PrecisionChoice &choice);
  /// The least and the most that layers can take.
  std::pair<int64_t, int64_t> getCostRange() const;
  llvm::Expected<PrecisionChoice> solve(int64_t bytes);
  llvm::Expected<PrecisionChoice> findFloor(int64_t most);
  llvm::Expected<PrecisionChoice> guard(PrecisionChoice choice, int64_t most);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  quantize(const PrecisionChoice &choice);
  llvm::Expected<SampleScores> tryOut(const PrecisionChoice &choice);
  bool meetsFloor(const SampleScores &scores) const;
  std::string describe(const PrecisionChoice &choice,
                       const SampleScores &scores) const;
  llvm::Error report(const PrecisionChoice &chosen);
  double predict(const PrecisionChoice &choice) const;
  void addLayers(const PrecisionChoice &chosen,
                 PrecisionFindings &findings) const;
  void showProgress(size_t done, size_t total) const;

  bool isMeasured() const { return options.strategy == "measured"; }
  /// Whether the float model is to be run.
  bool needsSamples() const {
    return isMeasured() || budget.hasFloor() || device;
  }

  mlir::ModuleOp module;
  const CompileOptions &options;
  PrecisionBudget budget;
  PrecisionProblem problem;
  std::unique_ptr<PrecisionStrategy> strategy;
  Sensitivity sensitivity;
  std::unique_ptr<FloatProbe> probe;
  SampleSplit split;
  /// The device to fit, and what the model takes there.
  std::optional<DeviceLimits> device;
  DeviceMemory memory;
  /// Bytes of the module's tensors that no candidate is for.
  int64_t otherBytes = 0;
  /// What was tried on samples held out, by choice.
  std::map<std::vector<int32_t>, SampleScores> tried;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_PRECISIONSEARCHSTATE_H
