//===- CalibrationFlags.h - what layers read --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_CALIBRATIONFLAGS_H
#define LOWBIT_TOOLS_QUANTOPT_CALIBRATIONFLAGS_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Flags.h"

namespace lowbit {

/// What is learned of a model by running it on samples.
struct CalibrationFlags {
  llvm::cl::OptionCategory calibrating{"Calibrating"};
  llvm::cl::opt<std::string> calibrate{
      "calibrate", llvm::cl::cat(calibrating), llvm::cl::value_desc("file"),
      llvm::cl::desc(
          "Run the float model on samples to learn what its layers "
          "read: token ids (.bin), or arrays of inputs (.npy, .npz)")};
  Flag<uint64_t> calibrationSamples{
      "calibration-samples", llvm::cl::cat(calibrating), llvm::cl::init(128),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("At most this many samples; 0 for all")};
  Flag<uint64_t> calibrationWindow{
      "calibration-window", llvm::cl::cat(calibrating), llvm::cl::init(256),
      llvm::cl::value_desc("n"),
      llvm::cl::desc("Tokens of a sample of a token file")};
  Flag<uint64_t> calibrationMemory{
      "calibration-memory", llvm::cl::cat(calibrating), llvm::cl::init(2048),
      llvm::cl::value_desc("MiB"),
      llvm::cl::desc("What activations and sums may take; layers are "
                     "calibrated in as many groups as that needs")};
  llvm::cl::list<std::string> calibrationLayers{
      "calibration-layers", llvm::cl::cat(calibrating),
      llvm::cl::CommaSeparated, llvm::cl::value_desc("globs"),
      llvm::cl::desc("Layers to observe, by the names of their weights; all "
                     "where none is given")};
  Flag<bool> secondMoments{
      "second-moments", llvm::cl::cat(calibrating),
      llvm::cl::desc("Record products of columns, too, which take the square "
                     "of a layer's input")};
  Flag<bool> columnRanges{
      "column-ranges", llvm::cl::cat(calibrating),
      llvm::cl::desc("Record the histogram and moving range of each column, "
                     "too, which take 4 KiB for each")};
  Flag<OutputModel> gradients{
      "gradients",
      llvm::cl::cat(calibrating),
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
      "gradients-of", llvm::cl::cat(calibrating),
      llvm::cl::value_desc("output"),
      llvm::cl::desc("The output whose gradients are recorded, where several "
                     "are floats")};
  llvm::cl::opt<std::string> statistics{
      "statistics", llvm::cl::cat(calibrating), llvm::cl::value_desc("file"),
      llvm::cl::desc("Statistics file: read if it is there, written by "
                     "--calibrate if not")};
  llvm::cl::opt<std::string> printStatistics{
      "print-statistics", llvm::cl::cat(calibrating),
      llvm::cl::value_desc("file"),
      llvm::cl::desc("Show what a statistics file holds")};
  llvm::cl::list<std::string> mergeStatistics{
      "merge-statistics", llvm::cl::cat(calibrating), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("files"),
      llvm::cl::desc("Put statistics files of one model together, to -o")};
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_CALIBRATIONFLAGS_H
