//===- WebFallback.h - a web module's model for WebAssembly -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_WEBFALLBACK_H
#define LOWBIT_TOOLS_LIB_WEBFALLBACK_H

#include "ProgramCode.h"
#include "lowbit/CodeGen/Web/WebFallback.h"
#include "lowbit/Tools/Compiler.h"

namespace lowbit {

/// Compiles a model that is packed for shaders to WebAssembly.
class FallbackCompiler {
public:
  /// Temporary files are beside `output`.
  FallbackCompiler(llvm::StringRef output, const CompileOptions &options);

  /// The model's code and weights; `packed` stays as it is.
  llvm::Expected<WebFallback> compile(mlir::ModuleOp packed);

private:
  llvm::Error repack(mlir::ModuleOp packed, WebFallback &fallback);
  llvm::Error lower();
  llvm::Error describeFunctions(WebFallback &fallback);
  llvm::Error generate(WebFallback &fallback);
  llvm::Expected<WebFallback::Code> link(ProgramCode &code,
                                         llvm::ArrayRef<EntryCode> entries,
                                         llvm::StringRef variant);
  llvm::Error listWeights(WebFallback &fallback);

  std::string output;
  CompileOptions options;
  std::string linker, runtime;
  /// Packed for the CPU's kernels, and lowered for each processor.
  mlir::OwningOpRef<mlir::ModuleOp> model;
  std::vector<ProgramVariant> variants;
  std::unique_ptr<ProgramInterface> program;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_WEBFALLBACK_H
