//===- Fills.h - numbers that buffers begin with ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_FILLS_H
#define LOWBIT_LIB_CODEGEN_GPU_FILLS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"

namespace lowbit {

/// The buffer that a view is of.
mlir::Value getBaseBuffer(mlir::Value buffer);

/// Operands with what their buffers begin with, a number.
using BufferFills = llvm::DenseMap<mlir::OpOperand *, mlir::Value>;

/// The number that all elements of `init`, an operand of `op` that it reads and
/// overwrites, have because they were filled with it before; null where that
/// isn't so. What filled them is of no use any more then, and erased.
mlir::Value takeFill(mlir::linalg::LinalgOp op, mlir::OpOperand &init);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_FILLS_H
