//===- LowbitWordOps.h - operations on words of four bytes ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITWORDOPS_H
#define LOWBIT_IR_LOWBITWORDOPS_H

#include "lowbit/IR/Lowbit.h"

#include "lowbit/IR/LowbitFeatureInterface.h.inc"

namespace lowbit {

/// Attribute of a GPU kernel whose host may choose the size of its workgroups:
/// how many invocations it takes in all. Its code asks for the size
/// (gpu.block_dim), which is known_block_size or a multiple of that.
inline constexpr llvm::StringLiteral kGPUInvocationsAttrName =
    "lowbit.invocations";

/// Attribute of an allocation of such a kernel's workgroup memory that grows
/// with the workgroup: its type is that for known_block_size.
inline constexpr llvm::StringLiteral kGPUGrowsAttrName = "lowbit.grows";

} // namespace lowbit

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitWordOps.h.inc"

#endif // LOWBIT_IR_LOWBITWORDOPS_H
