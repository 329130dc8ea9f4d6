//===- AccuracyPreset.cpp - what is measured to be most accurate ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Tune.h"
#include "llvm/ADT/STLExtras.h"

using namespace lowbit;

/// Whole layers of integers: with feedback, and errors made up for later, even
/// one bit does for layers that matter little; above six nothing is left to
/// gain.
static constexpr llvm::StringLiteral kIntegers[] = {
    "int1", "int2-g128", "int3-g128", "int4-g128", "int5-g128", "int6-g128"};

/// Sweeps after which the error of a layer's output hardly falls any more.
static constexpr unsigned kSweeps = 4;

/// Of so many samples one is held out.
static constexpr uint64_t kHeldOutShare = 8;

void lowbit::setAccuracyPreset(CompileOptions &options) {
  options.sequential = true;
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
