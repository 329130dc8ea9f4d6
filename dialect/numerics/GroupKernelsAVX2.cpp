//===- GroupKernelsAVX2.cpp - quantizer for AVX2 --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GroupKernels.inc compiled for AVX2.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNELS avx2GroupKernels
#define LOWBIT_KERNELS_NAME "avx2"
#include "GroupKernels.inc"
