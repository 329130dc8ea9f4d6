//===- CheckFlags.cpp - Command lines that cannot be meant ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "lowbit/Tools/CommandLine.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace lowbit;
namespace cl = llvm::cl;

static llvm::Error checkWindow(const RunFlags &flags) {
  if (!flags.perplexity.empty() && flags.window < 2)
    return makeError("--perplexity requires a --window of at least 2 tokens, "
                     "each of which predicts the next, found 1");
  return llvm::Error::success();
}

/// What a browser does is less than what this tool does itself.
static llvm::Error checkBrowser(const RunFlags &flags) {
  bool isUsed = flags.browser.getNumOccurrences();
  for (const auto &entry : cl::getRegisteredOptions()) {
    const cl::Option &flag = *entry.second;
    if (!flag.getNumOccurrences() || &flag == &flags.browser)
      continue;
    bool isForBrowser =
        llvm::is_contained(flag.Categories, &flags.browserCategory);
    bool isForBoth =
        llvm::is_contained({"input", "output", "json", "generate", "prompt",
                            "prompt-tokens", "tokenizer"},
                           entry.first);
    if (isForBrowser && !isUsed)
      return makeError("--" + flag.ArgStr + " needs --browser");
    if (isUsed && !isForBrowser && !isForBoth)
      return makeError("--" + flag.ArgStr +
                       " has no effect with --browser; leave one of them out");
  }
  if (flags.runs.getNumOccurrences() && flags.generate.getNumOccurrences())
    return makeError("--runs and --generate both say how many tokens are "
                     "timed; leave one of them out");
  for (llvm::StringRef model : flags.models) {
    bool isModule = llvm::sys::path::extension(model) == ".js";
    if (isUsed && (!isModule || flags.models.size() != 1))
      return makeFileError(model, "--browser runs one web module, .js; "
                                  "quant-opt --target=webgpu writes them");
    if (isModule && !isUsed)
      return makeFileError(model, "a web module runs in a browser; add "
                                  "--browser");
  }
  return llvm::Error::success();
}

/// A flag without effect is a mistake: each needs the work that it is for.
static llvm::Error checkEffects(const RunFlags &flags) {
  bool judges = flags.perplexity.getNumOccurrences();
  bool samples = flags.samples.getNumOccurrences();
  bool generates = flags.generate.getNumOccurrences();
  struct {
    const cl::Option &flag;
    bool isEffective;
    llvm::StringRef needed;
  } rules[] = {
      {flags.tolerance, flags.compare.getNumOccurrences() != 0, "--compare"},
      {flags.against, judges || samples || flags.benchmark,
       "--perplexity, --samples or --benchmark"},
      {flags.labels, samples, "--samples"},
      {flags.layerWindows,
       judges && flags.report.getNumOccurrences() &&
           flags.against.getNumOccurrences(),
       "--perplexity, --against and --report"},
      {flags.windows, judges || samples, "--perplexity or --samples"},
      {flags.window,
       judges || samples || (generates && flags.kvCache == "none") ||
           flags.benchmark,
       "--perplexity, --samples, --benchmark or --generate"},
      {flags.countRanges, !generates || flags.kvCache == "none",
       "runs of the whole model, --kv-cache=none for text"},
      {flags.prompt, generates, "--generate"},
      {flags.tokenizer, generates, "--generate"},
      {flags.temperature, generates, "--generate"},
      {flags.seed, generates, "--generate"},
      {flags.promptTokens, generates, "--generate"},
      {flags.kvCache, generates, "--generate"},
      {flags.maxLength, generates && flags.kvCache != "none",
       "--generate and a --kv-cache"},
      {flags.topK, generates && flags.temperature > 0.0,
       "--generate and a --temperature above 0"},
  };
  for (const auto &rule : rules)
    if (rule.flag.getNumOccurrences() && !rule.isEffective)
      return makeError("--" + rule.flag.ArgStr + " needs " + rule.needed);
  if (judges && samples)
    return makeError("--perplexity and --samples judge by different data; "
                     "leave one of them out");
  if (samples && !flags.against.getNumOccurrences() &&
      !flags.labels.getNumOccurrences())
    return makeError("--samples needs --against or --labels to compare with");
  if (flags.reference && flags.floatActivations)
    return makeError("--float-activations is for kernels, which --reference "
                     "does without; leave one of them out");
  return llvm::Error::success();
}

