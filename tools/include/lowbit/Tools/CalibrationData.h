//===- CalibrationData.h - samples from files -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_CALIBRATIONDATA_H
#define LOWBIT_TOOLS_CALIBRATIONDATA_H

#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/Model.h"

namespace lowbit {

/// Inputs of a model, sample by sample.
class CalibrationData {
public:
  /// Reads the file of `options` for a model with these inputs. Errors: an
  /// unknown extension, arrays that don't fit the inputs, no sample.
  static llvm::Expected<CalibrationData>
  read(const CalibrationOptions &options, llvm::ArrayRef<TensorSpec> inputs);

  uint64_t size() const { return samples; }
  /// The inputs of sample `index`, in the model's order.
  std::vector<HostTensor> getSample(uint64_t index) const;

private:
  llvm::Error readTokenFile(const CalibrationOptions &options,
                            llvm::ArrayRef<TensorSpec> inputs);
  llvm::Error takeArrays(const CalibrationOptions &options,
                         llvm::ArrayRef<TensorSpec> inputs,
                         std::map<std::string, HostTensor> arrays);

  uint64_t samples = 0;
  /// The whole array of each input, and its extent along the first axis in a
  /// sample.
  std::vector<HostTensor> arrays;
  std::vector<int64_t> extents;
};

/// Reads the samples for `@main` of `module`, and checks that each is an input
/// of it.
llvm::Expected<CalibrationData> readSamples(mlir::ModuleOp module,
                                            const CalibrationOptions &options);

/// Reads the arrays of an .npz file, a ZIP archive without compression.
llvm::Expected<std::map<std::string, HostTensor>> readNpz(llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_CALIBRATIONDATA_H
