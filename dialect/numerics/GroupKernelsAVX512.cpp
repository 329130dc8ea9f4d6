//===- GroupKernelsAVX512.cpp - quantizer for AVX-512 ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GroupKernels.inc compiled for AVX-512.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNELS avx512GroupKernels
#define LOWBIT_KERNELS_NAME "avx512"
#include "GroupKernels.inc"
