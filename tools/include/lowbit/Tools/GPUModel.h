//===- GPUModel.h - a model as SPIR-V kernels and a manifest ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_GPUMODEL_H
#define LOWBIT_TOOLS_GPUMODEL_H

#include "lowbit/Tools/Compiler.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

class AtomicOutput;

/// The file beside a manifest that has kernels and weights: `model.safetensors`
/// for `model.json`.
std::string getGPUDataPath(llvm::StringRef manifest);

/// Lowers a packed module for Vulkan and writes two files, or none. The
/// manifest is an object:
///   "format": "lowbit-spirv", "version": 1, "data": the other file's name,
///   "kernels": [{"name", "bytes", "version", "capabilities", "extensions"}],
///   "functions": schedules as GPUSchedule.h has them.
/// The data, a safetensors file, has a tensor `spirv.<kernel>` of 32-bit words
/// for each kernel, and one by the name of each weight's buffer. `companion`,
/// if there is one, appears with them or not at all.
llvm::Error writeSPIRVModel(mlir::ModuleOp packed, llvm::StringRef output,
                            const CompileOptions &options,
                            AtomicOutput *companion = nullptr);

} // namespace lowbit

#endif // LOWBIT_TOOLS_GPUMODEL_H
