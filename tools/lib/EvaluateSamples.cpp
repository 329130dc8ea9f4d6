//===- EvaluateSamples.cpp - a model on samples of any kind ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/EvaluateSamples.h"
#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Errors.h"
#include <chrono>

using namespace lowbit;

/// Runs a model and notes how long it took.
static llvm::Expected<std::vector<HostTensor>>
runTimed(Model &model, llvm::ArrayRef<HostTensor> inputs,
         std::vector<double> &seconds) {
  auto start = std::chrono::steady_clock::now();
  auto outputs = model.run(inputs);
  seconds.push_back(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count());
  return outputs;
}

static double getMedian(std::vector<double> values) {
  if (values.empty())
    return 0.0;
  llvm::sort(values);
  return values[values.size() / 2];
}

llvm::Expected<SampleEvaluation>
lowbit::evaluateSamples(Model &model, Model *reference,
                        const SampleOptions &options) {
  CalibrationOptions calibration;
  calibration.data = options.data;
  calibration.samples = options.samples;
  calibration.window = options.window;
  auto data = CalibrationData::read(calibration, model.getInputs());
  if (!data)
    return data.takeError();
  std::optional<SampleLabels> labels;
  if (!options.labels.empty()) {
    auto read = SampleLabels::read(options.labels, data->size());
    if (!read)
      return read.takeError();
    labels = std::move(*read);
  }
  SampleEvaluation result;
  result.isTokenModel = isTokenModel(model.getInputs(), model.getOutputs());
  result.samples = data->size();
  SampleScorer scorer(result.isTokenModel, labels ? &*labels : nullptr);
  std::vector<double> seconds, referenceSeconds;
  for (uint64_t i = 0; i < data->size(); ++i) {
    std::vector<HostTensor> inputs = data->getSample(i);
    if (llvm::Error error = checkInputs(model, inputs))
      return makeFileError(options.data, "sample " + llvm::Twine(i) + ": " +
                                             llvm::toString(std::move(error)));
    auto outputs = runTimed(model, inputs, seconds);
    if (!outputs)
      return outputs.takeError();
    std::vector<HostTensor> wanted = *outputs;
    if (reference) {
      auto other = runTimed(*reference, inputs, referenceSeconds);
      if (!other)
        return other.takeError();
      wanted = std::move(*other);
    }
    if (llvm::Error error = scorer.add(i, *outputs, wanted))
      return std::move(error);
  }
  result.scores = scorer.getScores();
  result.seconds = getMedian(std::move(seconds));
  result.referenceSeconds = getMedian(std::move(referenceSeconds));
  return std::move(result);
}
