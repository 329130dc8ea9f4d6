//===- OuterProductAVX512.cpp - products of panels ------------------------
//===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OuterProduct.inc compiled for AVX-512.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNEL multiplyPanelsAVX512
#define LOWBIT_ROWS 8
#define LOWBIT_VECTORS 3
#include "OuterProduct.inc"
