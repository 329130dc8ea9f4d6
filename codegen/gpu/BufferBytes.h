//===- BufferBytes.h - what buffers of a schedule take ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_BUFFERBYTES_H
#define LOWBIT_LIB_CODEGEN_GPU_BUFFERBYTES_H

#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Bytes of a buffer; `isPacked`: whether narrow elements are.
int64_t getBufferBytes(mlir::MemRefType type, bool isPacked);

/// Kernels address elements by words of 32 bits, as both APIs measure ranges.
llvm::LogicalResult checkSize(DispatchOp dispatch, mlir::Value base);

/// A buffer is bound from its beginning, and as words: where its narrow
/// elements are packed and a kernel reads a word for each, or the other way
/// round, what the kernel takes is not what the buffer has, or the first part
/// of it that the operand is.
llvm::LogicalResult checkPacking(DispatchOp dispatch);

/// The module's globals become bytes; their data move to its attribute.
llvm::LogicalResult convertGlobals(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_BUFFERBYTES_H
