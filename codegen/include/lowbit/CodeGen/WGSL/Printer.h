//===- Printer.h - WGSL text of kernels -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last step: kernels that `lowbit-to-wgsl` has prepared become text. What
// the text says was decided before; the printer fails at what is outside of the
// subset (it runs the verifier first) and never guesses.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_PRINTER_H
#define LOWBIT_CODEGEN_WGSL_PRINTER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/Support/raw_ostream.h"

namespace lowbit {

/// Prints one kernel as a shader with an entry point of the kernel's name.
/// Binding i of group 0 is argument i. Emits an error and fails, having printed
/// nothing, where the kernel isn't in the printer's subset.
llvm::LogicalResult printWGSL(mlir::gpu::GPUFuncOp kernel,
                              llvm::raw_ostream &os);

/// Registers `--lowbit-to-wgsl` of lowbit-translate: every kernel of a module,
/// each after a line `//===== NAME`, prepared as by the pipeline.
void registerWGSLTranslation();

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_PRINTER_H
