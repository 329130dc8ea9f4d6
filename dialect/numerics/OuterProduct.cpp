//===- OuterProduct.cpp - choice of an instruction set --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OuterProduct.h"

namespace lowbit::numerics {

void multiplyPanelsBaseline(const float *x, const float *y, int64_t rows,
                            float *tile);
#ifdef LOWBIT_NUMERICS_X86
void multiplyPanelsAVX2(const float *x, const float *y, int64_t rows,
                        float *tile);
void multiplyPanelsAVX512(const float *x, const float *y, int64_t rows,
                          float *tile);
#endif

static OuterProductKernel chooseKernel() {
#ifdef LOWBIT_NUMERICS_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f"))
    return multiplyPanelsAVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return multiplyPanelsAVX2;
#endif
  return multiplyPanelsBaseline;
}

OuterProductKernel outerProductKernel() {
  static const OuterProductKernel kernel = chooseKernel();
  return kernel;
}

} // namespace lowbit::numerics
