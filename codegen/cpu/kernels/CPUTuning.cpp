//===- CPUTuning.cpp - the choices, and the cost model behind them --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

static constexpr int64_t kFloatBytes = sizeof(float);

llvm::ArrayRef<TuningChoice> lowbit::getTuningChoices() {
  static constexpr TuningChoice kChoices[] = {
      {"kernel-rows", &CPUTuning::kernelRows, 1, 16, true,
       "lowbit-lower-to-cpu-kernels row-tile",
       "most rows of activations that share decoded codes"},
      {"kernel-columns", &CPUTuning::kernelColumns, 4, 256, true,
       "lowbit-lower-to-cpu-kernels column-chunk",
       "columns of the innermost loop's body"},
      {"prefetch-bytes", &CPUTuning::prefetchBytes, 0, 1 << 16, false,
       "lowbit-lower-to-cpu-kernels prefetch-bytes",
       "how far ahead packed codes are prefetched; 0: not at all"},
      {"prefetch-level", &CPUTuning::prefetchLevel, 1, 3, false,
       "lowbit-lower-to-cpu-kernels prefetch-level",
       "the first cache that they are prefetched into"},
      {"chained-sums", &CPUTuning::chainedSums, 0, 32, false,
       "lowbit-lower-to-cpu-kernels chained-sums",
       "most accumulators of a row that get a second chain"},
      {"tile-rows", &CPUTuning::tileRows, 1, 16, false,
       "lowbit-lower-to-cpu-kernels tile-rows",
       "least rows of activations, of 16, that are multiplied in tiles"},
      {"unpacked-rows", &CPUTuning::unpackedRows, 32, 1024, true,
       "lowbit-lower-to-cpu-kernels unpacked-rows",
       "rows of weights that are decoded for tiles at a time"},
      {"task-products", &CPUTuning::taskProducts, 1 << 10, 1 << 30, true,
       "lowbit-lower-to-cpu-kernels task-products",
       "products of a kernel's task"},
      {"task-values", &CPUTuning::taskValues, 1 << 8, 1 << 26, true,
       "lowbit-lower-to-cpu-kernels task-values",
       "values of a task that quantizes activations"},
      {"row-tile", &CPUTuning::rowTile, 1, 4096, true,
       "lowbit-cpu-distribute row-tile", "rows of a float product's task"},
      {"column-tile", &CPUTuning::columnTile, 16, 4096, true,
       "lowbit-cpu-distribute column-tile",
       "columns of a float product's task"},
      {"element-tile", &CPUTuning::elementTile, 256, 1 << 24, true,
       "lowbit-cpu-distribute element-tile", "elements of any other task"},
      {"min-work", &CPUTuning::minWork, 1 << 8, 1 << 28, true,
       "lowbit-cpu-distribute min-work",
       "operations below which nothing is handed to threads"},
      {"register-rows", &CPUTuning::registerRows, 0, 16, false,
       "lowbit-cpu-tile-and-vectorize rows",
       "rows of a float product in registers; 0: as many as they hold"},
      {"query-tile", &CPUTuning::queryTile, 1, 1024, true,
       "lowbit-cpu-lower-attention query-tile", "queries of a task"},
      {"key-tile", &CPUTuning::keyTile, 16, 1024, true,
       "lowbit-cpu-lower-attention key-tile",
       "keys whose scores exist at a time"},
      {"window-elements", &CPUTuning::windowElements, 1 << 10, 1 << 26, true,
       "lowbit-cpu-tile-windows scratch-elements",
       "elements of a layer's windows that a task copies at a time"},
      {"window-rows", &CPUTuning::windowRows, 1, 4096, false,
       "lowbit-cpu-tile-windows min-rows", "least rows of such a block"},
      {"convolution-elements", &CPUTuning::convolutionElements, 1 << 10,
       1 << 26, true, "lowbit-cpu-expand-convolutions scratch-elements",
       "elements of other windows that a task copies at a time"},
  };
  return kChoices;
}

llvm::ArrayRef<MachineConstant> lowbit::getMachineConstants() {
  constexpr double kLeastRate = 1e6, kMostRate = 1e15;
  static constexpr MachineConstant kConstants[] = {
      {"l1-bytes", &MachineConstants::l1Bytes, 1 << 10, 1 << 24, "bytes",
       "first-level data cache"},
      {"l2-bytes", &MachineConstants::l2Bytes, 1 << 12, 1 << 30, "bytes",
       "second-level cache"},
      {"l3-bytes", &MachineConstants::l3Bytes, 1 << 12, 1LL << 36, "bytes",
       "last-level cache"},
      {"l1-bandwidth", &MachineConstants::l1Bandwidth, kLeastRate, kMostRate,
       "bytes per second", "read from the first-level cache"},
      {"l2-bandwidth", &MachineConstants::l2Bandwidth, kLeastRate, kMostRate,
       "bytes per second", "read from the second-level cache"},
      {"l3-bandwidth", &MachineConstants::l3Bandwidth, kLeastRate, kMostRate,
       "bytes per second", "read from the last-level cache"},
      {"memory-bandwidth", &MachineConstants::memoryBandwidth, kLeastRate,
       kMostRate, "bytes per second", "read from memory"},
      {"memory-latency", &MachineConstants::memoryLatency, 1e-9, 1e-3,
       "seconds", "until bytes from memory arrive"},
      {"byte-products", &MachineConstants::byteProducts, kLeastRate, kMostRate,
       "per second", "products of bytes in a kernel"},
      {"float-products", &MachineConstants::floatProducts, kLeastRate,
       kMostRate, "per second", "products of floats"},
      {"fork-seconds", &MachineConstants::forkSeconds, 1e-9, 1e-1, "seconds",
       "to hand work to another thread"},
      {"call-seconds", &MachineConstants::callSeconds, 1e-9, 1e-1, "seconds",
       "of a call of a layer without work"},
  };
  return kConstants;
}

