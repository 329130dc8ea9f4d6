//===- LowbitTableOps.h - look-ups in tables that are data ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITTABLEOPS_H
#define LOWBIT_IR_LOWBITTABLEOPS_H

#include "lowbit/IR/Lowbit.h"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitTableOps.h.inc"

#endif // LOWBIT_IR_LOWBITTABLEOPS_H
