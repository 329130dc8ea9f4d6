//===- FloatProbe.cpp - the float model with other weights ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FloatProbe.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/FloatProgram.h"
#include "lowbit/Tools/Signature.h"

using namespace lowbit;

llvm::Expected<SampleSplit> lowbit::splitSamples(uint64_t count,
                                                 uint64_t most) {
  if (count < 2)
    return makeError("measuring requires at least two samples, one of which is "
                     "held out, found " +
                     llvm::Twine(count));
  uint64_t heldOut = std::max<uint64_t>(1, count / 4);
  uint64_t measured = count - heldOut;
  auto spread = [&](uint64_t first, uint64_t available) {
    uint64_t taken = most ? std::min(most, available) : available;
    std::vector<uint64_t> samples;
    for (uint64_t i = 0; i < taken; ++i)
      samples.push_back(first + i * available / taken);
    return samples;
  };
  return SampleSplit{spread(0, measured), spread(measured, heldOut)};
}

llvm::Expected<std::unique_ptr<FloatProbe>>
FloatProbe::create(mlir::ModuleOp raised, const CompileOptions &options) {
  auto probe = std::make_unique<FloatProbe>();
  llvm::Expected<Signature> signature = getSignature(raised);
  if (!signature)
    return signature.takeError();
  auto data = CalibrationData::read(options.calibration, signature->inputs);
  if (!data)
    return data.takeError();
  probe->data = std::move(*data);
  for (uint64_t i = 0; i < probe->data.size(); ++i)
    if (llvm::Error error =
            checkInputs(signature->inputs, probe->data.getSample(i)))
      return makeFileError(options.calibration.data,
                           "sample " + llvm::Twine(i) + ": " +
                               llvm::toString(std::move(error)));
  if (llvm::Error error =
          checkRequirements(*signature, probe->data.getSample(0)))
    return makeFileError(options.calibration.data,
                         llvm::toString(std::move(error)));
  if (!options.labels.empty()) {
    auto labels = SampleLabels::read(options.labels, probe->data.size());
    if (!labels)
      return labels.takeError();
    probe->labels = std::move(*labels);
  }
  probe->tokens = lowbit::isTokenModel(signature->inputs, signature->outputs);
  probe->room = options.calibration.memory;
  probe->weights.prepare(raised);
  mlir::OwningOpRef<mlir::ModuleOp> copy = raised.clone();
  detachStatistics(*copy);
  if (llvm::Error error = compileModule(*copy, Phase::Lower,
                                        compileAsItIs(options), Phase::Fuse))
    return std::move(error);
  auto executable = Executable::create(*copy, {});
  if (!executable)
    return executable.takeError();
  probe->executable = std::move(*executable);
  return std::move(probe);
}

llvm::Error FloatProbe::replace(const LowBitWeight &weight) {
  if (weights.replace(weight.name, weight.rows, weight.columns, weight.numbers))
    return llvm::Error::success();
  return makeError("weight '" + weight.name +
                   "': measuring requires a global with data in memory whose "
                   "numbers can be replaced; leave the layer to a rule, or use "
                   "another strategy");
}

llvm::Error FloatProbe::replace(mlir::ModuleOp lowBit) {
  return forEachLowBitWeight(
      lowBit, [&](LowBitWeight weight) { return replace(weight); });
}

llvm::Expected<SampleScores>
FloatProbe::measure(llvm::ArrayRef<uint64_t> samples) {
  SampleScorer scorer(tokens, labels ? &*labels : nullptr);
  for (uint64_t index : samples) {
    auto reference = references.find(index);
    if (reference == references.end())
      return makeError("sample " + llvm::Twine(index) +
                       " has no outputs of the float model to compare with");
    auto outputs = executable->run(data.getSample(index));
    if (!outputs)
      return outputs.takeError();
    if (llvm::Error error = scorer.add(index, *outputs, reference->second))
      return std::move(error);
  }
  return scorer.getScores();
}

llvm::Error FloatProbe::runReference(llvm::ArrayRef<uint64_t> samples) {
  for (uint64_t index : samples) {
    if (references.count(index))
      continue;
    auto outputs = executable->run(data.getSample(index));
    if (!outputs)
      return outputs.takeError();
    uint64_t bytes = 0;
    for (const HostTensor &output : *outputs)
      bytes += output.getBytes().size();
    if (bytes > room)
      return makeError(
          "measuring keeps the float model's outputs, which take " +
          llvm::Twine(bytes) + " bytes for a sample, and found " +
          llvm::Twine(room) +
          " left of the memory for calibration; allow more, or measure fewer "
          "samples");
    room -= bytes;
    references.emplace(index, std::move(*outputs));
  }
  return llvm::Error::success();
}
