//===- Hadamard.h - rotations that spread outliers --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Orthogonal matrices whose entries have (nearly) one magnitude: what is large
// in one column becomes a little in all of them, and norms stay.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_HADAMARD_H
#define LOWBIT_NUMERICS_HADAMARD_H

#include <cstdint>
#include <vector>

namespace lowbit::numerics {

/// The largest power of two that divides `columns`.
int64_t hadamardBlock(int64_t columns);

/// Multiplies rows of `matrix` [rows, columns], in place, by I (x) H, H being
/// the Hadamard matrix of `hadamardBlock(columns)` in the order of Sylvester,
/// over the root of its size. It is its own inverse.
void rotateBlocks(float *matrix, int64_t rows, int64_t columns);

/// Multiplies rows by diag(s) (R (x) H): s are signs that depend on the column
/// alone, R = I - 2/m J reflects the m = columns / hadamardBlock(columns)
/// blocks, so that they mix, too.
void rotateRows(float *matrix, int64_t rows, int64_t columns);

/// Multiplies columns of `matrix` [rows, columns] by the transpose of the same
/// matrix of size `rows`: whoever multiplies by the result gets rotated rows.
void rotateColumns(float *matrix, int64_t rows, int64_t columns);

/// H of `size`, a power of two, over its root, [size, size].
std::vector<float> hadamardMatrix(int64_t size);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_HADAMARD_H
