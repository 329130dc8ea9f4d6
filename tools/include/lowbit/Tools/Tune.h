//===- Tune.h - quantize layers in order, with what came before -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sequential calibration. Layers are quantized in the order of the model, in
// groups that read one value. What a group is calibrated with is what it reads
// once all layers before it are quantized, y, beside what it reads in the float
// model, x, on the same samples: its rounding aims at the float model's output
// and makes up for the errors before it.
//
// Two streams of values go through the model side by side, each layer computed
// once in each; between groups the values of all samples are kept, in memory or
// beyond its limit in temporary files. The work on weights is that of the pass
// `lowbit-quantize-weights`, which finds the moments in the module.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TUNE_H
#define LOWBIT_TOOLS_TUNE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace lowbit {

struct CompileOptions;

/// Quantizes the layers of `module`, in raised form, as `options` say and
/// encodings on layers ask for, with calibration by `options.calibration`.
/// Layers in regions, embedding tables, and whatever is to stay float are left
/// as they are. The bytes don't depend on the number of threads, nor on the
/// memory.
llvm::Error tuneLayers(mlir::ModuleOp module, const CompileOptions &options);

/// Quantizes the layers of `module`, in raised form and prepared, a few at a
/// time, as `options` say and encodings on layers ask for, and keeps those that
/// are finished in `options.resume`; takes those that are there. Layers that
/// share data with embeddings, or with layers of other names, are left as they
/// are: all uses of such data become one weight.
llvm::Error roundInParts(mlir::ModuleOp module, const CompileOptions &options);

/// Divides `options.budget` among the columns of all layers of `raised`, whose
/// weights will be trellises: sets `lowbit.rates`. Statistics are in the
/// module. For less than three bits per weight, what each layer loses at 1, 2
/// and 3 bits is measured on samples; predictions trust cheap layers too much
/// there.
llvm::Error assignTrellisRates(mlir::ModuleOp raised,
                               const CompileOptions &options);

/// What codes a preset may choose among.
enum class CodeChoice { Any, Integers };

/// Fills in what `options` leave open such that the result is as accurate as
/// this project can make it: sequential calibration, and with a budget of at
/// most five bits per weight trellises whose columns have rates of their own;
/// for more, or with integers alone, sweeps and widths of 1 to 8 bits by layer.
/// Without a budget samples are held out, and each layer gets the best of
/// `candidates` (by default rounding with feedback and to nearest) on those.
void setAccuracyPreset(CompileOptions &options,
                       CodeChoice codes = CodeChoice::Any);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TUNE_H
