//===- Subject.h - the models of a run --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reports speak of weights, which are gone from a model that is compiled: what
// they need is kept when it is loaded.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTRUN_SUBJECT_H
#define LOWBIT_TOOLS_QUANTRUN_SUBJECT_H

#include "Run.h"
#include "lowbit/Tools/LayerDivergence.h"
#include "mlir/IR/OwningOpRef.h"

namespace lowbit {

/// A model that is run and judged.
struct Subject {
  std::string path, recipe;
  /// The method that it was quantized by when it was loaded; empty for none.
  std::string method;
  std::unique_ptr<Model> model;
  /// The model before fusion, in the context that `model` owns; kept for bounds
  /// and reports.
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Loads `path` and quantizes it by `method`, unless that is empty.
llvm::Expected<Subject> loadSubject(llvm::StringRef path,
                                    llvm::StringRef method,
                                    const RunOptions &options);

/// The layers of a subject with their encodings alone.
std::vector<ReportLayer> describeEncodings(Subject &subject);

/// The float model of `--against`, loaded when it is first needed.
class Reference {
public:
  explicit Reference(const RunOptions &options) : options(options) {}

  /// The model, or null where none was given.
  llvm::Expected<Model *> get();

  std::optional<double> sizeBytes, secondsPerRun;
  ReplaceableWeights weights;

private:
  const RunOptions &options;
  std::unique_ptr<Model> model;
};

/// Everything that is known of a subject.
llvm::Expected<Report> makeReport(const RunOptions &options, Subject &subject,
                                  Reference &reference,
                                  const RunFigures &figures,
                                  const Evaluation *evaluation);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTRUN_SUBJECT_H
