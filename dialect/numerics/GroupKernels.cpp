//===- GroupKernels.cpp - choice of an instruction set --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice affects speed only: all kernels give the same bytes.
//
//===----------------------------------------------------------------------===//

#include "GroupKernels.h"

namespace lowbit::numerics {

extern const GroupKernels baselineGroupKernels;

#ifdef LOWBIT_NUMERICS_X86
extern const GroupKernels avx2GroupKernels, avx512GroupKernels;

static bool hasAVX512() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

int64_t allGroupKernels(const GroupKernels **result, int64_t capacity) {
  int64_t count = 0;
  auto add = [&](const GroupKernels &kernels) {
    if (count < capacity)
      result[count++] = &kernels;
  };
#ifdef LOWBIT_NUMERICS_X86
  __builtin_cpu_init();
  if (hasAVX512())
    add(avx512GroupKernels);
  if (__builtin_cpu_supports("avx2"))
    add(avx2GroupKernels);
#endif
  add(baselineGroupKernels);
  return count;
}

const GroupKernels &groupKernels() {
  static const GroupKernels *const best = [] {
    const GroupKernels *kernels = nullptr;
    allGroupKernels(&kernels, 1);
    return kernels;
  }();
  return *best;
}

} // namespace lowbit::numerics
