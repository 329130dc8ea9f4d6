//===- Options.h - The command line of quant-run ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The flags as plain data, checked for sense, so that nothing behind this
// header depends on how they were given.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTRUN_OPTIONS_H
#define LOWBIT_TOOLS_QUANTRUN_OPTIONS_H

#include "lowbit/Tools/Bounds.h"
#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/MachineTuning.h"
#include "lowbit/Tools/WebRunner.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// A tensor's name and the .npy file it is read from or written to.
struct NamedFile {
  std::string name;
  std::string path;
};

/// What quant-run was asked to do.
struct RunOptions {
  /// At least one; several take no inputs, outputs, prompts and reports.
  std::vector<std::string> models;
  /// Methods that each model is quantized by before it is run; none leaves it
  /// as it is.
  std::vector<std::string> recipes;
  LoadOptions load;
  /// What --tuning says of this machine.
  MachineTuning machine;

  std::vector<NamedFile> inputs, outputs, comparisons;
  double tolerance = 0.0;
  bool hasTolerance = false;

  std::string tokens, against;
  /// Samples of any kind to judge by, and the right classes of their rows.
  std::string samples, labels;
  size_t window = 256;
  size_t maxWindows = 0;
  /// Windows for each layer's own divergence; 0 for none.
  size_t layerWindows = 0;

  std::vector<Bound> bounds;
  /// Whether the bounds that the weights' width suggests hold, too.
  bool defaultBounds = false;
  std::string report;

  bool benchmark = false;
  /// Whether models count what activations with static scales reach.
  bool countsRanges = false;

  unsigned generate = 0;
  std::string prompt, tokenizer;
  /// Ids in the place of a prompt.
  std::vector<uint32_t> promptTokens;
  double temperature = 0.0;
  size_t topK = 0;
  uint64_t seed = 0;
  /// How the cache stores numbers, and its tokens; none computes each token
  /// from a window of those before it, 0 takes as many as the text has.
  std::string kvCache = "f32";
  int64_t maxLength = 0;

  bool json = false;

  /// How the model, a web module, is run in a browser; nothing for this
  /// machine's CPU. Inputs and prompts are still to be read.
  std::optional<WebRunOptions> web;
};

/// Reads the command line. Unknown flags and flags that make no sense together
/// are errors; `--help` and `--version` print and exit.
llvm::Expected<RunOptions> parseRunOptions(int argc, char **argv);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTRUN_OPTIONS_H