bool TuningChoice::allows(int64_t number) const {
  return number >= least && number <= most &&
         (!isPower || llvm::isPowerOf2_64(number));
}

std::string TuningChoice::describeRange() const {
  return (llvm::Twine(isPower ? "a power of two" : "an integer") + " from " +
          llvm::Twine(least) + " to " + llvm::Twine(most))
      .str();
}

int64_t CPUTuning::getLeastTileRows(int64_t columns) const {
  constexpr int64_t kTileColumns = 64, kMost = 16;
  return columns < kTileColumns ? std::min(tileRows + tileRows / 2, kMost)
                                : tileRows;
}

bool CPUTuning::operator==(const CPUTuning &other) const {
  return llvm::all_of(getTuningChoices(), [&](const TuningChoice &choice) {
    return this->*choice.value == other.*choice.value;
  });
}

std::string lowbit::explainInvalid(const CPUTuning &tuning) {
  for (const TuningChoice &choice : getTuningChoices())
    if (!choice.allows(tuning.*choice.value))
      return (choice.option.split(' ').second + " requires " +
              choice.describeRange() + ", found " +
              llvm::Twine(tuning.*choice.value))
          .str();
  return {};
}

/// The power of two nearest to `value` by ratio.
static int64_t nearestPower(double value) {
  return int64_t(1) << std::max(0L, std::lround(std::log2(value)));
}

/// The largest power of two that is not above `value`.
static int64_t powerBelow(double value) {
  return int64_t(1) << std::max(0L, long(std::floor(std::log2(value))));
}

/// Keeps what follows from odd constants within what code can be made for.
static void clamp(CPUTuning &tuning) {
  for (const TuningChoice &choice : getTuningChoices())
    tuning.*choice.value =
        std::clamp(tuning.*choice.value, choice.least, choice.most);
}

/// Whether a processor fetches the one stream that a kernel reads early enough
/// by itself. There, prefetching takes a turn of the load units for every line,
/// and a fifth of the speed (bench/results/amd-epyc-zen4-2-cores.md).
static bool fetchesStreams(llvm::StringRef cpu) {
  return cpu.starts_with("znver");
}

CPUTuning lowbit::chooseTuning(const MachineConstants &machine,
                               llvm::StringRef cpu) {
  CPUTuning tuning;
  // As many bytes are on their way as arrive within the latency.
  constexpr int64_t kStep = 512;
  double inFlight = machine.memoryLatency * machine.memoryBandwidth;
  tuning.prefetchBytes =
      fetchesStreams(cpu) ? 0 : std::lround(inFlight / kStep) * kStep;

  // A task takes as long as it took to hand it over.
  tuning.taskProducts =
      nearestPower(machine.forkSeconds * machine.byteProducts);
  tuning.taskValues =
      nearestPower(machine.forkSeconds * machine.l2Bandwidth / kFloatBytes);
  // Scalar operations run in vectors, of which a few are loads and stores.
  tuning.minWork =
      nearestPower(machine.forkSeconds * machine.floatProducts / 3);

  // What a task writes stays in the first-level cache until whatever finishes
  // it has read it: tiles twice as wide as high, for vectors run along rows.
  int64_t l1 = powerBelow(machine.l1Bytes) / kFloatBytes;
  tuning.elementTile = l1;
  tuning.rowTile = powerBelow(std::sqrt(l1 / 2));
  tuning.columnTile = 2 * tuning.rowTile;
  // Scores take half of it, a block of keys or values the rest.
  tuning.queryTile = tuning.keyTile = powerBelow(std::sqrt(l1 / 2));

  // Weights that are decoded for tiles take half of it with 4096 columns.
  constexpr int64_t kColumns = 4096;
  tuning.unpackedRows = powerBelow(machine.l2Bytes) / (2 * kColumns);

  // Windows take half of the second-level cache where the weights that they
  // meet are packed, an eighth where they are floats.
  int64_t l2 = powerBelow(machine.l2Bytes) / kFloatBytes;
  tuning.windowElements = l2 / 2;
  tuning.convolutionElements = l2 / 8;
  clamp(tuning);
  return tuning;
}
