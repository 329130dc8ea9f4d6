//===- Flags.h - What quant-run understands ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTRUN_FLAGS_H
#define LOWBIT_TOOLS_QUANTRUN_FLAGS_H

#include "Options.h"
#include "lowbit/Tools/Flags.h"

namespace lowbit {

/// More than any machine has; OpenMP dies where it can't start them.
constexpr uint64_t kMaxThreads = 4096;
/// More tokens or windows than anyone waits for; sums of them don't overflow.
constexpr uint64_t kMaxCount = uint64_t(1) << 31;
/// A time for each of them comes back from a browser.
constexpr uint64_t kMaxRuns = 100000;

/// The flags. They exist only once the options of libLLVM and libMLIR are gone:
/// some have the same names, and none of them is meant for this tool.
struct RunFlags {
  llvm::cl::OptionCategory runCategory{"Running"};
  llvm::cl::OptionCategory judgeCategory{"Judging"};
  llvm::cl::OptionCategory textCategory{"Generating text"};
  llvm::cl::OptionCategory browserCategory{"Running in a browser"};
  llvm::cl::list<std::string> models{
      llvm::cl::Positional, llvm::cl::value_desc("model"),
      llvm::cl::cat(runCategory),
      llvm::cl::desc(
          "<model.onnx, model.mlir[bc] written by quant-opt, or with "
          "--browser model.webgpu.js>")};
  llvm::cl::list<std::string> input{
      "input", llvm::cl::value_desc("name=x.npy"), llvm::cl::cat(runCategory),
      llvm::cl::desc("Run on this input (repeat for each input)")};
  llvm::cl::list<std::string> output{
      "output", llvm::cl::value_desc("name=y.npy"), llvm::cl::cat(runCategory),
      llvm::cl::desc("Write this output to a file")};
  llvm::cl::list<std::string> shape{
      "shape", llvm::cl::value_desc("name=value"), llvm::cl::cat(runCategory),
      llvm::cl::desc("Fix a symbolic dimension of an ONNX model")};
  CountFlag<unsigned, kMaxThreads> threads{
      "threads", llvm::cl::value_desc("n"), llvm::cl::cat(runCategory),
      llvm::cl::desc("Threads to run on (default: all cores); results do "
                     "not depend on it")};
  Flag<bool> json{"json", llvm::cl::cat(runCategory),
                  llvm::cl::desc("Print one JSON object instead of text")};
  Flag<bool> reference{
      "reference", llvm::cl::cat(runCategory),
      llvm::cl::desc("Compute by the reference lowering, without "
                     "kernels (slow)")};
  llvm::cl::list<std::string> disablePatterns{
      "disable-patterns", llvm::cl::cat(runCategory), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("names"),
      llvm::cl::desc("Patterns of raising and fusing to leave out, such as "
                     "attention_pattern or qkv")};
  Flag<bool> floatActivations{
      "float-activations", llvm::cl::cat(runCategory),
      llvm::cl::desc(
          "Multiply low-bit weights by f32 activations instead of 16-bit "
          "ones")};
  llvm::cl::opt<std::string> tuning{
      "tuning", llvm::cl::cat(runCategory), llvm::cl::value_desc("file"),
      llvm::cl::desc(
          "Tile sizes and other choices of code that quant-opt --tune has "
          "measured")};
  llvm::cl::list<std::string> compare{
      "compare", llvm::cl::value_desc("name=y.npy"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Compare an output with a file: largest absolute "
                     "difference")};
  Flag<double> tolerance{
      "tolerance", llvm::cl::value_desc("t"), llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Fail if a comparison differs by more than this")};
  llvm::cl::opt<std::string> perplexity{
      "perplexity", llvm::cl::value_desc("tokens.bin"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Perplexity on a text of 16-bit token ids")};
  llvm::cl::opt<std::string> samples{
      "samples", llvm::cl::value_desc("x.npz|npy|bin"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "Run on samples, arrays of inputs by name or token ids: with "
          "--against how far outputs are from that model's, with --labels "
          "how often the right class comes first")};
  llvm::cl::opt<std::string> labels{
      "labels", llvm::cl::value_desc("labels.npy"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc("With --samples: the right class of each row of the first "
                     "output")};
  llvm::cl::list<std::string> recipes{
      "recipes", llvm::cl::value_desc("methods"), llvm::cl::cat(judgeCategory),
      llvm::cl::CommaSeparated,
      llvm::cl::desc(
          "Quantize each model by each of these methods, as quant-opt "
          "--quantize does without data, and judge what comes out; none "
          "is the model itself")};
  CountFlag<unsigned long, kMaxCount> window{
      "window", llvm::cl::value_desc("n"), llvm::cl::init(256),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Tokens the model sees at once (default 256)")};
  CountFlag<unsigned long, kMaxCount> windows{
      "windows", llvm::cl::value_desc("n"), llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "Judge by the first n windows or samples only (default: all)")};
  llvm::cl::opt<std::string> against{
      "against", llvm::cl::value_desc("float model"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "With --perplexity: mean KL divergence from this model in nats "
          "per token, and how often both prefer the same token; with "
          "--benchmark: how much faster the model is")};
  CountFlag<unsigned long, kMaxCount> layerWindows{
      "layer-windows", llvm::cl::value_desc("n"), llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "With --report and --against: the divergence that each layer "
          "alone causes, on the first n windows; runs the float model n "
          "times per layer")};
  llvm::cl::list<std::string> require{
      "require", llvm::cl::value_desc("bounds"), llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "Fail unless figures stay within bounds, such as "
          "perplexity<1.02x,kl<0.01,size<6MB (x: times the float model's); "
          "default: what the weights' width suggests")};
  llvm::cl::opt<std::string> report{
      "report", llvm::cl::value_desc("file.html|json|txt"),
      llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Write size, error and codes of each layer, and what was "
                     "measured")};
  Flag<bool> benchmark{
      "benchmark", llvm::cl::cat(judgeCategory),
      llvm::cl::desc("Time repeated runs on the inputs; a language model "
                     "without inputs runs on one window of tokens")};
  Flag<bool> countRanges{
      "count-ranges", llvm::cl::cat(judgeCategory),
      llvm::cl::desc(
          "Count what activations with static scales reach, and how many "
          "numbers are beyond what calibration foresaw")};
  CountFlag<unsigned, kMaxCount> generate{
      "generate", llvm::cl::value_desc("n"), llvm::cl::cat(textCategory),
      llvm::cl::desc("Continue the prompt by n tokens: the text goes to "
                     "standard output, the figures to standard "
                     "error")};
  llvm::cl::opt<std::string> prompt{"prompt", llvm::cl::value_desc("text"),
                                    llvm::cl::cat(textCategory),
                                    llvm::cl::desc("Text to continue")};
  FlagList<unsigned> promptTokens{
      "prompt-tokens", llvm::cl::value_desc("ids"), llvm::cl::CommaSeparated,
      llvm::cl::cat(textCategory),
      llvm::cl::desc("Tokens to continue, in the place of --prompt; without "
                     "--tokenizer, ids are what is printed")};
  llvm::cl::opt<std::string> kvCache{
      "kv-cache", llvm::cl::value_desc("f32|f16|int8|int4|none"),
      llvm::cl::init("f32"), llvm::cl::cat(textCategory),
      llvm::cl::desc(
          "How keys and values of earlier tokens are kept (default f32); "
          "none keeps none, and computes each token from --window tokens")};
  CountFlag<unsigned long, kMaxCount> maxLength{
      "max-length", llvm::cl::value_desc("n"), llvm::cl::cat(textCategory),
      llvm::cl::desc("Tokens of the longest text that the cache has room for "
                     "(default: what the text needs)")};
  llvm::cl::opt<std::string> tokenizer{
      "tokenizer", llvm::cl::value_desc("bpe_merges.json"),
      llvm::cl::cat(textCategory),
      llvm::cl::desc("Merges of a byte-level byte-pair encoding")};
  Flag<double> temperature{
      "temperature", llvm::cl::value_desc("t"), llvm::cl::init(0.0),
      llvm::cl::cat(textCategory),
      llvm::cl::desc(
          "0 takes the most likely token (default), 1 draws as the model "
          "predicts")};
  CountFlag<unsigned long, kMaxCount> topK{
      "top-k", llvm::cl::value_desc("k"), llvm::cl::init(0),
      llvm::cl::cat(textCategory),
      llvm::cl::desc("Draw from the k most likely tokens only (default: all)")};
  Flag<unsigned long> seed{"seed", llvm::cl::value_desc("n"), llvm::cl::init(0),
                           llvm::cl::cat(textCategory),
                           llvm::cl::desc("Seed of the draws (default 0)")};
  llvm::cl::opt<std::string> browser{
      "browser", llvm::cl::ValueOptional,
      llvm::cl::value_desc("chrome|edge|chromium|firefox|PATH|any"),
      llvm::cl::cat(browserCategory),
      llvm::cl::desc(
          "Run a web module in this browser, without a window (default: "
          "the first that is installed), and print what it takes; any "
          "prints an address for a browser that you open")};
  Flag<bool> showBrowser{"show-browser", llvm::cl::cat(browserCategory),
                         llvm::cl::desc("Give the browser a window")};
  CountFlag<unsigned, kMaxRuns> runs{
      "runs", llvm::cl::value_desc("n"), llvm::cl::init(20),
      llvm::cl::cat(browserCategory),
      llvm::cl::desc(
          "Runs, or tokens of a decoder without --generate, that are "
          "timed (default 20)")};
  Flag<unsigned> warmUp{"warm-up", llvm::cl::value_desc("n"), llvm::cl::init(2),
                        llvm::cl::cat(browserCategory),
                        llvm::cl::desc("Runs before those (default 2)")};
  llvm::cl::opt<std::string> variant{
      "variant", llvm::cl::value_desc("name"), llvm::cl::cat(browserCategory),
      llvm::cl::desc("One of the module's variants (default: its own choice)")};
  llvm::cl::opt<std::string> precision{
      "precision", llvm::cl::value_desc("name"), llvm::cl::cat(browserCategory),
      llvm::cl::desc(
          "One of the module's precisions, if it has several (default: "
          "the first)")};
  CountFlag<unsigned, kMaxCount> timeout{
      "timeout", llvm::cl::value_desc("seconds"), llvm::cl::init(300),
      llvm::cl::cat(browserCategory),
      llvm::cl::desc("When to give the browser up (default 300)")};
};

/// What is wrong with flags by themselves, and with one beside others.
llvm::Error checkFlags(const RunFlags &flags);

/// What is wrong with the values that they stand for.
llvm::Error checkOptions(const RunOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTRUN_FLAGS_H
