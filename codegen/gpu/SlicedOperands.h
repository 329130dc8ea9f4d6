//===- SlicedOperands.h - epilogues on slices that steps read ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_SLICEDOPERANDS_H
#define LOWBIT_LIB_CODEGEN_GPU_SLICEDOPERANDS_H

#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// Takes what follows the product out of a layer whose bias or residual is a
/// slice at a place that a loop counts; returns the layer that remains. A
/// kernel of a layer binds whole buffers, so that such a slice would be copied
/// for it, where elementwise kernels read it in its place.
LinearOp separateSlicedOperands(LinearOp op);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_SLICEDOPERANDS_H
