//===- Options.cpp - The command line of quant-run ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libLLVM and libMLIR bring hundreds of options of their own. They are taken
// away before this tool's are made.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Flags.h"
#include "lowbit/Tools/CommandLine.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;
namespace cl = llvm::cl;

/// Unregisters every option but LLVM's own --help and --version.
static void removeForeignOptions() {
  llvm::SmallVector<cl::Option *> foreign;
  for (const auto &entry : cl::getRegisteredOptions())
    if (!llvm::is_contained({"help", "version"}, entry.first))
      foreign.push_back(entry.second);
  for (cl::Option *option : foreign)
    option->removeArgument();
}

static llvm::Expected<std::vector<NamedFile>>
parseNamedFiles(llvm::StringRef flag, const cl::list<std::string> &values) {
  std::vector<NamedFile> files;
  for (llvm::StringRef value : values) {
    // Names of tensors may contain "=", names of files at hand seldom do.
    auto [name, path] = value.rsplit('=');
    if (name.empty() || path.empty())
      return makeError("--" + flag + " needs NAME=FILE.npy, found '" + value +
                       "'");
    for (const NamedFile &other : files)
      if (other.name == name)
        return makeError("--" + flag + " names '" + name + "' twice");
    files.push_back({name.str(), path.str()});
  }
  return files;
}

/// Reads the flags whose values are pairs of a name and a file.
static llvm::Error readFiles(const RunFlags &flags, RunOptions &options) {
  struct {
    llvm::StringRef flag;
    const cl::list<std::string> &values;
    std::vector<NamedFile> &files;
  } lists[] = {{"input", flags.input, options.inputs},
               {"output", flags.output, options.outputs},
               {"compare", flags.compare, options.comparisons}};
  for (auto &list : lists) {
    auto files = parseNamedFiles(list.flag, list.values);
    if (!files)
      return files.takeError();
    list.files = std::move(*files);
  }
  return llvm::Error::success();
}

static llvm::Error readBounds(const RunFlags &flags, RunOptions &options) {
  for (llvm::StringRef text : flags.require) {
    if (text == "default") {
      options.defaultBounds = true;
      continue;
    }
    llvm::Expected<std::vector<Bound>> bounds = parseBounds(text);
    if (!bounds)
      return bounds.takeError();
    llvm::append_range(options.bounds, *bounds);
  }
  return llvm::Error::success();
}

/// Reads the file of --tuning, if there is one.
static llvm::Error readMachine(const std::string &path,
                               MachineTuning &machine) {
  if (path.empty())
    return llvm::Error::success();
  auto tuning = readTuning(path);
  if (!tuning)
    return tuning.takeError();
  if (llvm::Error error = checkTuning(*tuning, path, /*triple=*/""))
    return error;
  if (std::string other = describeOtherCPU(*tuning, "native"); !other.empty())
    llvm::WithColor::remark(llvm::errs(), "quant-run")
        << path << ": " << other << "\n";
  machine = std::move(*tuning);
  return llvm::Error::success();
}

/// How the model is loaded, and what runs it.
static LoadOptions readLoadOptions(const RunFlags &flags) {
  LoadOptions load;
  load.threads = flags.threads;
  load.remarks = &llvm::errs();
  load.dimensions.assign(flags.shape.begin(), flags.shape.end());
  load.reference = flags.reference;
  load.floatActivations = flags.floatActivations;
  load.disabledPatterns.assign(flags.disablePatterns.begin(),
                               flags.disablePatterns.end());
  return load;
}

/// What the model is judged by.
static void readJudging(const RunFlags &flags, RunOptions &options) {
  options.tolerance = flags.tolerance;
  options.hasTolerance = flags.tolerance.getNumOccurrences() > 0;
  options.tokens = flags.perplexity;
  options.against = flags.against;
  options.samples = flags.samples;
  options.labels = flags.labels;
  options.recipes.assign(flags.recipes.begin(), flags.recipes.end());
  options.window = flags.window;
  options.maxWindows = flags.windows;
  options.layerWindows = flags.layerWindows;
  options.report = flags.report;
  options.benchmark = flags.benchmark;
  options.countsRanges = flags.countRanges;
}

/// Which text is generated, and how.
static void readGenerating(const RunFlags &flags, RunOptions &options) {
  options.generate = flags.generate;
  options.prompt = flags.prompt;
  options.tokenizer = flags.tokenizer;
  options.promptTokens.assign(flags.promptTokens.begin(),
                              flags.promptTokens.end());
  options.kvCache = flags.kvCache;
  options.maxLength = flags.maxLength;
  options.topK = flags.topK;
  options.temperature = flags.temperature;
  options.seed = flags.seed;
}

static WebRunOptions readWebOptions(const RunFlags &flags) {
  WebRunOptions web;
  if (!flags.models.empty())
    web.module = flags.models.front();
  web.browser = flags.browser;
  web.isShown = flags.showBrowser;
  web.runs = flags.runs;
  web.warmUp = flags.warmUp;
  web.timeout = flags.timeout;
  web.variant = flags.variant;
  web.precision = flags.precision;
  web.generate = flags.generate;
  web.promptTokens.assign(flags.promptTokens.begin(), flags.promptTokens.end());
  return web;
}

static llvm::Expected<RunOptions> readOptions(const RunFlags &flags) {
  RunOptions options;
  options.models.assign(flags.models.begin(), flags.models.end());
  options.load = readLoadOptions(flags);
  options.json = flags.json;
  readJudging(flags, options);
  readGenerating(flags, options);
  if (flags.browser.getNumOccurrences())
    options.web = readWebOptions(flags);
  if (llvm::Error error = readMachine(flags.tuning, options.machine))
    return std::move(error);
  if (llvm::Error error = readFiles(flags, options))
    return std::move(error);
  if (llvm::Error error = readBounds(flags, options))
    return std::move(error);
  if (llvm::Error error = checkOptions(options))
    return std::move(error);
  return options;
}

llvm::Expected<RunOptions> lowbit::parseRunOptions(int argc, char **argv) {
  removeForeignOptions();
  static RunFlags flags;
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "quant-run " << LOWBIT_VERSION << " (LLVM " << LLVM_VERSION_STRING
       << ")\n";
  });
  if (llvm::Error error = parseCommandLine(
          argc, argv,
          "Runs a float or quantized model on this machine's CPU, or a web "
          "module in a\nbrowser, and says how good, how large and how fast it "
          "is.\n"))
    return std::move(error);
  if (llvm::Error error = checkFlags(flags))
    return std::move(error);
  return readOptions(flags);
}
