//===- Driver.h - model in, artefact out ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_DRIVER_H
#define LOWBIT_TOOLS_QUANTOPT_DRIVER_H

#include "lowbit/CodeGen/Web/WebFiles.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Flags.h"
#include "lowbit/Tools/Tune.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// What `quant-opt` writes.
enum class EmitKind {
  MLIR,
  Bytecode,
  LLVM,
  Assembly,
  Object,
  Shared,
  Wasm,
  ONNX,
  SPIRV,
  Web
};

/// The flags of one-line use. They map to pass options; construct one before
/// the command line is parsed.
struct DriverOptions {
  llvm::cl::OptionCategory category{"Compiling a model"};
  llvm::cl::OptionCategory inspectCategory{"Looking at what was written"};
  llvm::cl::opt<std::string> verify{
      "verify", llvm::cl::cat(inspectCategory), llvm::cl::value_desc("file"),
      llvm::cl::desc("Check an artefact or program: form, checksums, "
                     "parameters, provenance")};
  llvm::cl::list<std::string> diff{
      "diff", llvm::cl::cat(inspectCategory), llvm::cl::multi_val(2),
      llvm::cl::value_desc("a> <b"),
      llvm::cl::desc("Compare two models weight by weight: encodings, sizes, "
                     "and the error of the second against the first")};
  Flag<bool> weightStatistics{
      "weight-statistics", llvm::cl::cat(inspectCategory),
      llvm::cl::desc("Show what the float weights of a model are like: "
                     "distribution, entropy, outliers, and what each of "
                     "--candidates would cost")};
  Flag<bool> json{
      "json", llvm::cl::cat(inspectCategory),
      llvm::cl::desc("With --verify, --diff, --print-statistics and "
                     "--weight-statistics: print JSON")};
  llvm::cl::OptionCategory tuneCategory{"Measuring this machine"};
  Flag<bool> tune{
      "tune", llvm::cl::cat(tuneCategory),
      llvm::cl::desc("Measure this machine, and which tile sizes and other "
                     "choices of CPU code are fastest on it, to -o FILE.json "
                     "for --tuning; with a model, on its layers")};
  Flag<double> tuneSeconds{
      "tune-seconds", llvm::cl::cat(tuneCategory), llvm::cl::init(60),
      llvm::cl::value_desc("s"),
      llvm::cl::desc("Time after which the rest is left to the cost model")};
  llvm::cl::list<std::string> tuneChoices{
      "tune-choices", llvm::cl::cat(tuneCategory), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("names"),
      llvm::cl::desc("Measure these choices alone, and constants")};
  Flag<bool> printTuningSchema{
      "print-tuning-schema", llvm::cl::cat(tuneCategory),
      llvm::cl::desc("Print the JSON Schema of such files")};
  llvm::cl::OptionCategory passCategory{
      "Running passes", "Passes are flags: --lowbit-raise, "
                        "--lowbit-quantize=method=int4-g32 and so on"};
  llvm::cl::opt<std::string> quantize{
      "quantize", llvm::cl::cat(category), llvm::cl::value_desc("method"),
      llvm::cl::init("none"),
      llvm::cl::desc(
          "Quantize the weights of linear layers: int<b> or uint<b> "
          "(asymmetric) with b = 1 to 8, per channel or with "
          "-g<group>, and -a8 for int8 activations; such as int4-g32. "
          "Or a format by name: nf4, fp4, bnb-fp4, fp8-e4m3, fp8-e5m2, "
          "mxfp4, mxfp6-e2m3, mxfp6-e3m2, mxfp8-e4m3, mxfp8-e5m2, mxint8, "
          "nvfp4, ternary, cb2, cb2-uniform, q2_k to q6_k, kmeans<b>, "
          "trellis<bits>; with gptq- or awq- before it. README.md has the "
          "table. "
          "none keeps them float. A list, for a web module that has a "
          "precision for each")};
  llvm::cl::opt<std::string> scaleSearch{
      "scale-search", llvm::cl::cat(category),
      llvm::cl::value_desc("mse|importance|absmax"),
      llvm::cl::desc(
          "How scales are found: least squared error, the same weighted by "
          "what "
          "calibration says of each column (the default with it), or the "
          "largest magnitude")};
  Flag<double> outliers{
      "outliers", llvm::cl::cat(category), llvm::cl::value_desc("percent"),
      llvm::cl::desc("Keep so many percent of each row's weights, the largest, "
                     "in f16 as a sparse part")};
  Flag<unsigned> outlierColumns{
      "outlier-columns", llvm::cl::cat(category), llvm::cl::value_desc("n"),
      llvm::cl::desc("Keep at most so many columns of a layer in f16: those "
                     "whose activations are outliers")};
  Flag<double> clip{
      "clip", llvm::cl::cat(category), llvm::cl::value_desc("percentile"),
      llvm::cl::desc("Clip the weights of each row at this percentile of their "
                     "magnitudes")};
  llvm::cl::list<std::string> scaleFactors{
      "scale-factor", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("glob=f"),
      llvm::cl::desc("Multiply the scales that layers get, by name")};
  llvm::cl::opt<std::string> kvCache{
      "kv-cache", llvm::cl::cat(category),
      llvm::cl::value_desc("f32|f16|int8|int4"),
      llvm::cl::desc("Make a causal decoder one that extends a text token by "
                     "token: functions @prefill and @decode, with a cache of "
                     "keys and values that stores numbers like this")};
  Flag<int64_t> maxLength{
      "max-length", llvm::cl::cat(category), llvm::cl::value_desc("n"),
      llvm::cl::init(2048),
      llvm::cl::desc("With --kv-cache: tokens of the longest text (default "
                     "2048)")};
  Flag<int64_t> prefillLength{
      "prefill-length", llvm::cl::cat(category), llvm::cl::value_desc("n"),
      llvm::cl::init(32),
      llvm::cl::desc("With --kv-cache, for GPUs: tokens of a prompt that are "
                     "computed at once (default 32)")};
  Flag<bool> rotate{
      "rotate", llvm::cl::cat(category),
      llvm::cl::desc("Spread outliers over all columns of the residual stream "
                     "(Hadamard), at no cost when the model runs")};
  llvm::cl::list<std::string> rotateOnline{
      "rotate-online", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("globs"),
      llvm::cl::desc("With --rotate: layers whose inputs are rotated, too, "
                     "when the model runs")};
  Flag<double> smooth{
      "smooth", llvm::cl::cat(category), llvm::cl::value_desc("0 to 1"),
      llvm::cl::desc("Move outliers of activations to weights: how much of "
                     "them (SmoothQuant; 0.5 is customary)")};
  llvm::cl::opt<std::string> smoothObserver{
      "smooth-observer", llvm::cl::cat(category),
      llvm::cl::value_desc("minmax|moving_average|percentile|mse|entropy"),
      llvm::cl::desc("With --smooth: how far a column of an activation "
                     "reaches (minmax)")};
  llvm::cl::opt<std::string> observer{
      "observer", llvm::cl::cat(category),
      llvm::cl::value_desc("minmax|moving_average|percentile|mse|entropy"),
      llvm::cl::desc("How ranges of static activations are chosen from what "
                     "calibration saw (minmax)")};
  Flag<bool> countRanges{
      "count-ranges", llvm::cl::cat(category),
      llvm::cl::desc("The model counts what activations with static scales "
                     "reach when it runs, and yields that as one more output, "
                     "activation_ranges")};
  llvm::cl::opt<std::string> calibrate{
      "calibrate", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc(
          "Run the float model on samples to learn what its layers "
          "read: token ids (.bin), or arrays of inputs (.npy, .npz)")};
  Flag<uint64_t> calibrationSamples{
      "calibration-samples", llvm::cl::cat(category), llvm::cl::init(128),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("At most this many samples; 0 for all")};
  Flag<uint64_t> calibrationWindow{
      "calibration-window", llvm::cl::cat(category), llvm::cl::init(256),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("Tokens of a sample of a token file")};
  Flag<uint64_t> calibrationMemory{
      "calibration-memory", llvm::cl::cat(category), llvm::cl::init(2048),
      llvm::cl::value_desc("MiB"),
      llvm::cl::desc("What activations and sums may take; layers are "
                     "calibrated in as many groups as that needs")};
  Flag<bool> secondMoments{
      "second-moments", llvm::cl::cat(category),
      llvm::cl::desc("Record products of columns, too, which take the square "
                     "of a layer's input")};
  Flag<bool> columnRanges{
      "column-ranges", llvm::cl::cat(category),
      llvm::cl::desc("Record the histogram and moving range of each column, "
                     "too, which take 4 KiB for each")};
  Flag<OutputModel> gradients{
      "gradients",
      llvm::cl::cat(category),
      llvm::cl::ValueOptional,
      llvm::cl::init(OutputModel::None),
      llvm::cl::desc(
          "Record mean squares of the gradients of what layers yield, "
          "too, for labels drawn from the model; its output is"),
      llvm::cl::values(
          clEnumValN(OutputModel::Categorical, "categorical",
                     "logits along the last dimension"),
          clEnumValN(OutputModel::Gaussian, "gaussian", "means of variance 1"),
          clEnumValN(OutputModel::Automatic, "",
                     "logits if it is called so or counts the rows of an "
                     "embedding table, else means"))};
  llvm::cl::opt<std::string> gradientsOf{
      "gradients-of", llvm::cl::cat(category), llvm::cl::value_desc("output"),
      llvm::cl::desc("The output whose gradients are recorded, where several "
                     "are floats")};
  llvm::cl::list<std::string> calibrationLayers{
      "calibration-layers", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("globs"),
      llvm::cl::desc("Layers to observe, by the names of their weights; all "
                     "where none is given")};
  Flag<bool> sequential{
      "sequential", llvm::cl::cat(category),
      llvm::cl::desc("Calibrate layers in order, each with what it reads once "
                     "those before it are quantized, and make up for their "
                     "errors (gptq- methods and trellises)")};
  Flag<bool> optimizeForAccuracy{
      "optimize-for-accuracy", llvm::cl::cat(category),
      llvm::cl::desc(
          "Spend time on accuracy: --sequential with sweeps, and for "
          "each layer the best of --candidates, or the widths that a "
          "budget is best spent on")};
  Flag<CodeChoice> codes{
      "codes", llvm::cl::cat(category), llvm::cl::init(CodeChoice::Any),
      llvm::cl::desc("What --optimize-for-accuracy spends a budget on:"),
      llvm::cl::values(
          clEnumValN(
              CodeChoice::Any, "any",
              "trellises, where the budget is at most 5 bits per weight"),
          clEnumValN(CodeChoice::Integers, "integer", "integers alone"))};
  Flag<uint64_t> heldOut{
      "hold-out", llvm::cl::cat(category), llvm::cl::value_desc("n"),
      llvm::cl::desc(
          "With --sequential: the last n samples are held out, and a "
          "layer that is worse on them than plain rounding is "
          "rounded plainly")};
  llvm::cl::opt<std::string> resume{
      "resume", llvm::cl::cat(category), llvm::cl::value_desc("folder"),
      llvm::cl::desc("Keep here what is found out and finished; started again, "
                     "go on from there")};
  Flag<unsigned> sweeps{
      "sweeps", llvm::cl::cat(category), llvm::cl::value_desc("n"),
      llvm::cl::desc("Passes over the finished codes of gptq- methods and "
                     "trellises")};
  llvm::cl::opt<std::string> config{
      "precision", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc("Rules that give layers methods of their own, as JSON")};
  llvm::cl::opt<std::string> budget{
      "budget", llvm::cl::cat(category),
      llvm::cl::value_desc("bpw=|bytes=|reduction=,accuracy=,kl="),
      llvm::cl::desc(
          "What the weights may take: bits for each (bpw=3.5), bytes, "
          "or the share of f16 to save (reduction=50%); and floors that the "
          "least size is to meet on samples: the share of equal first choices "
          "(accuracy=0.95), the divergence in nats (kl=0.01)")};
  llvm::cl::list<std::string> candidates{
      "candidates", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("methods"),
      llvm::cl::desc("Methods to choose among for a budget")};
  llvm::cl::opt<std::string> strategy{
      "strategy", llvm::cl::cat(category), llvm::cl::init("hessian"),
      llvm::cl::value_desc("name"),
      llvm::cl::desc(
          "What a budget is spent by: what each layer's encoding was "
          "measured to cost the model on calibration data (measured), the "
          "error of layers' outputs on them (hessian), what that costs by the "
          "model's gradients (gradient), the entropy of weights (entropy), or "
          "one encoding for all (uniform)")};
  llvm::cl::opt<std::string> objective{
      "objective", llvm::cl::cat(category), llvm::cl::init("size"),
      llvm::cl::value_desc("size|latency"),
      llvm::cl::desc("What a budget is of, or floors are met by the least of: "
                     "bytes, or predicted time (--budget=latency=2ms)")};
  llvm::cl::opt<std::string> fitDevice{
      "fit-device", llvm::cl::cat(category),
      llvm::cl::value_desc("memory=,min-accuracy="),
      llvm::cl::desc(
          "Instead of a budget: the best of one width for all layers and "
          "mixes that a device with this memory can run (memory=64MiB) and "
          "that is accurate enough (min-accuracy=0.95); prints what was "
          "tried")};
  Flag<uint64_t> measureSamples{
      "measure-samples", llvm::cl::cat(category), llvm::cl::init(16),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("Samples that --strategy=measured and floors run the "
                     "model on, and at most as many that are held out; 0 for "
                     "all")};
  llvm::cl::opt<std::string> sensitivity{
      "sensitivity", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc("What --strategy=measured has measured, for other "
                     "budgets: read if it is there, then written with what "
                     "it lacked")};
  Flag<bool> quantizeInPage{
      "quantize-in-page", llvm::cl::cat(category),
      llvm::cl::desc("For web modules: shards hold the model's floats, and the "
                     "page rounds them to the same bytes as they arrive")};
  llvm::cl::opt<std::string> evaluate{
      "evaluate", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc("For web modules: run each precision and the float model "
                     "on samples, token ids (.bin) or arrays of inputs (.npy, "
                     ".npz); pages choose a precision by what comes out")};
  Flag<uint64_t> evaluateSamples{
      "evaluate-samples", llvm::cl::cat(category), llvm::cl::init(16),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("At most this many samples for --evaluate (16); 0 for "
                     "all")};
  llvm::cl::opt<std::string> labels{
      "labels", llvm::cl::cat(category), llvm::cl::value_desc("labels.npy"),
      llvm::cl::desc("The right classes of samples; accuracy is then the "
                     "share that is found")};
  llvm::cl::opt<std::string> statistics{
      "statistics", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc("Statistics file: read if it is there, written by "
                     "--calibrate if not")};
  llvm::cl::opt<std::string> printStatistics{
      "print-statistics", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc("Show what a statistics file holds")};
  llvm::cl::list<std::string> mergeStatistics{
      "merge-statistics", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("files"),
      llvm::cl::desc("Put statistics files of one model together, to -o")};
  Flag<bool> includeEmbeddings{
      "include-embeddings", llvm::cl::cat(category),
      llvm::cl::desc("Quantize embedding tables and the output head, too")};
  Flag<bool> strict{
      "strict", llvm::cl::cat(category),
      llvm::cl::desc("Fail if a weight stays float that was to be quantized, "
                     "instead of a remark")};
  llvm::cl::opt<std::string> target{
      "target", llvm::cl::cat(category),
      llvm::cl::value_desc("cpu|spirv|webgpu"),
      llvm::cl::desc(
          "Pack the weights for the kernels of this target: cpu, spirv, GPUs "
          "with Vulkan, or webgpu, browsers. Without a target they stay dense, "
          "the smallest "
          "file")};
  llvm::cl::opt<std::string> fallback{
      "fallback", llvm::cl::cat(category), llvm::cl::init("wasm"),
      llvm::cl::value_desc("wasm|none"),
      llvm::cl::desc("What a web module runs on in browsers without a GPU: "
                     "WebAssembly, or nothing")};
  llvm::cl::opt<std::string> mcpu{
      "mcpu", llvm::cl::cat(category), llvm::cl::init("native"),
      llvm::cl::value_desc("name"),
      llvm::cl::desc(
          "CPU that the code is for: native, portable, or a name that "
          "LLVM knows. A list separated by commas gives code for each; a "
          "program takes the first that its processor can run")};
  llvm::cl::opt<std::string> mtriple{
      "mtriple", llvm::cl::cat(category), llvm::cl::value_desc("name"),
      llvm::cl::desc("Machine that the code is for, if not this one, such as "
                     "aarch64-linux-gnu; needs --mcpu")};
  Flag<bool> printTargets{
      "print-targets", llvm::cl::cat(category),
      llvm::cl::desc("List the instruction sets with kernels of their own")};
  llvm::cl::opt<std::string> tuning{
      "tuning", llvm::cl::cat(category), llvm::cl::value_desc("file"),
      llvm::cl::desc(
          "What --tune has measured: tile sizes and other choices of "
          "code, and times for --objective=latency")};
  Flag<EmitKind> emit{
      "emit", llvm::cl::cat(category), llvm::cl::init(EmitKind::MLIR),
      llvm::cl::desc("What to write (else the extension of -o decides)"),
      llvm::cl::values(
          clEnumValN(EmitKind::MLIR, "mlir",
                     "IR as text, and its sidecar (.mlir)"),
          clEnumValN(EmitKind::Bytecode, "bytecode",
                     "IR as bytecode, and its sidecar (.mlirbc)"),
          clEnumValN(EmitKind::LLVM, "llvm", "LLVM IR (.ll)"),
          clEnumValN(EmitKind::Assembly, "asm", "assembly (.s)"),
          clEnumValN(EmitKind::Object, "object",
                     "object, its C header, and its weights (.o)"),
          clEnumValN(EmitKind::Shared, "shared",
                     "shared library, its C header, and its weights (.so)"),
          clEnumValN(EmitKind::Wasm, "wasm",
                     "module of WebAssembly, a script that loads and runs it, "
                     "and its weights; needs wasm-ld (.wasm)"),
          clEnumValN(EmitKind::ONNX, "onnx",
                     "the ONNX model with its low-bit weights behind "
                     "DequantizeLinear (.onnx)"),
          clEnumValN(EmitKind::SPIRV, "spirv",
                     "a manifest of buffers and dispatches, and SPIR-V with "
                     "the weights beside it; needs --target=spirv (.json)"),
          clEnumValN(EmitKind::Web, "web",
                     "a module for web pages, with its manifest and shards of "
                     "weights; needs --target=webgpu (.js)"))};
  llvm::cl::opt<std::string> graph{
      "graph", llvm::cl::cat(category), llvm::cl::value_desc("model.onnx"),
      llvm::cl::desc("With --emit=onnx: the model that the weights go back "
                     "into, if it is not the input")};
  llvm::cl::opt<std::string> like{
      "like", llvm::cl::cat(category), llvm::cl::value_desc("quantized.mlir"),
      llvm::cl::desc("Quantize onto the grid of an artefact: its encodings and "
                     "scales, with the nearest codes")};
  llvm::cl::opt<std::string> name{
      "name", llvm::cl::cat(category), llvm::cl::value_desc("identifier"),
      llvm::cl::desc("How the names in the C header begin (the default is the "
                     "output's name)")};
  Flag<bool> embedWeights{
      "embed-weights", llvm::cl::cat(category),
      llvm::cl::desc("Put the weights into the object or library, not into a "
                     "file beside it")};
  Flag<bool> serial{
      "serial", llvm::cl::cat(category),
      llvm::cl::desc("Code that runs on one thread and needs no OpenMP, as "
                     "WebAssembly always does")};
  llvm::cl::opt<std::string> linker{
      "linker", llvm::cl::cat(category), llvm::cl::value_desc("program"),
      llvm::cl::desc("Compiler driver that links a shared library (the default "
                     "is the first of clang-22, clang, gcc, cc), or linker of "
                     "WebAssembly (wasm-ld-22, wasm-ld)")};
  Flag<Phase> phase{
      "phase", llvm::cl::cat(category), llvm::cl::init(Phase::Lower),
      llvm::cl::desc("Stop after a phase"),
      llvm::cl::values(
          clEnumValN(Phase::Import, "import", "float model as linalg"),
          clEnumValN(Phase::Raise, "raise", "layers on float weights"),
          clEnumValN(Phase::Quantize, "quantize",
                     "weights as codes and scales"),
          clEnumValN(Phase::Fuse, "fuse", "layers with their epilogues"),
          clEnumValN(Phase::Pack, "pack", "weights in the target's layout"),
          clEnumValN(Phase::Lower, "lower",
                     "LLVM dialect (the default goes as "
                     "far as --emit and --target need)"))};
  llvm::cl::list<std::string> disablePatterns{
      "disable-patterns", llvm::cl::cat(category), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("names"),
      llvm::cl::desc("Patterns of raising and fusing to leave out, such as "
                     "attention_pattern or qkv")};
  llvm::cl::opt<std::string> report{
      "report", llvm::cl::cat(category),
      llvm::cl::value_desc("file.html|json|txt"),
      llvm::cl::desc("Write what quantizing cost and gained: bits, size, error "
                     "and codes of each layer")};
  llvm::cl::list<std::string> shape{
      "shape", llvm::cl::cat(category), llvm::cl::value_desc("name=value"),
      llvm::cl::desc("Fix a symbolic dimension of an ONNX model")};

