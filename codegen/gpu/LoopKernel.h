//===- LoopKernel.h - a kernel for loops over elements ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What linalg has no form for, sums of all elements up to each one and elements
// written at computed places, are loops that load, compute and store.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LOOPKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_LOOPKERNEL_H

#include "KernelModule.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {

/// Copies in a nest become loops over their elements: rows that are written at
/// a place which each iteration computes.
void expandCopies(mlir::scf::ForOp nest);

/// Replaces a nest of loops on buffers by a dispatch. Each iteration of a loop
/// that writes elements of its own is a thread; loops in which the order
/// matters stay loops, in which a thread takes the same order.
llvm::LogicalResult lowerLoops(KernelModule &kernels, mlir::scf::ForOp loop);

/// Replaces the store of a number that the host would compute by a dispatch of
/// one thread.
llvm::LogicalResult lowerStore(KernelModule &kernels,
                               mlir::memref::StoreOp store);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LOOPKERNEL_H
