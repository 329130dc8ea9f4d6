//===- Compiler.h - a model through the phases ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler as a library: the phases in order, from a float module to LLVM
// dialect. The driver adds files and flags to this, no logic.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMPILER_H
#define LOWBIT_TOOLS_COMPILER_H

#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/MachineTuning.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>
#include <string>

namespace lowbit {

class Profile;
struct PrecisionFindings;

/// The documented forms of a module, in order. A module in one of them can be
/// printed, and compilation resumes from it: phases leave what they have done
/// already alone.
enum class Phase { Import, Raise, Quantize, Fuse, Pack, Lower };

/// What the phases need to know.
struct CompileOptions {
  /// Quantization method by name; `none` keeps weights as they are.
  std::string method = "none";
  /// How scales are found: `mse`, `importance` (which needs statistics) or
  /// `absmax`; empty for the first that statistics allow.
  std::string scaleSearch;
  /// How ranges of static activations are chosen; empty for `minmax`.
  std::string observer;
  /// Whether functions count what activations with static scales reach
  /// (`lowbit-count-ranges`).
  bool countsRanges = false;
  /// How much of the activations' outliers moves to the weights, 0 to 1; none
  /// where there is no value.
  std::optional<double> smoothing;
  /// How far a column that is smoothed reaches; empty for `minmax`.
  std::string smoothObserver;
  /// Rotate residual streams, and when the model runs the inputs of layers
  /// whose names match one of the globs.
  bool rotate = false;
  std::vector<std::string> rotateOnline;
  /// Percentage of each row's weights kept in f16 (`lowbit-split-weights`),
  /// columns of an input kept so (`lowbit-split-columns`), and the percentile
  /// at which weights are clipped; 0 for none.
  double outliers = 0, clip = 0;
  unsigned outlierColumns = 0;
  /// Factors of scales, GLOB=F, which go before those in `rules` and `config`.
  std::vector<std::string> scaleFactors;
  /// Passes over the finished codes of `gptq-` methods.
  unsigned sweeps = 0;
  /// The rules by which layers get encodings, as JSON, and a file with them.
  std::string rules, config;
  /// How a budget is spent, among which methods, and what it is; see
  /// `lowbit-assign-precision`.
  std::string strategy = "hessian", budget;
  std::vector<std::string> candidates;
  /// For budgets that the model is run for (see PrecisionSearch.h): samples
  /// that decide, and as many that decisions are checked on; a file that keeps
  /// what was measured; the right classes of samples; what was found.
  uint64_t measureSamples = 16;
  std::string sensitivity, labels;
  PrecisionFindings *findings = nullptr;
  /// What is made least: `size` or `latency`. A device to fit, instead of a
  /// budget: `memory=64MiB,min-accuracy=0.95`.
  std::string objective = "size", fitDevice;
  /// What the model is calibrated with after it is raised; without `data` and
  /// `statistics` it is not.
  CalibrationOptions calibration;
  /// Calibrate layers in order, each with what it reads once those before it
  /// are quantized, and make up for their errors; see `tuneLayers`.
  bool sequential = false;
  /// In sequence: samples at the end that layers are judged by, not fit to.
  /// With some, a layer is rounded to nearest where that is better on them.
  uint64_t heldOut = 0;
  /// In sequence: methods of which each layer gets the one with the least error
  /// on held-out samples; empty for `method` alone.
  std::vector<std::string> tuneMethods;
  /// Spend the budget on rates of columns, `method` being a trellis: see
  /// `assignTrellisRates`.
  bool spendsOnRates = false;
  /// In sequence: the share of the drift of the residual stream that layers
  /// which write to it make up for.
  double residualShare = 0.5;
  /// In sequence: a folder for what is finished, by which a run that was ended
  /// goes on; empty for none.
  std::string resume;
  /// The statistics file to read, or to write.
  std::string statistics;
  /// Sees the statistics, if there are any.
  std::function<void(const CalibrationStatistics &)> seeStatistics;
  /// Quantize embedding tables and the head, too.
  bool includeEmbeddings = false;
  /// Fail if a weight stays float that was to be quantized.
  bool strict = false;
  /// Keep the floats that weights are rounded from, beside their codes, for who
  /// rounds them when the model is loaded (`lowbit.float_source`).
  bool keepSources = false;
  /// What code is for: `cpu`, or `spirv`, a GPU.
  std::string target = "cpu";
  /// CPU by LLVM's name, or `native`, or `portable`.
  std::string cpu = "native";
  /// Machine by LLVM's name; empty for this one.
  std::string triple;
  /// The machine whose tiles and other choices code takes, and by which time is
  /// predicted; see `readTuning`.
  MachineTuning machine;
  /// Multiply weights by f32 activations, not by 16-bit ones in two bytes.
  bool floatActivations = false;
  /// How a KV cache stores numbers: f32, f16, int8 or int4; empty for a model
  /// without one. With a cache, `@main` becomes `@prefill` and `@decode` at
  /// the end of the phase of fusing.
  std::string kvCache;
  /// Tokens of the longest text that fits into the cache.
  int64_t maxLength = 2048;
  /// Tokens that `@prefill` takes at once on a GPU, where the cache has room
  /// for them: enough for tiles of matrix products, few enough that a short
  /// prompt isn't mostly padding.
  int64_t prefillLength = 32;
  /// Whether tasks run on OpenMP threads, or one after another.
  bool parallel = true;
  /// Bytes of which the address of every buffer is a multiple; 0 for no more
  /// than its elements need, which is all that code relies on.
  unsigned bufferAlignment = 64;
  /// Compute tiles of AMX by loops, so that code for a CPU that has them runs
  /// on one that doesn't.
  bool emulateTiles = false;
  /// Compute every layer by the linalg reference, without kernels.
  bool reference = false;
  /// Patterns of the raise and fuse phases to leave out, by name.
  std::vector<std::string> disabledPatterns;
  /// Free the data of weights as soon as a later form replaces them, for least
  /// memory. Other modules of the context that share the data lose them.
  bool releaseData = false;
  /// Where time and memory of each phase go, if anywhere.
  Profile *profile = nullptr;
};

/// The name of a phase, as `--phase` spells it.
llvm::StringRef getPhaseName(Phase phase);

/// The options that decide the numbers of the result, as words of a command
/// line without dashes; what an artefact's provenance says.
std::string describeRecipe(const CompileOptions &options);

/// Adds the passes of one phase.
void addPhase(mlir::OpPassManager &manager, Phase phase,
              const CompileOptions &options);

/// Says what is wrong with `options` without a model at hand: texts that cannot
/// be read, files that are missing, damaged or cannot be written. For the
/// beginning of work that takes long; `context` has the registered dialects.
llvm::Error checkOptions(const CompileOptions &options,
                         mlir::MLIRContext &context);

/// The rule by which scales are found: the one that is asked for, or the one
/// that fits what is known.
std::string getScaleSearch(const CompileOptions &options);

/// Whether `options` ask for statistics.
bool wantsStatistics(const CompileOptions &options);

/// Runs the phases from `first` up to and including `last`. Error diagnostics
/// become the error's text; remarks and warnings go to the context's handlers.
llvm::Error compileModule(mlir::ModuleOp module, Phase last,
                          const CompileOptions &options,
                          Phase first = Phase::Import);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMPILER_H
