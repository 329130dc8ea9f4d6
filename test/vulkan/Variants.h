//===- Variants.h - which kernels a device runs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_VULKAN_VARIANTS_H
#define LOWBIT_TEST_VULKAN_VARIANTS_H

#include "Device.h"
#include "Manifest.h"

namespace lowbit {

/// The first variant that `wish` asks for and that the device can run. `wish`
/// is a variant's name, or some features with a `+` behind them; empty, it asks
/// for the first one, but for those on request, and for processors: their
/// drivers stand for GPUs here, and run what GPUs do.
llvm::Expected<const ManifestVariant *> chooseVariant(const Manifest &manifest,
                                                      llvm::StringRef wish,
                                                      const Device &device);

/// How many products of the model's functions `chosen` computes in f16, of how
/// many that there are such kernels for, and why it isn't all of them; empty
/// for models without.
std::string describeHalves(const Manifest &manifest,
                           const ManifestVariant &chosen, llvm::StringRef wish,
                           const Device &device);

} // namespace lowbit

#endif // LOWBIT_TEST_VULKAN_VARIANTS_H
