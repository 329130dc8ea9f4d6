//===- Subjects.h - what choices are measured on ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_MACHINE_SUBJECTS_H
#define LOWBIT_TOOLS_LIB_MACHINE_SUBJECTS_H

#include "lowbit/Tools/TimedProgram.h"
#include "lowbit/Tools/TuneMachine.h"

namespace lowbit {

/// A program of one layer, before the choices are made.
struct Subject {
  /// Such as "int4-g32 2048 x 2048".
  std::string name;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The last phase that the module has been through.
  Phase done;
  /// Shapes of its inputs; the extent that is negative is the number of rows.
  std::vector<llvm::SmallVector<int64_t>> shapes;
  /// How much it counts among others.
  double weight = 1;
};

/// A layer of `n` x `k` weights by a method, packed for `options.cpu`.
llvm::Expected<Subject> createLayerSubject(mlir::MLIRContext &context,
                                           llvm::StringRef method, int64_t n,
                                           int64_t k,
                                           const CompileOptions &options);

/// Attention of 4 heads of 64 columns, causal, of as many queries as keys.
Subject createAttentionSubject(mlir::MLIRContext &context);

/// The layers that take most of the weights of a model with packed ones, one
/// for each of its shapes and encodings.
llvm::Expected<std::vector<Subject>> extractLayers(mlir::ModuleOp model);

/// What one choice is measured by: a subject on so many rows.
struct Probe {
  size_t subject;
  int64_t rows;
  /// Whether each call reads another copy of the weights, more of them than
  /// caches hold.
  bool fromMemory = false;
  unsigned threads = 1;
};

/// Runs of several programs of one probe in turns.
class Turns {
public:
  /// `cacheBytes` is what a copy of the weights is to be out of.
  Turns(const Probe &probe, const Subject &subject, double cacheBytes);
  ~Turns();
  /// Adds a program of the subject, whose calls it prepares and tries.
  llvm::Error add(TimedProgram &program);
  /// Runs each program once more.
  void run();
  /// The median of the times of program `index` over those of the first one in
  /// the same turn.
  double ratio(size_t index) const;
  /// The median of the seconds of a call of program `index`.
  double seconds(size_t index) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// Measures the constants of this machine. Those that the system doesn't tell,
/// or that other programs hide, stay unknown.
llvm::Error measureConstants(mlir::MLIRContext &context,
                             const CompileOptions &options,
                             MachineTuning &tuning);

/// What decoding costs, by bits; stops when `isOver` says so.
llvm::Error measureCosts(mlir::MLIRContext &context,
                         const CompileOptions &options,
                         const std::function<bool()> &isOver,
                         MachineTuning &tuning);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_MACHINE_SUBJECTS_H
