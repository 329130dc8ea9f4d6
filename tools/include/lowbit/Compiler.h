//===- Compiler.h - models in, artefacts and programs out -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler in one call, for programs that link `Lowbit::Compiler`:
//
//   lowbit::CompileOptions options;
//   options.method = "int4-g32";
//   llvm::Expected<std::unique_ptr<lowbit::Model>> model =
//       lowbit::compileToModel("model.onnx", options);
//   llvm::Expected<std::vector<lowbit::HostTensor>> outputs =
//       (*model)->run({input});
//
// The headers below have the steps one by one: `loadModule`, `compileModule`,
// `saveArtefact`, `Executable`.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_COMPILER_H
#define LOWBIT_COMPILER_H

#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/Model.h"
#include "lowbit/Tools/Program.h"

namespace lowbit {

/// Reads the model at `input` (`.onnx`, or `.mlir` and `.mlirbc` with their
/// sidecar), takes it through the phases up to `last`, and writes the artefact
/// `output` with its sidecar: both files or, on an error, neither. `last` is
/// `Phase::Fuse` for the smallest file, `Phase::Pack` for one in the layout of
/// `options.cpu`; `Phase::Lower` is an error, for lowered code is bound to its
/// weights' addresses. The extension, `.mlir` or `.mlirbc`, says whether IR is
/// text or bytecode. Errors name the file and, if possible, the place in it;
/// what was not done as asked for is a remark to `load.remarks`.
llvm::Expected<ArtefactSize> compileToArtefact(llvm::StringRef input,
                                               llvm::StringRef output,
                                               const CompileOptions &options,
                                               Phase last = Phase::Fuse,
                                               const LoadOptions &load = {});

/// Reads the same and writes it as a program that others link or load: code for
/// the CPUs of `program` (not of `options`), a C header, and weights. See
/// `writeProgram`.
llvm::Expected<ProgramFiles> compileToProgram(llvm::StringRef input,
                                              llvm::StringRef output,
                                              const CompileOptions &options,
                                              ProgramOptions program = {},
                                              const LoadOptions &load = {});

/// Reads the same, compiles it for this machine, and links it: a model that
/// runs. No file is written. Every model has a context of its own; weights of
/// an artefact stay in the mapped file.
llvm::Expected<std::unique_ptr<Model>>
compileToModel(llvm::StringRef input, const CompileOptions &options,
               const LoadOptions &load = {});

} // namespace lowbit

#endif // LOWBIT_COMPILER_H
