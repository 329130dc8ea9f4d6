//===- OuterProductBaseline.cpp - products of panels ----------------------
//===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OuterProduct.inc compiled for every machine.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNEL multiplyPanelsBaseline
#define LOWBIT_ROWS 2
#define LOWBIT_VECTORS 1
#include "OuterProduct.inc"