llvm::Error lowbit::checkFlags(const RunFlags &flags) {
  // All options that are left are this tool's.
  if (llvm::Error error =
          checkGivenOnce([](const cl::Option &) { return true; }))
    return error;
  if (llvm::Error error = checkWindow(flags))
    return error;
  if (llvm::Error error = checkBrowser(flags))
    return error;
  return checkEffects(flags);
}

/// A table has room for what is one number per model.
static llvm::Error checkSeveral(const RunOptions &options) {
  bool needsOne = !options.inputs.empty() || !options.outputs.empty() ||
                  !options.comparisons.empty() || options.generate != 0 ||
                  !options.report.empty();
  size_t count =
      options.models.size() * std::max<size_t>(1, options.recipes.size());
  if (count > 1 && needsOne)
    return makeError("several models can be judged and timed together; "
                     "--input, --output, --compare, --generate and --report "
                     "need one model, found " +
                     llvm::Twine(count));
  return llvm::Error::success();
}

/// Each bound needs the option that measures its figure.
static llvm::Error checkBounds(const RunOptions &options) {
  auto isGiven = [&](llvm::StringRef option) {
    llvm::SmallVector<llvm::StringRef> names;
    option.split(names, " or ");
    return option.empty() || llvm::any_of(names, [&](llvm::StringRef name) {
             return (name == "--perplexity" && !options.tokens.empty()) ||
                    (name == "--samples" && !options.samples.empty()) ||
                    (name == "--labels" && !options.labels.empty()) ||
                    (name == "--benchmark" && options.benchmark) ||
                    (name == "--compare" && !options.comparisons.empty());
           });
  };
  for (const Bound &bound : options.bounds) {
    const BoundedFigure &figure =
        *llvm::find_if(getBoundedFigures(), [&](const BoundedFigure &entry) {
          return entry.name == bound.figure;
        });
    if (!isGiven(figure.option))
      return makeError("--require=" + bound.text + " needs " + figure.option);
    if ((bound.isRelative || figure.needsReference) && options.against.empty())
      return makeError("--require=" + bound.text + " needs --against");
  }
  if (options.defaultBounds &&
      (options.tokens.empty() || options.against.empty()))
    return makeError("--require=default needs --perplexity and --against");
  return llvm::Error::success();
}

/// What is continued, and by which tokens.
static llvm::Error checkPrompt(const RunOptions &options) {
  if (options.generate == 0 || !options.promptTokens.empty()) {
    if (!options.prompt.empty() && !options.promptTokens.empty())
      return makeError(
          "--prompt and --prompt-tokens are two prompts; leave one "
          "of them out");
    return llvm::Error::success();
  }
  if (options.tokenizer.empty())
    return makeError("--generate needs --tokenizer and --prompt, or "
                     "--prompt-tokens");
  if (options.prompt.empty())
    return makeError("--generate needs a --prompt of at least one character");
  return llvm::Error::success();
}

llvm::Error lowbit::checkOptions(const RunOptions &options) {
  if (options.models.empty())
    return makeError("a model is required; see --help");
  if (options.web && !options.inputs.empty() && options.generate != 0)
    return makeError("--input and --generate are two kinds of runs; leave one "
                     "of them out with --browser");
  if (llvm::Error error = checkSeveral(options))
    return error;
  if (llvm::Error error = checkBounds(options))
    return error;
  if (!options.report.empty())
    if (llvm::Error error = getReportForm(options.report).takeError())
      return error;
  if (options.hasTolerance &&
      !(options.tolerance >= 0.0 && std::isfinite(options.tolerance)))
    return makeError("--tolerance must be a number of at least 0");
  if (!(options.temperature >= 0.0 && std::isfinite(options.temperature)))
    return makeError("--temperature must be a number of at least 0");
  if (!llvm::is_contained({"f32", "f16", "int8", "int4", "none"},
                          options.kvCache))
    return makeError(
        "--kv-cache must be f32, f16, int8, int4 or none, found '" +
        options.kvCache + "'");
  return checkPrompt(options);
}