  Flag<bool> timing{
      "timing", llvm::cl::cat(category),
      llvm::cl::desc("Print time and peak anonymous memory of each phase")};

  /// No flags: of a web module with several precisions, the one at hand, the
  /// manifests of those before it, and where the files of all of them go.
  std::string precision;
  std::vector<std::string> shares;
  WebFiles *webFiles = nullptr;
  /// Where to save the quantized model on the way, to be judged; empty for
  /// nowhere.
  std::string quantizedCopy;
  /// What the file of --tuning says, once `readMachine` has read it.
  MachineTuning machine;

  /// Leaves in `--help` what this tool and running passes need; the hundreds of
  /// options of MLIR's passes and LLVM's back ends stay in `--help-hidden`.
  /// Call it when all are registered, before the command line is parsed.
  void hideForeignOptions();
  /// An error where -o, or one of the options above that is no list, is given
  /// more than once.
  llvm::Error checkOccurrences() const;
  /// How many options of compiling are given.
  size_t countCompiling() const;
  /// Whether the command line asks for compiling rather than for passes.
  bool isUsed(llvm::StringRef input, llvm::StringRef output = "-") const;
  /// Whether it asks for looking at files.
  bool inspects() const {
    return verify.getNumOccurrences() || diff.getNumOccurrences();
  }
  /// Whether it asks for showing or merging statistics.
  bool isAboutStatistics() const {
    return printStatistics.getNumOccurrences() ||
           mergeStatistics.getNumOccurrences();
  }
  /// Whether it asks for measuring the machine, or how that is written.
  bool isAboutTuning() const { return tune || printTuningSchema; }
  /// The text above the options in `--help`.
  static llvm::StringRef help();
};

