//===- LowbitGPUOps.h - operations of GPU code ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITGPUOPS_H
#define LOWBIT_IR_LOWBITGPUOPS_H

#include "lowbit/IR/Lowbit.h"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitGPUOps.h.inc"

#endif // LOWBIT_IR_LOWBITGPUOPS_H
