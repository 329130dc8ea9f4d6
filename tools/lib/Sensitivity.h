//===- Sensitivity.h - what each encoding costs each layer ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sensitivity file is JSON: `schema` is `lowbit-sensitivity/1`; `model`,
// `data` and `options` say what was measured as those of statistics files do;
// `measure` is `kl` (nats per row) or `relative error`; `losses` has an object
// for each encoding, as the dialect prints it, with a number for each layer.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_SENSITIVITY_H
#define LOWBIT_TOOLS_LIB_SENSITIVITY_H

#include "lowbit/Tools/Statistics.h"
#include "lowbit/Transforms/PrecisionAssignment.h"

namespace lowbit {

/// Losses that were measured, one weight at a time.
struct Sensitivity {
  /// `statistics` is not used.
  StatisticsSource source;
  std::string measure;
  /// By encoding, then by the name of the layer's weight.
  std::map<std::string, std::map<std::string, double>> losses;

  /// The loss of a layer, if it is known.
  std::optional<double> lookup(EncodingAttr encoding,
                               llvm::StringRef layer) const;
  void set(EncodingAttr encoding, llvm::StringRef layer, double loss);
};

/// Reads a sensitivity file.
llvm::Expected<Sensitivity> readSensitivity(llvm::StringRef path);
/// Writes one; it appears whole or not at all.
llvm::Error writeSensitivity(llvm::StringRef path,
                             const Sensitivity &sensitivity);

/// Costs that were measured.
class MeasuredStrategy : public PrecisionStrategy {
public:
  /// `sensitivity` must outlive the strategy.
  explicit MeasuredStrategy(const Sensitivity &sensitivity)
      : sensitivity(sensitivity) {}

  llvm::StringRef getName() const override { return "measured"; }
  llvm::StringRef getMeaning() const override {
    return sensitivity.measure == "kl"
               ? "sum of layers' measured divergences, nats per token"
               : "sum of layers' measured relative squared errors of outputs";
  }
  mlir::FailureOr<std::vector<double>>
  getLosses(const PrecisionLayer &layer,
            llvm::ArrayRef<EncodingAttr> encodings) override;

private:
  const Sensitivity &sensitivity;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_SENSITIVITY_H
