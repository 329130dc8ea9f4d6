//===- Options.cpp - The command line of quant-run ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libLLVM and libMLIR bring hundreds of options of their own. Here are this
// tool's, and every check that spans two of them.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Flags.h"
#include "lowbit/Tools/GivenOnce.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace lowbit;
namespace cl = llvm::cl;

namespace {

/// The flags. They exist only once the options of libLLVM and libMLIR are gone:
/// some have the same names, and none of them is meant for this tool.
struct Flags {
  cl::OptionCategory runCategory{"Running"};
  cl::OptionCategory judgeCategory{"Judging"};
  cl::OptionCategory textCategory{"Generating text"};
  cl::OptionCategory browserCategory{"Running in a browser"};
  cl::list<std::string> models{
      cl::Positional, cl::value_desc("model"), cl::cat(runCategory),
      cl::desc("<model.onnx, model.mlir[bc] written by quant-opt, or with "
               "--browser model.webgpu.js>")};
  cl::list<std::string> input{
      "input", cl::value_desc("name=x.npy"), cl::cat(runCategory),
      cl::desc("Run on this input (repeat for each input)")};
  cl::list<std::string> output{"output", cl::value_desc("name=y.npy"),
                               cl::cat(runCategory),
                               cl::desc("Write this output to a file")};
  cl::list<std::string> shape{
      "shape", cl::value_desc("name=value"), cl::cat(runCategory),
      cl::desc("Fix a symbolic dimension of an ONNX model")};
  Flag<unsigned> threads{
      "threads", cl::value_desc("n"), cl::cat(runCategory),
      cl::desc("Threads to run on (default: all cores); results do "
               "not depend on it")};
  Flag<bool> json{"json", cl::cat(runCategory),
                  cl::desc("Print one JSON object instead of text")};
  Flag<bool> reference{"reference", cl::cat(runCategory),
                       cl::desc("Compute by the reference lowering, without "
                                "kernels (slow)")};
  cl::list<std::string> disablePatterns{
      "disable-patterns", cl::cat(runCategory), cl::CommaSeparated,
      cl::value_desc("names"),
      cl::desc("Patterns of raising and fusing to leave out, such as "
               "attention_pattern or qkv")};
  Flag<bool> floatActivations{
      "float-activations", cl::cat(runCategory),
      cl::desc("Multiply low-bit weights by f32 activations instead of 16-bit "
               "ones")};
  cl::opt<std::string> tuning{
      "tuning", cl::cat(runCategory), cl::value_desc("file"),
      cl::desc("Tile sizes and other choices of code that quant-opt --tune has "
               "measured")};
  cl::list<std::string> compare{
      "compare", cl::value_desc("name=y.npy"), cl::cat(judgeCategory),
      cl::desc("Compare an output with a file: largest absolute "
               "difference")};
  Flag<double> tolerance{
      "tolerance", cl::value_desc("t"), cl::cat(judgeCategory),
      cl::desc("Fail if a comparison differs by more than this")};
  cl::opt<std::string> perplexity{
      "perplexity", cl::value_desc("tokens.bin"), cl::cat(judgeCategory),
      cl::desc("Perplexity on a text of 16-bit token ids")};
  cl::opt<std::string> samples{
      "samples", cl::value_desc("x.npz|npy|bin"), cl::cat(judgeCategory),
      cl::desc("Run on samples, arrays of inputs by name or token ids: with "
               "--against how far outputs are from that model's, with --labels "
               "how often the right class comes first")};
  cl::opt<std::string> labels{
      "labels", cl::value_desc("labels.npy"), cl::cat(judgeCategory),
      cl::desc("With --samples: the right class of each row of the first "
               "output")};
  cl::list<std::string> recipes{
      "recipes", cl::value_desc("methods"), cl::cat(judgeCategory),
      cl::CommaSeparated,
      cl::desc("Quantize each model by each of these methods, as quant-opt "
               "--quantize does without data, and judge what comes out; none "
               "is the model itself")};
  Flag<unsigned long> window{
      "window", cl::value_desc("n"), cl::init(256), cl::cat(judgeCategory),
      cl::desc("Tokens the model sees at once (default 256)")};
  Flag<unsigned long> windows{
      "windows", cl::value_desc("n"), cl::cat(judgeCategory),
      cl::desc("Judge by the first n windows or samples only (default: all)")};
  cl::opt<std::string> against{
      "against", cl::value_desc("float model"), cl::cat(judgeCategory),
      cl::desc("With --perplexity: mean KL divergence from this model in nats "
               "per token, and how often both prefer the same token; with "
               "--benchmark: how much faster the model is")};
  Flag<unsigned long> layerWindows{
      "layer-windows", cl::value_desc("n"), cl::cat(judgeCategory),
      cl::desc("With --report and --against: the divergence that each layer "
               "alone causes, on the first n windows; runs the float model n "
               "times per layer")};
  cl::list<std::string> require{
      "require", cl::value_desc("bounds"), cl::cat(judgeCategory),
      cl::desc(
          "Fail unless figures stay within bounds, such as "
          "perplexity<1.02x,kl<0.01,size<6MB (x: times the float model's); "
          "default: what the weights' width suggests")};
  cl::opt<std::string> report{
      "report", cl::value_desc("file.html|json|txt"), cl::cat(judgeCategory),
      cl::desc("Write size, error and codes of each layer, and what was "
               "measured")};
  Flag<bool> benchmark{
      "benchmark", cl::cat(judgeCategory),
      cl::desc("Time repeated runs on the inputs; a language model "
               "without inputs runs on one window of tokens")};
  Flag<bool> countRanges{
      "count-ranges", cl::cat(judgeCategory),
      cl::desc("Count what activations with static scales reach, and how many "
               "numbers are beyond what calibration foresaw")};
  Flag<unsigned> generate{
      "generate", cl::value_desc("n"), cl::cat(textCategory),
      cl::desc("Continue the prompt by n tokens: the text goes to "
               "standard output, the figures to standard "
               "error")};
  cl::opt<std::string> prompt{"prompt", cl::value_desc("text"),
                              cl::cat(textCategory),
                              cl::desc("Text to continue")};
  cl::list<unsigned> promptTokens{
      "prompt-tokens", cl::value_desc("ids"), cl::CommaSeparated,
      cl::cat(textCategory),
      cl::desc("Tokens to continue, in the place of --prompt; without "
               "--tokenizer, ids are what is printed")};
  cl::opt<std::string> kvCache{
      "kv-cache", cl::value_desc("f32|f16|int8|int4|none"), cl::init("f32"),
      cl::cat(textCategory),
      cl::desc(
          "How keys and values of earlier tokens are kept (default f32); "
          "none keeps none, and computes each token from --window tokens")};
  Flag<unsigned long> maxLength{
      "max-length", cl::value_desc("n"), cl::cat(textCategory),
      cl::desc("Tokens of the longest text that the cache has room for "
               "(default: what the text needs)")};
  cl::opt<std::string> tokenizer{
      "tokenizer", cl::value_desc("bpe_merges.json"), cl::cat(textCategory),
      cl::desc("Merges of a byte-level byte-pair encoding")};
  Flag<double> temperature{
      "temperature", cl::value_desc("t"), cl::init(0.0), cl::cat(textCategory),
      cl::desc("0 takes the most likely token (default), 1 draws as the model "
               "predicts")};
  Flag<unsigned long> topK{
      "top-k", cl::value_desc("k"), cl::init(0), cl::cat(textCategory),
      cl::desc("Draw from the k most likely tokens only (default: all)")};
  Flag<unsigned long> seed{"seed", cl::value_desc("n"), cl::init(0),
                           cl::cat(textCategory),
                           cl::desc("Seed of the draws (default 0)")};
  cl::opt<std::string> browser{
      "browser", cl::ValueOptional,
      cl::value_desc("chrome|edge|chromium|firefox|PATH|any"),
      cl::cat(browserCategory),
      cl::desc("Run a web module in this browser, without a window (default: "
               "the first that is installed), and print what it takes; any "
               "prints an address for a browser that you open")};
  Flag<bool> showBrowser{"show-browser", cl::cat(browserCategory),
                         cl::desc("Give the browser a window")};
  Flag<unsigned> runs{
      "runs", cl::value_desc("n"), cl::init(20), cl::cat(browserCategory),
      cl::desc("Runs, or tokens of a decoder without --generate, that are "
               "timed (default 20)")};
  Flag<unsigned> warmUp{"warm-up", cl::value_desc("n"), cl::init(2),
                        cl::cat(browserCategory),
                        cl::desc("Runs before those (default 2)")};
  cl::opt<std::string> variant{
      "variant", cl::value_desc("name"), cl::cat(browserCategory),
      cl::desc("One of the module's variants (default: its own choice)")};
  cl::opt<std::string> precision{
      "precision", cl::value_desc("name"), cl::cat(browserCategory),
      cl::desc("One of the module's precisions, if it has several (default: "
               "the first)")};
  Flag<unsigned> timeout{"timeout", cl::value_desc("seconds"), cl::init(300),
                         cl::cat(browserCategory),
                         cl::desc("When to give the browser up (default 300)")};
};

/// Unregisters every option but LLVM's own --help and --version.
void removeForeignOptions() {
  llvm::SmallVector<cl::Option *> foreign;
  for (const auto &entry : cl::getRegisteredOptions())
    if (!llvm::is_contained({"help", "version"}, entry.first))
      foreign.push_back(entry.second);
  for (cl::Option *option : foreign)
    option->removeArgument();
}

} // namespace

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

