//===- TrellisWeights.h - rates and codes of trellises ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_TRELLISWEIGHTS_H
#define LOWBIT_QUANTIZE_TRELLISWEIGHTS_H

#include "TrellisRounding.h"
#include "lowbit/Transforms/QuantizationMethod.h"

namespace lowbit {

/// A layer's use of a weight.
struct WeightUse {
  mlir::Operation *op;
  mlir::OpOperand *operand;
};

/// The encoding that the weight of `layer` is to have: its own, or that of
/// `method`; null for none.
EncodingAttr getWantedEncoding(mlir::Operation *layer,
                               const QuantizationMethod &method);

/// Codes the weights of layers whose encodings are trellises, several at a
/// time.
class TrellisWeights {
public:
  TrellisWeights() = default;
  TrellisWeights(QuantizationMethod method, TrellisRounding rounding)
      : method(std::move(method)), rounding(std::move(rounding)) {}

  /// Gives layers without rates those that the method's average allows, and all
  /// with rates the encoding that these say.
  mlir::LogicalResult chooseRates(llvm::ArrayRef<WeightUse> uses);

  /// Codes the weight of the first of `uses`, if it is a trellis's and not
  /// coded already, and of as many others as there are threads.
  mlir::LogicalResult codeAhead(llvm::ArrayRef<WeightUse> uses,
                                CorrectedTarget &targets);

  /// Takes what was found for the weight of `layer`.
  numerics::QuantizedMatrix take(mlir::Operation *layer) {
    return std::move(coded[layer]);
  }
  /// Forgets it.
  void drop(mlir::Operation *layer) { coded.erase(layer); }

private:
  mlir::LogicalResult readRates(mlir::Operation *layer);
  std::optional<TrellisJob> makeJob(const WeightUse &use);

  QuantizationMethod method;
  TrellisRounding rounding;
  /// By layer, until it is packed.
  llvm::DenseMap<mlir::Operation *, numerics::QuantizedMatrix> coded;
};

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_TRELLISWEIGHTS_H
