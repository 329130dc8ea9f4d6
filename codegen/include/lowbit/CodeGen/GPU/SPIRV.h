//===- SPIRV.h - GPU kernels as SPIR-V binaries -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_SPIRV_H
#define LOWBIT_CODEGEN_GPU_SPIRV_H

#include "mlir/Dialect/SPIRV/IR/SPIRVAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace lowbit {

/// One kernel as a binary: its entry point has the kernel's name, and argument
/// i is the storage buffer at binding i of descriptor set 0.
struct SPIRVKernel {
  std::string name;
  std::vector<uint32_t> words;
  /// SPIR-V's version, such as "1.3", and what the module declares.
  std::string version;
  std::vector<std::string> capabilities, extensions;
};

/// The GPU that kernels are compiled for where a module doesn't say another:
/// Vulkan 1.1 with nothing optional.
mlir::spirv::TargetEnvAttr getDefaultGPUTarget(mlir::MLIRContext *context);

/// The module's `lowbit.target`, if it is a GPU; else the default.
mlir::spirv::TargetEnvAttr getGPUTarget(mlir::ModuleOp module);

/// Converts every kernel of a lowered module, which stays as it is. In the
/// order of the kernels.
llvm::FailureOr<std::vector<SPIRVKernel>> convertToSPIRV(mlir::ModuleOp module);

/// What a manifest says of a kernel, its words apart.
llvm::json::Object toJSON(const SPIRVKernel &kernel);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_GPU_SPIRV_H
