//===- LowbitWordOps.h - operations on words of four bytes ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITWORDOPS_H
#define LOWBIT_IR_LOWBITWORDOPS_H

#include "lowbit/IR/Lowbit.h"

#include "lowbit/IR/LowbitFeatureInterface.h.inc"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitWordOps.h.inc"

#endif // LOWBIT_IR_LOWBITWORDOPS_H
