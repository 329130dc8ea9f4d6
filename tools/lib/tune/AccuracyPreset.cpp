//===- AccuracyPreset.cpp - what is measured to be most accurate ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Transforms/PrecisionAssignment.h"
#include "llvm/ADT/STLExtras.h"

using namespace lowbit;

/// Whole layers of integers: with feedback, and errors made up for later, even
/// one bit does for layers that matter little.
static constexpr llvm::StringLiteral kIntegers[] = {
    "int1",      "int2-g128", "int3-g128", "int4-g128",
    "int5-g128", "int6-g128", "int8-g128"};

/// Of this state a trellis has 4096 numbers to choose among.
static constexpr llvm::StringLiteral kTrellis = "trellis2-s12";

/// Above, trellises have little more to give, and then no more bits.
static constexpr double kMostTrellisBits = 5;

/// Sweeps after which the error of a layer's output hardly falls any more.
static constexpr unsigned kSweeps = 4;

/// Of so many samples one is held out.
static constexpr uint64_t kHeldOutShare = 8;

/// Whether the budget is one for trellises: not known to be too large, without
/// a floor, and with no other encodings to choose among.
static bool isForTrellises(const CompileOptions &options) {
  auto budget = PrecisionBudget::parse(options.budget);
  if (!budget) {
    // Whoever reads the budget reports that.
    llvm::consumeError(budget.takeError());
    return false;
  }
  constexpr double kFloatBits = 16;
  double bits = budget->bitsPerWeight.value_or(0);
  if (budget->reduction)
    bits = (1 - *budget->reduction) * kFloatBits;
  return budget->hasSize() && !budget->hasFloor() && bits <= kMostTrellisBits &&
         options.candidates.empty() && options.objective == "size";
}

void lowbit::setAccuracyPreset(CompileOptions &options, CodeChoice codes) {
  options.sequential = true;
  if (options.calibration.gradients == OutputModel::None) {
    options.calibration.gradients = OutputModel::Automatic;
    options.calibration.gradientsAreOptional = true;
  }
  if (codes == CodeChoice::Any && options.method == "none" &&
      isForTrellises(options)) {
    options.method = kTrellis.str();
    options.spendsOnRates = true;
    return;
  }
  if (options.sweeps == 0)
    options.sweeps = kSweeps;
  if (options.method == "none")
    options.method = "gptq-int4-g128";
  if (!options.budget.empty()) {
    if (options.candidates.empty())
      for (llvm::StringRef method : kIntegers)
        options.candidates.push_back(method.str());
    return;
  }
  options.tuneMethods = std::move(options.candidates);
  options.candidates.clear();
  if (options.tuneMethods.empty()) {
    llvm::StringRef own = options.method;
    own.consume_front("gptq-");
    options.tuneMethods = {"gptq-" + own.str(), own.str()};
  }
  // The pass asks for feedback's moments where any of them needs these.
  options.method = options.tuneMethods.front();
  if (!options.heldOut)
    options.heldOut =
        std::max<uint64_t>(1, options.calibration.samples / kHeldOutShare);
}
