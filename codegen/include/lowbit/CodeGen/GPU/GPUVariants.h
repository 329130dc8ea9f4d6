//===- GPUVariants.h - kernels for devices that have more -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel with operations that some devices have instructions for
// (DeviceFeatureInterface) comes in several forms, which compute the same, to
// the bit but for the order of sums of floats, and but for f16: one for every
// device, which schedules name, and one for each set of features that it can
// make use of:
//
//   gpu.func @linear_4x32 ...
//   gpu.func @linear_4x32_packed_dot ... {
//     lowbit.features = ["packed_dot"], lowbit.variant_of = @linear_4x32}
//
//   feature      SPIR-V                              WebGPU
//   packed_dot   DotProductInput4x8BitPacked of      language feature
//                SPV_KHR_integer_dot_product packed_4x8_integer_dot_product
//   subgroups    GroupNonUniformArithmetic           feature subgroups
//   f16          Float16                             feature shader-f16
//   software     VK_PHYSICAL_DEVICE_TYPE_CPU         an adapter that says so
//
// `f16` changes numbers: what is multiplied is rounded to 11 bits. So it is on
// request: no host takes such a variant unless it was asked for. Where the
// model has rounded activations to 16 bits before, a kernel is
// `lowbit.unasked`: what f16 changes is less than that rounding did, and
// devices that have it take it.
//
// `software` is no instruction: the device is a processor, for which some
// kernels are written without workgroup memory. Such a kernel comes before
// others, whatever else the device has.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_GPUVARIANTS_H
#define LOWBIT_CODEGEN_GPU_GPUVARIANTS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <string>
#include <vector>

namespace lowbit {

/// Attributes of a kernel that is a variant.
inline constexpr llvm::StringLiteral kGPUFeaturesAttrName = "lowbit.features";
inline constexpr llvm::StringLiteral kGPUVariantOfAttrName =
    "lowbit.variant_of";

/// An attribute of a variant in f16 that devices take by themselves.
inline constexpr llvm::StringLiteral kGPUUnaskedAttrName = "lowbit.unasked";

/// The feature of devices that are processors.
inline constexpr llvm::StringLiteral kGPUSoftware = "software";

/// The feature of devices that compute in f16.
inline constexpr llvm::StringLiteral kGPUHalf = "f16";

/// Makes `kernel` one that takes the place of another on devices with
/// `features`.
void setGPUVariant(mlir::gpu::GPUFuncOp kernel, mlir::StringAttr original,
                   llvm::ArrayRef<llvm::StringRef> features);

/// What a kernel relies on; nothing where every device runs it.
inline llvm::SmallVector<llvm::StringRef>
getGPUFeatures(mlir::gpu::GPUFuncOp kernel) {
  llvm::SmallVector<llvm::StringRef> features;
  if (auto list = kernel->getAttrOfType<mlir::ArrayAttr>(kGPUFeaturesAttrName))
    for (auto feature : list.getAsRange<mlir::StringAttr>())
      features.push_back(feature.getValue());
  return features;
}

/// A model for devices with some features.
struct GPUVariant {
  /// The features, `+` between them; `base` without. Of two with the same
  /// features, the one on request has `f16-all` in place of `f16`.
  std::string name;
  std::vector<std::string> features;
  /// Those of them that change numbers, so that a host must be asked for them.
  std::vector<std::string> onRequest;
  /// The kernels that take the place of others.
  std::map<std::string, std::string> kernels;
  /// Those of them that f16 kernels take the place of.
  std::vector<std::string> halves;
};

/// The variants of a lowered module; those for processors come first, then
/// those that make use of more, so that a host takes the first one all of whose
/// features its device has. `base` needs none; those behind it are on request,
/// in the same order.
std::vector<GPUVariant> readGPUVariants(mlir::ModuleOp module);

/// For a manifest: [{"name", "features", "kernels": {name: other name}}, ...],
/// `"onRequest": [feature, ...]` in those that are, and `"f16": [name, ...]` in
/// those with such kernels.
llvm::json::Array toJSON(llvm::ArrayRef<GPUVariant> variants);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_GPU_GPUVARIANTS_H
