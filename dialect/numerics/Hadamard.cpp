//===- Hadamard.cpp - rotations that spread outliers ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Hadamard.h"

#include <cmath>

namespace lowbit::numerics {

int64_t hadamardBlock(int64_t columns) {
  return columns > 0 ? columns & -columns : 1;
}

/// The fast transform of `size` numbers.
static void transform(double *values, int64_t size) {
  for (int64_t half = 1; half < size; half *= 2)
    for (int64_t begin = 0; begin < size; begin += 2 * half)
      for (int64_t i = begin; i < begin + half; ++i) {
        double a = values[i], b = values[i + half];
        values[i] = a + b;
        values[i + half] = a - b;
      }
  double scale = 1 / std::sqrt(static_cast<double>(size));
  for (int64_t i = 0; i < size; ++i)
    values[i] *= scale;
}

static void transformBlocks(std::vector<double> &row) {
  auto columns = static_cast<int64_t>(row.size());
  int64_t size = hadamardBlock(columns);
  for (int64_t begin = 0; begin < columns; begin += size)
    transform(row.data() + begin, size);
}

void rotateBlocks(float *matrix, int64_t rows, int64_t columns) {
  for (float *row = matrix; row != matrix + rows * columns; row += columns) {
    std::vector<double> values(row, row + columns);
    transformBlocks(values);
    for (int64_t k = 0; k < columns; ++k)
      row[k] = static_cast<float>(values[k]);
  }
}

/// A sign for each column: a bit of a mixed counter (splitmix64: Steele et al.,
/// 2014), the same everywhere.
static double signOf(int64_t column) {
  uint64_t z = (static_cast<uint64_t>(column) + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return (z >> 63) ? -1 : 1;
}

/// A row times diag(s) (R (x) H).
static void rotate(std::vector<double> &row) {
  auto columns = static_cast<int64_t>(row.size());
  for (int64_t k = 0; k < columns; ++k)
    row[k] *= signOf(k);
  transformBlocks(row);
  int64_t size = hadamardBlock(columns), blocks = columns / size;
  if (blocks == 1)
    return;
  for (int64_t i = 0; i < size; ++i) {
    double sum = 0;
    for (int64_t block = 0; block < blocks; ++block)
      sum += row[block * size + i];
    for (int64_t block = 0; block < blocks; ++block)
      row[block * size + i] -= 2 * sum / static_cast<double>(blocks);
  }
}

void rotateRows(float *matrix, int64_t rows, int64_t columns) {
  for (float *row = matrix; row != matrix + rows * columns; row += columns) {
    std::vector<double> values(row, row + columns);
    rotate(values);
    for (int64_t k = 0; k < columns; ++k)
      row[k] = static_cast<float>(values[k]);
  }
}

void rotateColumns(float *matrix, int64_t rows, int64_t columns) {
  std::vector<double> values(rows);
  for (int64_t k = 0; k < columns; ++k) {
    for (int64_t n = 0; n < rows; ++n)
      values[n] = matrix[n * columns + k];
    rotate(values);
    for (int64_t n = 0; n < rows; ++n)
      matrix[n * columns + k] = static_cast<float>(values[n]);
  }
}

std::vector<float> hadamardMatrix(int64_t size) {
  std::vector<float> matrix(size * size);
  float entry = static_cast<float>(1 / std::sqrt(static_cast<double>(size)));
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j)
      matrix[i * size + j] =
          __builtin_parityll(static_cast<unsigned long long>(i & j)) ? -entry
                                                                     : entry;
  return matrix;
}

} // namespace lowbit::numerics
