//===- Program.h - functions of a SPIR-V model, ready to run ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_VULKAN_PROGRAM_H
#define LOWBIT_TEST_VULKAN_PROGRAM_H

#include "Device.h"
#include "Manifest.h"
#include "lowbit/Tools/HostTensor.h"
#include "lowbit/Tools/Safetensors.h"
#include "llvm/ADT/StringMap.h"

namespace lowbit {

/// What functions of a model share: kernels, weights, states.
class ModelMemory {
public:
  ModelMemory(Device &device, const SafetensorsFile &data,
              const ManifestVariant &variant)
      : device(device), data(data), variant(variant) {}

  Device &getDevice() { return device; }
  llvm::Expected<DeviceBuffer> getBuffer(const ManifestBuffer &buffer);
  llvm::Expected<DeviceKernel> getKernel(const ManifestDispatch &dispatch);

private:
  Device &device;
  const SafetensorsFile &data;
  const ManifestVariant &variant;
  llvm::StringMap<DeviceBuffer> shared;
  llvm::StringMap<DeviceKernel> kernels;
};

/// An error where the tensor has an index beyond the table that `buffer` has
/// indices of: shaders read tables at whatever place they are told.
llvm::Error checkIndices(const ManifestBuffer &buffer,
                         const HostTensor &tensor);

/// A function with buffers and recorded dispatches.
class Program {
public:
  static llvm::Expected<Program> create(ModelMemory &memory,
                                        const ManifestFunction &function);

  /// Elements as words: integers and booleans as i32. The tensor must have the
  /// input's type and shape.
  llvm::Error write(llvm::StringRef input, const HostTensor &tensor);
  /// Words of an output, integers as i32.
  llvm::Expected<HostTensor> read(llvm::StringRef output);
  const ManifestBuffer *find(llvm::StringRef name) const;
  const ManifestFunction &getFunction() const { return *function; }
  /// Runs and waits; returns seconds.
  double run() { return device->run(commands); }

private:
  Device *device = nullptr;
  const ManifestFunction *function = nullptr;
  std::vector<DeviceBuffer> buffers;
  DeviceCommands commands;
};

} // namespace lowbit

#endif // LOWBIT_TEST_VULKAN_PROGRAM_H
