//===- GroupKernelsBaseline.cpp - quantizer without extensions ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GroupKernels.inc compiled for the compiler's default instruction set.
//
//===----------------------------------------------------------------------===//

#define LOWBIT_KERNELS baselineGroupKernels
#define LOWBIT_KERNELS_NAME "baseline"
#include "GroupKernels.inc"