/// What `--print-statistics` and `--merge-statistics` ask for.
llvm::Error handleStatistics(llvm::StringRef input, llvm::StringRef output,
                             const DriverOptions &options);

/// What `--weight-statistics` asks for: no data, and nothing is written.
llvm::Error showWeightStatistics(llvm::StringRef input,
                                 const DriverOptions &options,
                                 const mlir::DialectRegistry &registry);

/// What `--tune` and `--print-tuning-schema` ask for.
llvm::Error handleTuning(llvm::StringRef input, llvm::StringRef output,
                         const DriverOptions &options,
                         const mlir::DialectRegistry &registry);

/// Reads the file of --tuning, if there is one; remarks if it is of another
/// processor than those that code is for.
llvm::Error readMachine(DriverOptions &options);

/// Does what --verify or --diff asks. False if what was verified has failed.
llvm::Expected<bool> inspectFiles(llvm::StringRef input,
                                  const DriverOptions &options,
                                  const mlir::DialectRegistry &registry);

/// Compiles the model at `input` and writes the artefact `output`, in the form
/// that --emit says, or else its extension. Nothing is left behind on an error.
llvm::Error compileFile(llvm::StringRef input, llvm::StringRef output,
                        DriverOptions &options,
                        const mlir::DialectRegistry &registry);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_DRIVER_H
