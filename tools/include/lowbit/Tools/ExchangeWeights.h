//===- ExchangeWeights.h - to training and back -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A quantized model leaves as an ONNX graph with its codes behind
// `DequantizeLinear`, and weights that were trained on come back onto the grid
// that they left.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_EXCHANGEWEIGHTS_H
#define LOWBIT_TOOLS_EXCHANGEWEIGHTS_H

#include "lowbit/Tools/LoadModel.h"

namespace lowbit {

class AtomicOutput;

/// Writes the ONNX model `graph`, which `lowBit` was made from, to `output`
/// with the low-bit weights in place of the float ones. Weights that are no
/// scaled integers, and permuted ones, become the numbers that they stand for,
/// which a remark says. `companion`, if there is one, appears with the file or
/// not at all. Errors: a weight that the graph lacks or that is a part of a
/// tensor there, an opset before 13.
llvm::Error exportToONNX(mlir::ModuleOp lowBit, llvm::StringRef graph,
                         llvm::StringRef output, const LoadOptions &load,
                         AtomicOutput *companion = nullptr);

/// Gives the float weights of `raised` the encodings and parameters that the
/// weights of the same names have in the artefact `like`, and the nearest codes
/// under them. Every low-bit weight of `like` must be there with the same
/// shape.
llvm::Error quantizeLike(mlir::ModuleOp raised, llvm::StringRef like);

} // namespace lowbit

#endif // LOWBIT_TOOLS_EXCHANGEWEIGHTS_H
