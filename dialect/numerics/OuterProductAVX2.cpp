//===- OuterProductAVX2.cpp - products of panels --------------------------
//===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OuterProduct.inc compiled for AVX2 with FMA.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNEL multiplyPanelsAVX2
#define LOWBIT_ROWS 6
#define LOWBIT_VECTORS 1
#include "OuterProduct.inc"
