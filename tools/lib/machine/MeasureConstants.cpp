//===- MeasureConstants.cpp - a machine's constants -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subjects.h"
#include "lowbit/Tools/Limits.h"
#include <cstring>

using namespace lowbit;

/// Runs of which the median counts, or the best of rates.
static constexpr int kRuns = 9;

/// Bytes per second of the best of some runs: what is slower was disturbed.
static double measureRate(const char *data, size_t bytes) {
  double best = 0;
  for (int i = 0; i < kRuns; ++i)
    best = std::max(best, measureReadRate(data, bytes));
  return best;
}

/// Reads half of each cache, so that what else is in it doesn't matter, and
/// twice the largest one for memory.
static llvm::Error measureMemory(MachineTuning &tuning) {
  using Constant = double MachineConstants::*;
  std::array<uint64_t, 3> caches = findCacheBytes();
  // A machine without a third level ends with the second.
  if (caches[1] && !caches[2])
    caches[2] = caches[1];
  constexpr Constant kSizes[] = {&MachineConstants::l1Bytes,
                                 &MachineConstants::l2Bytes,
                                 &MachineConstants::l3Bytes};
  for (auto [found, size] : llvm::zip_equal(caches, kSizes))
    if (found)
      tuning.setConstant(size, double(found));
  size_t bytes =
      std::min(2 * size_t(tuning.constants.l3Bytes), getSpareMemory());
  auto region = PageRegion::create(bytes, /*hugePages=*/true);
  if (!region)
    return region.takeError();
  std::memset(region->data(), 1, bytes);
  constexpr Constant kBandwidths[] = {&MachineConstants::l1Bandwidth,
                                      &MachineConstants::l2Bandwidth,
                                      &MachineConstants::l3Bandwidth};
  for (auto [size, bandwidth] : llvm::zip_equal(kSizes, kBandwidths)) {
    auto half = size_t(tuning.constants.*size / 2);
    tuning.setConstant(bandwidth,
                       measureRate(region->data(), std::min(half, bytes)));
  }
  tuning.setConstant(&MachineConstants::memoryBandwidth,
                     measureRate(region->data(), bytes));
  tuning.setConstant(&MachineConstants::memoryLatency,
                     measureLatency(region->data(), bytes));
  return llvm::Error::success();
}

/// The median of the seconds of calls of a layer.
static llvm::Expected<double> timeLayer(Subject subject, int64_t rows,
                                        const CompileOptions &options) {
  Turns turns({0, rows}, subject, /*cacheBytes=*/0);
  auto program =
      TimedProgram::create(std::move(subject.module), subject.done, options);
  if (!program)
    return program.takeError();
  if (llvm::Error error = turns.add(**program))
    return std::move(error);
  for (int i = 0; i < kRuns; ++i)
    turns.run();
  return turns.seconds(0);
}

static llvm::Expected<double> timeLayer(mlir::MLIRContext &context,
                                        llvm::StringRef method, int64_t n,
                                        int64_t k, int64_t rows,
                                        const CompileOptions &options) {
  auto subject = createLayerSubject(context, method, n, k, options);
  if (!subject)
    return subject.takeError();
  return timeLayer(std::move(*subject), rows, options);
}

llvm::Error lowbit::measureConstants(mlir::MLIRContext &context,
                                     const CompileOptions &options,
                                     MachineTuning &tuning) {
  if (llvm::Error error = measureMemory(tuning))
    return error;
  auto fork = measureFork();
  if (!fork)
    return fork.takeError();
  if (*fork)
    tuning.setConstant(&MachineConstants::forkSeconds, *fork);
  auto call = timeLayer(context, "int4-g32", 32, 32, 1, options);
  if (!call)
    return call.takeError();
  tuning.setConstant(&MachineConstants::callSeconds, *call);
  // Products are counted where nothing else counts: weights in a cache, rows
  // enough to decode each once for several of them.
  constexpr int64_t n = 512, k = 512, rows = 64;
  for (auto [method, rate] :
       {std::pair("int8-a8", &MachineConstants::byteProducts),
        std::pair("none", &MachineConstants::floatProducts)}) {
    auto seconds = timeLayer(context, method, n, k, rows, options);
    if (!seconds)
      return seconds.takeError();
    tuning.setConstant(rate, double(n * k * rows) / *seconds);
  }
  return llvm::Error::success();
}

llvm::Error lowbit::measureCosts(mlir::MLIRContext &context,
                                 const CompileOptions &options,
                                 const std::function<bool()> &isOver,
                                 MachineTuning &tuning) {
  constexpr int64_t n = 1024, k = 1024;
  constexpr std::pair<llvm::StringLiteral, unsigned> kTables[] = {
      {"cb2", 2}, {"nf4", 4}, {"mxfp6-e2m3", 6}, {"fp8-e4m3", 8}};
  auto measure = [&](llvm::StringRef method, llvm::StringRef kind,
                     unsigned bits) -> llvm::Error {
    if (isOver())
      return llvm::Error::success();
    auto seconds = timeLayer(context, method, n, k, 1, options);
    if (!seconds)
      return seconds.takeError();
    double decoding = std::max(0.0, *seconds - tuning.constants.callSeconds);
    tuning.setCost(kind, bits, 1e12 * decoding / (n * k));
    return llvm::Error::success();
  };
  for (unsigned bits : {4, 8, 2, 3, 1, 6, 5, 7})
    if (llvm::Error error =
            measure("int" + std::to_string(bits) + "-g32", "integers", bits))
      return error;
  for (auto [method, bits] : kTables)
    if (llvm::Error error = measure(method, "tables", bits))
      return error;
  return llvm::Error::success();
}
