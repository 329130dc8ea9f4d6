//===- QuantizingFlags.h - how layers become codes --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_QUANTIZINGFLAGS_H
#define LOWBIT_TOOLS_QUANTOPT_QUANTIZINGFLAGS_H

#include "lowbit/Tools/Flags.h"
#include "lowbit/Tools/Tune.h"

namespace lowbit {

/// How weights and activations become codes.
struct QuantizingFlags {
  llvm::cl::OptionCategory quantizing{"Quantizing layers"};
  llvm::cl::opt<std::string> quantize{
      "quantize", llvm::cl::cat(quantizing), llvm::cl::value_desc("method"),
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
  llvm::cl::opt<std::string> like{
      "like", llvm::cl::cat(quantizing), llvm::cl::value_desc("quantized.mlir"),
      llvm::cl::desc("Quantize onto the grid of an artefact: its encodings and "
                     "scales, with the nearest codes")};
  llvm::cl::opt<std::string> scaleSearch{
      "scale-search", llvm::cl::cat(quantizing),
      llvm::cl::value_desc("mse|importance|absmax"),
      llvm::cl::desc(
          "How scales are found: least squared error, the same weighted by "
          "what "
          "calibration says of each column (the default with it), or the "
          "largest magnitude")};
  Flag<double> outliers{
      "outliers", llvm::cl::cat(quantizing), llvm::cl::value_desc("percent"),
      llvm::cl::desc("Keep so many percent of each row's weights, the largest, "
                     "in f16 as a sparse part")};
  Flag<unsigned> outlierColumns{
      "outlier-columns", llvm::cl::cat(quantizing), llvm::cl::value_desc("n"),
      llvm::cl::desc("Keep at most so many columns of a layer in f16: those "
                     "whose activations are outliers")};
  Flag<double> clip{
      "clip", llvm::cl::cat(quantizing), llvm::cl::value_desc("percentile"),
      llvm::cl::desc("Clip the weights of each row at this percentile of their "
                     "magnitudes")};
  llvm::cl::list<std::string> scaleFactors{
      "scale-factor", llvm::cl::cat(quantizing), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("glob=f"),
      llvm::cl::desc("Multiply the scales that layers get, by name")};
  Flag<bool> rotate{
      "rotate", llvm::cl::cat(quantizing),
      llvm::cl::desc("Spread outliers over all columns of the residual stream "
                     "(Hadamard), at no cost when the model runs")};
  llvm::cl::list<std::string> rotateOnline{
      "rotate-online", llvm::cl::cat(quantizing), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("globs"),
      llvm::cl::desc("With --rotate: layers whose inputs are rotated, too, "
                     "when the model runs")};
  Flag<double> smooth{
      "smooth", llvm::cl::cat(quantizing), llvm::cl::value_desc("0 to 1"),
      llvm::cl::desc("Move outliers of activations to weights: how much of "
                     "them (SmoothQuant; 0.5 is customary)")};
  llvm::cl::opt<std::string> smoothObserver{
      "smooth-observer", llvm::cl::cat(quantizing),
      llvm::cl::value_desc("minmax|moving_average|percentile|mse|entropy"),
      llvm::cl::desc("With --smooth: how far a column of an activation "
                     "reaches (minmax)")};
  llvm::cl::opt<std::string> observer{
      "observer", llvm::cl::cat(quantizing),
      llvm::cl::value_desc("minmax|moving_average|percentile|mse|entropy"),
      llvm::cl::desc("How ranges of static activations are chosen from what "
                     "calibration saw (minmax)")};
  Flag<bool> countRanges{
      "count-ranges", llvm::cl::cat(quantizing),
      llvm::cl::desc("The model counts what activations with static scales "
                     "reach when it runs, and yields that as one more output, "
                     "activation_ranges")};
  Flag<bool> includeEmbeddings{
      "include-embeddings", llvm::cl::cat(quantizing),
      llvm::cl::desc("Quantize embedding tables and the output head, too")};
  Flag<bool> strict{
      "strict", llvm::cl::cat(quantizing),
      llvm::cl::desc("Fail if a weight stays float that was to be quantized, "
                     "instead of a remark")};
  Flag<bool> sequential{
      "sequential", llvm::cl::cat(quantizing),
      llvm::cl::desc("Calibrate layers in order, each with what it reads once "
                     "those before it are quantized, and make up for their "
                     "errors (gptq- methods and trellises)")};
  Flag<bool> optimizeForAccuracy{
      "optimize-for-accuracy", llvm::cl::cat(quantizing),
      llvm::cl::desc(
          "Spend time on accuracy: --sequential with sweeps, and for "
          "each layer the best of --candidates, or the widths that a "
          "budget is best spent on")};
  Flag<CodeChoice> codes{
      "codes", llvm::cl::cat(quantizing), llvm::cl::init(CodeChoice::Any),
      llvm::cl::desc("What --optimize-for-accuracy spends a budget on:"),
      llvm::cl::values(
          clEnumValN(
              CodeChoice::Any, "any",
              "trellises, where the budget is at most 5 bits per weight"),
          clEnumValN(CodeChoice::Integers, "integer", "integers alone"))};
  Flag<uint64_t> heldOut{
      "hold-out", llvm::cl::cat(quantizing), llvm::cl::value_desc("n"),
      llvm::cl::desc(
          "With --sequential: the last n samples are held out, and a "
          "layer that is worse on them than plain rounding is "
          "rounded plainly")};
  Flag<unsigned> sweeps{
      "sweeps", llvm::cl::cat(quantizing), llvm::cl::value_desc("n"),
      llvm::cl::desc("Passes over the finished codes of gptq- methods and "
                     "trellises")};
  llvm::cl::opt<std::string> resume{
      "resume", llvm::cl::cat(quantizing), llvm::cl::value_desc("folder"),
      llvm::cl::desc("Keep here what is found out and finished; started again, "
                     "go on from there")};
  Flag<bool> quantizeInPage{
      "quantize-in-page", llvm::cl::cat(quantizing),
      llvm::cl::desc("For web modules: shards hold the model's floats, and the "
                     "page rounds them to the same bytes as they arrive")};
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_QUANTIZINGFLAGS_H
