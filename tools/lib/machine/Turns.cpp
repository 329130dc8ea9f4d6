//===- Turns.cpp - programs that run in turns -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subjects.h"
#include "lowbit/Tools/Limits.h"
#include <algorithm>

using namespace lowbit;

/// A turn takes about so long: shorter than a scheduler's slice, and many times
/// what the clock takes.
static constexpr double kTurnSeconds = 1e-3;
static constexpr size_t kMostCalls = 10000;

namespace {
/// One program, ready to be called.
struct Runner {
  TimedProgram *program;
  Executable::Call call;
  TimeSamples seconds;
  std::vector<double> ratios;
};
} // namespace

struct Turns::Impl {
  Probe probe;
  std::vector<HostTensor> inputs;
  double cacheBytes;
  std::vector<Runner> runners;
  std::optional<PageRegion> region;
  std::vector<std::vector<const void *>> copies;
  size_t next = 0, callsPerTurn = 1;

  llvm::Error copyWeights(const TimedProgram &program);
  double callFor(Runner &runner, size_t calls);
};

Turns::Turns(const Probe &probe, const Subject &subject, double cacheBytes)
    : impl(std::make_unique<Impl>()) {
  impl->probe = probe;
  impl->cacheBytes = cacheBytes;
  for (llvm::SmallVector<int64_t> shape : subject.shapes) {
    for (int64_t &extent : shape)
      extent = extent < 0 ? probe.rows : extent;
    impl->inputs.push_back(createNumbers(shape));
  }
}

Turns::~Turns() = default;

/// All programs of a probe read the same weights.
llvm::Error Turns::Impl::copyWeights(const TimedProgram &program) {
  size_t bytes = program.copyBytes(), count = 1;
  if (probe.fromMemory && bytes)
    count = std::max<size_t>(2, 2 * size_t(cacheBytes) / bytes + 1);
  if (bytes) {
    auto created = PageRegion::create(bytes * count, /*hugePages=*/true);
    if (!created)
      return created.takeError();
    region.emplace(std::move(*created));
  }
  for (size_t i = 0; i < count; ++i)
    copies.push_back(bytes ? program.copyWeights(region->data() + i * bytes)
                           : std::vector<const void *>());
  return llvm::Error::success();
}

/// Seconds of each of `calls` calls.
double Turns::Impl::callFor(Runner &runner, size_t calls) {
  runner.program->executable().setThreads(probe.threads);
  Stopwatch watch(probe.threads);
  for (size_t i = 0; i < calls; ++i) {
    runner.call(copies[next++ % copies.size()].data());
    // Takes over the result's buffer, and frees it.
    (void)runner.call.getOutputs();
  }
  return watch.seconds() / double(calls);
}

llvm::Error Turns::add(TimedProgram &program) {
  auto call = program.executable().prepare("main", impl->inputs);
  if (!call)
    return call.takeError();
  bool isFirst = impl->runners.empty();
  impl->runners.push_back({&program, std::move(*call), {}, {}});
  if (isFirst)
    if (llvm::Error error = impl->copyWeights(program))
      return error;
  // What is cold the first time is not the code's.
  double seconds = impl->callFor(impl->runners.back(), 1);
  if (isFirst)
    impl->callsPerTurn = std::clamp<size_t>(
        size_t(kTurnSeconds / std::max(seconds, 1e-9)), 1, kMostCalls);
  return llvm::Error::success();
}

void Turns::run() {
  std::vector<Runner> &runners = impl->runners;
  bool isForward = runners.front().ratios.size() % 2 == 0;
  std::vector<double> times(runners.size());
  for (size_t i = 0; i < runners.size(); ++i) {
    // Every second time the other way round, so that none is always behind
    // another one.
    size_t at = isForward ? i : runners.size() - 1 - i;
    times[at] = impl->callFor(runners[at], impl->callsPerTurn);
  }
  for (size_t i = 0; i < runners.size(); ++i) {
    runners[i].seconds.add(times[i]);
    runners[i].ratios.push_back(times[i] / times.front());
  }
}

double Turns::ratio(size_t index) const {
  std::vector<double> ratios = impl->runners[index].ratios;
  auto middle = ratios.begin() + ratios.size() / 2;
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

double Turns::seconds(size_t index) const {
  return impl->runners[index].seconds.median();
}
