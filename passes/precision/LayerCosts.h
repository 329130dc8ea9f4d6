//===- LayerCosts.h - what a method does to a layer -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PRECISION_LAYERCOSTS_H
#define LOWBIT_PRECISION_LAYERCOSTS_H

#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/PrecisionAssignment.h"

namespace lowbit {

/// The squared error of a layer's output over the root of the output's square,
/// both summed over the columns as if they were uncorrelated, with the weight
/// rounded to nearest in `encoding`. Halfway between absolute and relative
/// errors: on a language model the former lost more at 3.5 and 4.5 bits, the
/// latter at 3. Fails, with a diagnostic, where the layer has no statistics, or
/// can't be rounded so.
mlir::FailureOr<double> getOutputError(const PrecisionLayer &layer,
                                       const ConstantMatrix &matrix,
                                       EncodingAttr encoding,
                                       const LayerStatistics &statistics);

/// What rounding a layer to nearest costs the model, in nats: half the sum of
///
///   gradient_mean_square(n) column(k) error(n, k)^2
///
/// over all weights, which is the divergence to second order, with the Fisher
/// matrix of a layer's output taken as diagonal. column(k) is the pivot of the
/// second moment of what the layer reads (see FactoredHessian.h), which is what
/// rounding with feedback leaves of an error, where that moment is known; else
/// its mean square.
class GradientCost {
public:
  /// Fails, with a diagnostic, where the layer's statistics lack something.
  static mlir::FailureOr<GradientCost>
  create(const PrecisionLayer &layer, const ConstantMatrix &matrix,
         const LayerStatistics &statistics);
  mlir::FailureOr<double> get(EncodingAttr encoding) const;

private:
  GradientCost(const PrecisionLayer &layer, const ConstantMatrix &matrix)
      : layer(&layer), matrix(&matrix) {}

  const PrecisionLayer *layer;
  const ConstantMatrix *matrix;
  /// By column: what scales are chosen by, and what errors count.
  std::vector<float> squares, columns;
  /// By row.
  std::vector<float> gradients;
};

/// The least squared error, times the number of weights and over their
/// variance, that codes of as many bits as `encoding` takes can have for
/// weights of this density: 2^(2 (h - b)) / (2 pi e), Shannon's lower bound, h
/// being the differential entropy of the weights in bits.
class EntropyCost {
public:
  explicit EntropyCost(const ConstantMatrix &matrix);
  double get(EncodingAttr encoding) const;

private:
  int64_t rows, columns;
  /// 2^(2h) / (2 pi e variance): 1 for a normal density, less for others.
  double power = 0;
};

} // namespace lowbit

#endif // LOWBIT_PRECISION_LAYERCOSTS_H
