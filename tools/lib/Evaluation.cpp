//===- Evaluation.cpp - What a model's precision costs and gains ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Differences of 1e-5 nats between two models are real and must show, so
// nothing here is accumulated in float.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/LanguageModel.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cmath>
#include <sys/resource.h>
#include <unistd.h>

using namespace lowbit;

namespace {

using Clock = std::chrono::steady_clock;

double getSecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One line on the terminal that is rewritten as the work proceeds.
class Progress {
public:
  Progress(bool enabled, size_t total)
      : enabled(enabled && ::isatty(STDERR_FILENO)), total(total) {}
  ~Progress() {
    if (enabled)
      llvm::errs() << "\r\x1b[K";
  }
  void show(size_t done, double meanLoss) {
    if (enabled)
      llvm::errs() << "\rwindow " << done << " of " << total << ", perplexity "
                   << llvm::format("%.4f", std::exp(meanLoss)) << "\x1b[K";
  }

private:
  bool enabled;
  size_t total;
};

/// Sums over all targets so far.
struct Totals {
  double loss = 0.0, referenceLoss = 0.0;
  double divergence = 0.0;
  size_t agreements = 0;
  double seconds = 0.0, referenceSeconds = 0.0;
  std::vector<double> divergences = {};
};

/// Adds the scores of one window: `targets[t]` follows token t.
llvm::Error addWindow(const Logits &logits, const Logits *reference,
                      llvm::ArrayRef<uint16_t> targets, Totals &totals) {
  if (reference && reference->vocabulary != logits.vocabulary)
    return makeError("the models have vocabularies of " +
                     llvm::Twine(logits.vocabulary) + " and " +
                     llvm::Twine(reference->vocabulary) + " tokens");
  llvm::SmallVector<double, 0> own, other;
  for (auto [t, target] : llvm::enumerate(targets)) {
    if (target >= logits.vocabulary)
      return makeError("token " + llvm::Twine(target) +
                       " is outside the model's vocabulary of " +
                       llvm::Twine(logits.vocabulary));
    computeLogProbabilities(logits.getRow(t), own);
    totals.loss -= own[target];
    if (!reference)
      continue;
    computeLogProbabilities(reference->getRow(t), other);
    totals.referenceLoss -= other[target];
    totals.divergences.push_back(computeDivergence(other, own));
    totals.divergence += totals.divergences.back();
    totals.agreements += llvm::max_element(own) - own.begin() ==
                         llvm::max_element(other) - other.begin();
  }
  return llvm::Error::success();
}

} // namespace

void lowbit::computeLogProbabilities(llvm::ArrayRef<float> logits,
                                     llvm::SmallVectorImpl<double> &result) {
  double largest = *llvm::max_element(logits);
  double sum = 0.0;
  for (float logit : logits)
    sum += std::exp(logit - largest);
  double logSum = std::log(sum);
  result.resize(logits.size());
  // In this order nothing is lost where the logits are large.
  for (size_t i = 0; i < logits.size(); ++i)
    result[i] = (logits[i] - largest) - logSum;
}

double lowbit::computeDivergence(llvm::ArrayRef<double> logP,
                                 llvm::ArrayRef<double> logQ) {
  double sum = 0.0;
  for (auto [p, q] : llvm::zip_equal(logP, logQ))
    sum += std::exp(p) * (p - q);
  return sum;
}

llvm::Expected<Evaluation> lowbit::evaluate(Model &model, Model *reference,
                                            llvm::ArrayRef<uint16_t> tokens,
                                            const EvaluationOptions &options) {
  size_t window = options.window;
  if (window == 0 || tokens.size() <= window)
    return makeError("evaluation needs a window of at least one token and one "
                     "token more than that, found a window of " +
                     llvm::Twine(window) + " and " +
                     llvm::Twine(tokens.size()) + " tokens");
  size_t windows = (tokens.size() - 1) / window;
  if (options.maxWindows != 0)
    windows = std::min(windows, options.maxWindows);

  Progress progress(options.progress, windows);
  Totals totals;
  Evaluation result;
  for (size_t i = 0; i < windows; ++i) {
    Totals before = {totals.loss, totals.referenceLoss, totals.divergence};
    llvm::ArrayRef<uint16_t> ids = tokens.slice(i * window, window + 1);
    std::vector<uint32_t> inputs(ids.begin(), std::prev(ids.end()));
    Clock::time_point start = Clock::now();
    llvm::Expected<Logits> logits = runLanguageModel(model, inputs);
    totals.seconds += getSecondsSince(start);
    if (!logits)
      return logits.takeError();
    std::optional<Logits> expected;
    if (reference) {
      start = Clock::now();
      llvm::Expected<Logits> other = runLanguageModel(*reference, inputs);
      totals.referenceSeconds += getSecondsSince(start);
      if (!other)
        return other.takeError();
      expected = std::move(*other);
    }
    if (llvm::Error error = addWindow(*logits, expected ? &*expected : nullptr,
                                      ids.drop_front(), totals))
      return error;
    result.windows.push_back(
        {(totals.loss - before.loss) / double(window),
         (totals.referenceLoss - before.referenceLoss) / double(window),
         (totals.divergence - before.divergence) / double(window)});
    progress.show(i + 1, totals.loss / double((i + 1) * window));
  }

  result.targets = windows * window;
  result.meanLoss = totals.loss / double(result.targets);
  result.perplexity = std::exp(result.meanLoss);
  result.divergence = totals.divergence / double(result.targets);
  result.top1Agreement = double(totals.agreements) / double(result.targets);
  result.tokensPerSecond = double(result.targets) / totals.seconds;
  result.divergences = std::move(totals.divergences);
  if (!reference)
    return result;
  result.referencePerplexity =
      std::exp(totals.referenceLoss / double(result.targets));
  result.referenceTokensPerSecond =
      double(result.targets) / totals.referenceSeconds;
  return result;
}

llvm::Expected<Benchmark> lowbit::benchmark(Model &model,
                                            llvm::ArrayRef<HostTensor> inputs,
                                            double seconds) {
  if (llvm::Error error = checkInputs(model, inputs))
    return error;
  std::vector<double> times;
  bool warm = false;
  for (Clock::time_point begin = Clock::now();
       times.size() < 5 || getSecondsSince(begin) < seconds;) {
    Clock::time_point start = Clock::now();
    llvm::Expected<std::vector<HostTensor>> outputs = model.run(inputs);
    if (!outputs)
      return outputs.takeError();
    if (warm)
      times.push_back(getSecondsSince(start));
    warm = true;
  }
  llvm::sort(times);
  return Benchmark{static_cast<unsigned>(times.size()), times[times.size() / 2],
                   times.front()};
}

uint64_t lowbit::getPeakMemory() {
  // getrusage also counts what the parent had resident before exec, so the
  // kernel's record of this program comes first.
  if (auto status = llvm::MemoryBuffer::getFileAsStream("/proc/self/status")) {
    llvm::StringRef text = (*status)->getBuffer();
    uint64_t kib = 0;
    text = text.drop_front(std::min(text.find("VmHWM:"), text.size()));
    if (text.consume_front("VmHWM:") && !text.ltrim().consumeInteger(10, kib))
      return kib * 1024;
  }
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0)
    return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}