/// More than any machine has; OpenMP dies where it can't start them.
static constexpr uint64_t kMaxThreads = 4096;
/// More tokens or windows than anyone waits for; sums of them don't overflow.
static constexpr uint64_t kMaxCount = uint64_t(1) << 31;
/// A time for each of them comes back from a browser.
static constexpr uint64_t kMaxRuns = 100000;

/// Counts that are given must count something.
static llvm::Error checkCounts(const Flags &flags) {
  struct {
    const cl::Option &flag;
    uint64_t value, most;
  } counts[] = {{flags.threads, flags.threads, kMaxThreads},
                {flags.window, flags.window, kMaxCount},
                {flags.windows, flags.windows, kMaxCount},
                {flags.layerWindows, flags.layerWindows, kMaxCount},
                {flags.generate, flags.generate, kMaxCount},
                {flags.topK, flags.topK, kMaxCount},
                {flags.maxLength, flags.maxLength, kMaxCount},
                {flags.runs, flags.runs, kMaxRuns},
                {flags.timeout, flags.timeout, kMaxCount}};
  for (const auto &count : counts)
    if (count.flag.getNumOccurrences() &&
        (count.value == 0 || count.value > count.most))
      return makeError("--" + count.flag.ArgStr + " must be 1 to " +
                       llvm::Twine(count.most) + ", found " +
                       llvm::Twine(count.value));
  if (!flags.perplexity.empty() && flags.window < 2)
    return makeError("--perplexity requires a --window of at least 2 tokens, "
                     "each of which predicts the next, found 1");
  return llvm::Error::success();
}

