//===- Calibration.h - run a model to learn what layers read ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instrument, run, collect: a copy of the module whose results are what its
// layers read is compiled and run on samples. Layers are taken in groups, in
// the order of the model, so that memory stays below a cap; what a group does
// not need is not computed. Gradients take a second run of that kind, of the
// model and its backward pass.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_CALIBRATION_H
#define LOWBIT_TOOLS_CALIBRATION_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Statistics.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

struct CompileOptions;

/// What a model's output means: the parameters of which distribution.
enum class OutputModel { None, Automatic, Categorical, Gaussian };

/// What is run, and what is recorded of it.
struct CalibrationOptions {
  /// `.bin`: token ids of 16 bits, cut into windows, for models with one
  /// integer input [1, T]. `.npy` (models with one input) or `.npz` with an
  /// array for each input by name, the samples along the first axis.
  std::string data;
  /// At most this many samples, from the beginning; 0 for all.
  uint64_t samples = 128;
  /// Tokens of a sample.
  uint64_t window = 256;
  /// Record E[x^T x], too, which takes K^2 numbers for each input.
  bool secondMoments = false;
  /// Whether each column's histogram and moving range are recorded.
  bool columnRanges = false;
  /// Record the mean squares of the gradients of what layers yield, too: those
  /// of the loss for labels that the model draws, its output being logits
  /// (Categorical) or means (Gaussian). Automatic: by what is known of the
  /// output.
  OutputModel gradients = OutputModel::None;
  /// Whether a model that has no gradients (see checkGradients) goes without
  /// them, which a remark says; otherwise that is an error.
  bool gradientsAreOptional = false;
  /// The name of the output that is differentiated; empty for the only one of
  /// floats, or the only one of them that is known to be logits.
  std::string gradientsOf;
  /// Globs of names of layers; all where none is given.
  std::vector<std::string> layers;
  /// Bytes that activations and sums of a group of layers may take.
  uint64_t memory = uint64_t(2) << 30;
  /// A folder that keeps what each group of layers has been found to read, for
  /// a run that is started again; empty for none.
  std::string folder;
  /// Shows progress on standard error if that is a terminal.
  bool progress = true;
};

/// Runs `module`, in raised form, and returns what its layers read. The module
/// is not changed; `compile` says how it is compiled.
llvm::Expected<CalibrationStatistics>
calibrate(mlir::ModuleOp module, const CalibrationOptions &options,
          const CompileOptions &compile);

/// Why `module`, in raised form, has no gradients of the loss that `options`
/// ask for: its output isn't known, or an operation has no adjoint.
llvm::Error checkGradients(mlir::ModuleOp module,
                           const CalibrationOptions &options);

/// What statistics by `calibrate` would be of. Without data, of the model
/// alone.
llvm::Expected<StatisticsSource>
getProvenance(mlir::ModuleOp module, const CalibrationOptions &options);

/// The statistics that `options` ask for: those in the file `path`, if there is
/// one and it is of the same model, data and options; otherwise calibrates, and
/// writes them there unless `path` is empty. Without data the file must be
/// there and be of this model. The error names what differs.
llvm::Expected<CalibrationStatistics>
obtainStatistics(mlir::ModuleOp module, llvm::StringRef path,
                 const CalibrationOptions &options,
                 const CompileOptions &compile);

/// Adds `lowbit.statistics` for each record; large components are resources
/// over the tensors' memory.
/// They come before those that are there.
llvm::SmallVector<StatisticsOp>
attachStatistics(mlir::ModuleOp module,
                 const CalibrationStatistics &statistics);
/// Erases records, and frees their resources, which no other module may have.
void eraseStatistics(llvm::ArrayRef<StatisticsOp> records);
/// Erases all `lowbit.statistics`.
void detachStatistics(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_TOOLS_CALIBRATION_H
