//===- Bounds.h - what a model must reach -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `perplexity<1.02x,kl<0.01,size<6MB`: figures and their bounds, which pass or
// fail. A bound with `x` is a multiple of the float model's figure.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_BOUNDS_H
#define LOWBIT_TOOLS_BOUNDS_H

#include "lowbit/Tools/Report.h"

namespace lowbit {

/// A bound on one figure.
struct Bound {
  /// As it was written.
  std::string text;
  /// A key of `kBoundedFigures`.
  std::string figure;
  /// Whether the figure must stay below `limit`, or else above.
  bool isUpper = true;
  double limit = 0.0;
  /// Whether `limit` is a multiple of the float model's figure.
  bool isRelative = false;
};

/// A figure that can be bounded and what measures it.
struct BoundedFigure {
  llvm::StringRef name;
  /// The option that gives the figure; empty where it is always there.
  llvm::StringRef option;
  /// Whether a multiple of the float model's makes sense.
  bool allowsRelative = false;
  /// Whether it exists only next to a float model.
  bool needsReference = false;
};
llvm::ArrayRef<BoundedFigure> getBoundedFigures();

/// Reads a list of bounds, separated by commas. Sizes may have the units kB, MB
/// and GB, latencies ms and s. The error names the bound and what there is.
llvm::Expected<std::vector<Bound>> parseBounds(llvm::StringRef text);

/// The bound on perplexity that weights like those of `layers` are expected to
/// meet: 1 % for floats of 8 bits and more, 2 % for integers of 8 bits, 3 % for
/// 5 to 7 bits and for calibrated 4 bits, 5 % for other 4 bits. Weights of
/// fewer bits have none, which is an error. A mixture has the loosest bound of
/// its parts.
llvm::Expected<Bound> getDefaultBound(llvm::ArrayRef<ReportLayer> layers,
                                      llvm::StringRef recipe);

/// Holds a figure against its bound; `reference` is that of the float model.
ReportCheck checkBound(const Bound &bound, double value,
                       std::optional<double> reference);

} // namespace lowbit

#endif // LOWBIT_TOOLS_BOUNDS_H
