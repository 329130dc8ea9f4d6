//===- PrecisionFlags.h - which layer gets which bits -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_PRECISIONFLAGS_H
#define LOWBIT_TOOLS_QUANTOPT_PRECISIONFLAGS_H

#include "lowbit/Tools/Flags.h"

namespace lowbit {

/// Which layer gets which method, and by what that is judged.
struct PrecisionFlags {
  llvm::cl::OptionCategory choosing{"Choosing precisions"};
  llvm::cl::opt<std::string> config{
      "precision", llvm::cl::cat(choosing), llvm::cl::value_desc("file"),
      llvm::cl::desc("Rules that give layers methods of their own, as JSON")};
  llvm::cl::opt<std::string> budget{
      "budget", llvm::cl::cat(choosing),
      llvm::cl::value_desc("bpw=|bytes=|reduction=,accuracy=,kl="),
      llvm::cl::desc(
          "What the weights may take: bits for each (bpw=3.5), bytes, "
          "or the share of f16 to save (reduction=50%); and floors that the "
          "least size is to meet on samples: the share of equal first choices "
          "(accuracy=0.95), the divergence in nats (kl=0.01)")};
  llvm::cl::list<std::string> candidates{
      "candidates", llvm::cl::cat(choosing), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("methods"),
      llvm::cl::desc("Methods to choose among for a budget")};
  llvm::cl::opt<std::string> strategy{
      "strategy", llvm::cl::cat(choosing), llvm::cl::init("hessian"),
      llvm::cl::value_desc("name"),
      llvm::cl::desc(
          "What a budget is spent by: what each layer's encoding was "
          "measured to cost the model on calibration data (measured), the "
          "error of layers' outputs on them (hessian), what that costs by the "
          "model's gradients (gradient), the entropy of weights (entropy), or "
          "one encoding for all (uniform)")};
  llvm::cl::opt<std::string> objective{
      "objective", llvm::cl::cat(choosing), llvm::cl::init("size"),
      llvm::cl::value_desc("size|latency"),
      llvm::cl::desc("What a budget is of, or floors are met by the least of: "
                     "bytes, or predicted time (--budget=latency=2ms)")};
  llvm::cl::opt<std::string> fitDevice{
      "fit-device", llvm::cl::cat(choosing),
      llvm::cl::value_desc("memory=,min-accuracy="),
      llvm::cl::desc(
          "Instead of a budget: the best of one width for all layers and "
          "mixes that a device with this memory can run (memory=64MiB) and "
          "that is accurate enough (min-accuracy=0.95); prints what was "
          "tried")};
  Flag<uint64_t> measureSamples{
      "measure-samples", llvm::cl::cat(choosing), llvm::cl::init(16),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("Samples that --strategy=measured and floors run the "
                     "model on, and at most as many that are held out; 0 for "
                     "all")};
  llvm::cl::opt<std::string> sensitivity{
      "sensitivity", llvm::cl::cat(choosing), llvm::cl::value_desc("file"),
      llvm::cl::desc("What --strategy=measured has measured, for other "
                     "budgets: read if it is there, then written with what "
                     "it lacked")};
  llvm::cl::opt<std::string> evaluate{
      "evaluate", llvm::cl::cat(choosing), llvm::cl::value_desc("file"),
      llvm::cl::desc("For web modules: run each precision and the float model "
                     "on samples, token ids (.bin) or arrays of inputs (.npy, "
                     ".npz); pages choose a precision by what comes out")};
  Flag<uint64_t> evaluateSamples{
      "evaluate-samples", llvm::cl::cat(choosing), llvm::cl::init(16),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("At most this many samples for --evaluate (16); 0 for "
                     "all")};
  llvm::cl::opt<std::string> labels{
      "labels", llvm::cl::cat(choosing), llvm::cl::value_desc("labels.npy"),
      llvm::cl::desc("The right classes of samples; accuracy is then the "
                     "share that is found")};
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_PRECISIONFLAGS_H