/// What a browser does is less than what this tool does itself.
static llvm::Error checkBrowser(const Flags &flags) {
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
static llvm::Error checkEffects(const Flags &flags) {
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

static llvm::Error readBounds(const Flags &flags, RunOptions &options) {
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

/// Checks of values.
static llvm::Error checkOptions(const RunOptions &options) {
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

/// LLVM's lines about the command line, each of which begins with the name of
/// the program, as one.
static std::string describeParseErrors(llvm::StringRef message) {
  llvm::SmallVector<llvm::StringRef> lines;
  message.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef &line : lines)
    line.consume_front("quant-run: ");
  return llvm::join(lines, " ");
}

static WebRunOptions readWebOptions(const Flags &flags) {
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

llvm::Expected<RunOptions> lowbit::parseRunOptions(int argc, char **argv) {
  removeForeignOptions();
  static Flags flags;
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "quant-run " << LOWBIT_VERSION << " (LLVM " << LLVM_VERSION_STRING
       << ")\n";
  });
  std::string message;
  llvm::raw_string_ostream errors(message);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "Runs a float or quantized model on this machine's CPU, or a web "
          "module in a\nbrowser, and says how good, how large and how fast it "
          "is.\n",
          &errors)) {
    // A bad value is reported on standard error already, as one error.
    if (message.empty())
      std::exit(EXIT_FAILURE);
    return makeError(describeParseErrors(message));
  }
  // All options that are left are this tool's.
  if (llvm::Error error =
          checkGivenOnce([](const cl::Option &) { return true; }))
    return error;
  if (llvm::Error error = checkCounts(flags))
    return error;
  if (llvm::Error error = checkBrowser(flags))
    return error;
  if (llvm::Error error = checkEffects(flags))
    return error;
  RunOptions options;
  options.models.assign(flags.models.begin(), flags.models.end());
  options.load.threads = flags.threads;
  options.load.remarks = &llvm::errs();
  options.load.dimensions = flags.shape;
  options.load.reference = flags.reference;
  options.load.floatActivations = flags.floatActivations;
  options.load.disabledPatterns.assign(flags.disablePatterns.begin(),
                                       flags.disablePatterns.end());
  if (llvm::Error error = readMachine(flags.tuning, options.machine))
    return std::move(error);
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
  if (llvm::Error error = readBounds(flags, options))
    return error;
  options.benchmark = flags.benchmark;
  options.countsRanges = flags.countRanges;
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
  options.json = flags.json;
  if (flags.browser.getNumOccurrences())
    options.web = readWebOptions(flags);
  if (llvm::Error error = checkOptions(options))
    return error;
  return options;
}
