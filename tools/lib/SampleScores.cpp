//===- SampleScores.cpp - how far outputs are from others -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/SampleScores.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/Npy.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"
#include <cmath>
#include <numeric>

using namespace lowbit;

bool lowbit::isTokenModel(llvm::ArrayRef<TensorSpec> inputs,
                          llvm::ArrayRef<TensorSpec> outputs) {
  auto isInteger = [](ElementType type) {
    return type == ElementType::I64 || type == ElementType::I32;
  };
  return inputs.size() == 1 && inputs[0].shape.size() == 2 &&
         isInteger(inputs[0].type) && !outputs.empty() &&
         outputs[0].type == ElementType::F32 && outputs[0].shape.size() == 3;
}

llvm::Expected<SampleLabels> SampleLabels::read(llvm::StringRef path,
                                                uint64_t samples) {
  llvm::Expected<HostTensor> tensor = readNpy(path);
  if (!tensor)
    return tensor.takeError();
  ElementType type = tensor->getType();
  bool isFloat = type == ElementType::F32 || type == ElementType::F64 ||
                 type == ElementType::F16 || type == ElementType::BF16;
  uint64_t count = tensor->getNumElements();
  llvm::ArrayRef<int64_t> shape = tensor->getShape();
  if (isFloat || shape.empty() || uint64_t(shape[0]) < samples || count == 0)
    return makeFileError(
        path, "labels require integers for " + llvm::Twine(samples) +
                  " samples along the first axis, found " + tensor->describe());
  SampleLabels result;
  result.perSample = count / uint64_t(shape[0]);
  for (uint64_t i = 0; i < samples * result.perSample; ++i)
    result.labels.push_back(int64_t(tensor->getElement(i)));
  return std::move(result);
}

/// Numbers of a row along the last axis.
static uint64_t getRowLength(const HostTensor &tensor) {
  return tensor.getShape().empty() ? 1 : uint64_t(tensor.getShape().back());
}

/// Mean divergence of the rows of logits.
static double getDivergence(const HostTensor &output,
                            const HostTensor &reference) {
  uint64_t length = getRowLength(output);
  uint64_t rows = output.getNumElements() / length;
  std::vector<double> divergences(rows);
  llvm::parallelFor(0, rows, [&](size_t row) {
    llvm::SmallVector<double, 0> own, other;
    computeLogProbabilities(output.getAs<float>().slice(row * length, length),
                            own);
    computeLogProbabilities(
        reference.getAs<float>().slice(row * length, length), other);
    divergences[row] = computeDivergence(other, own);
  });
  return std::accumulate(divergences.begin(), divergences.end(), 0.0) /
         double(rows);
}

/// The squared difference over the reference's square, averaged over outputs.
static double getRelativeError(llvm::ArrayRef<HostTensor> outputs,
                               llvm::ArrayRef<HostTensor> reference) {
  double sum = 0.0;
  for (auto [output, wanted] : llvm::zip_equal(outputs, reference)) {
    double error = 0.0, square = 0.0;
    for (uint64_t i = 0, e = output.getNumElements(); i < e; ++i) {
      double a = output.getElement(i), b = wanted.getElement(i);
      error += (a - b) * (a - b);
      square += b * b;
    }
    // Against zeros, errors count as they are.
    sum += square > 0.0 ? error / square : error;
  }
  return sum / double(outputs.size());
}

/// The first of the largest numbers of a row.
static int64_t getPreferred(const HostTensor &tensor, uint64_t row,
                            uint64_t length) {
  int64_t best = 0;
  for (uint64_t i = 1; i < length; ++i)
    if (tensor.getElement(row * length + i) >
        tensor.getElement(row * length + uint64_t(best)))
      best = int64_t(i);
  return best;
}

llvm::Error SampleScorer::addClasses(uint64_t index, const HostTensor &output,
                                     const HostTensor &reference) {
  uint64_t length = getRowLength(output);
  uint64_t count = length ? output.getNumElements() / length : 0;
  llvm::ArrayRef<int64_t> wanted;
  if (labels)
    wanted = labels->getSample(index);
  if (labels && wanted.size() != count)
    return makeError("labels: sample " + llvm::Twine(index) + " requires " +
                     llvm::Twine(count) +
                     ", one for each row of the model's first output, found " +
                     llvm::Twine(wanted.size()));
  for (uint64_t row = 0; row < count; ++row) {
    int64_t own = getPreferred(output, row, length);
    int64_t other = getPreferred(reference, row, length);
    equal += own == other;
    if (!labels)
      continue;
    if (wanted[row] < 0 || uint64_t(wanted[row]) >= length)
      return makeError("labels: sample " + llvm::Twine(index) +
                       " requires classes of 0 to " + llvm::Twine(length - 1) +
                       ", found " + llvm::Twine(wanted[row]));
    right += own == wanted[row];
    referenceRight += other == wanted[row];
  }
  rows += count;
  return llvm::Error::success();
}

llvm::Error SampleScorer::add(uint64_t index,
                              llvm::ArrayRef<HostTensor> outputs,
                              llvm::ArrayRef<HostTensor> reference) {
  if (outputs.empty() || outputs.size() != reference.size())
    return makeError("requires as many outputs as the float model has, " +
                     llvm::Twine(reference.size()) + ", found " +
                     llvm::Twine(outputs.size()));
  for (auto [output, wanted] : llvm::zip_equal(outputs, reference))
    if (output.getShape() != wanted.getShape() ||
        output.getType() != wanted.getType() || output.getNumElements() == 0)
      return makeError("requires an output of " + wanted.describe() +
                       " as the float model has, found " + output.describe());
  double loss = isTokenModel ? getDivergence(outputs[0], reference[0])
                             : getRelativeError(outputs, reference);
  if (!std::isfinite(loss))
    return makeError("sample " + llvm::Twine(index) +
                     ": outputs are not finite");
  losses.push_back(loss);
  return addClasses(index, outputs[0], reference[0]);
}

SampleScores SampleScorer::getScores() const {
  SampleScores scores;
  scores.losses = losses;
  double count = double(std::max<uint64_t>(1, rows));
  scores.loss = std::accumulate(losses.begin(), losses.end(), 0.0) /
                double(std::max<size_t>(1, losses.size()));
  scores.agreement = double(equal) / count;
  if (labels) {
    scores.accuracy = double(right) / count;
    scores.referenceAccuracy = double(referenceRight) / count;
  }
  return scores;
}
