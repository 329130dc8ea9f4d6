//===- QuantizePhase.h - weights become codes -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_QUANTIZEPHASE_H
#define LOWBIT_TOOLS_LIB_QUANTIZEPHASE_H

#include "lowbit/Tools/Compiler.h"

namespace lowbit {

/// Whether layers get encodings of their own.
bool assigns(const CompileOptions &options);

/// Whether encodings are looked for with the model at hand.
bool searches(const CompileOptions &options);

/// Whether columns are to have bits by what all layers together lose.
bool dividesRates(mlir::MLIRContext *context, const CompileOptions &options);

/// Factors of scales in the rules, then those of the options: the last one that
/// matches a layer decides. What isn't a number is left for the pass to report.
std::vector<std::string> getScaleFactors(const CompileOptions &options);

/// Says what is wrong with `options` for this model, `raised`, before work that
/// takes long: rules that match nothing, data that don't fit.
llvm::Error checkModel(mlir::ModuleOp raised, const CompileOptions &options);

/// The passes of the phase, where passes are all that it takes.
void addQuantizePhase(mlir::OpPassManager &manager,
                      const CompileOptions &options);

/// The phase, with what the module's statistics and a budget say.
llvm::Error quantizeModule(mlir::ModuleOp module,
                           const CompileOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_QUANTIZEPHASE_H
