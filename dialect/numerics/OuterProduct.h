//===- OuterProduct.h - products of two panels ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_OUTERPRODUCT_H
#define LOWBIT_NUMERICS_OUTERPRODUCT_H

#include <cstdint>

namespace lowbit::numerics {

/// tile = x^T y for panels x and y of `rows` rows (see PackedRows); `tile` is
/// square and row-major. Each sum is in the order of the rows.
using OuterProductKernel = void (*)(const float *x, const float *y,
                                    int64_t rows, float *tile);

/// The fastest kernel that this machine can run. Machines with fused
/// multiplication and addition round less often than others.
OuterProductKernel outerProductKernel();

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_OUTERPRODUCT_H
