//===- NarrowFloats.cpp - weights as floats of 16 bits --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowFloats.h"
#include "MatrixRounding.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

/// The bits of `value` rounded to `type`, f16 or bf16.
static uint16_t narrow(FloatType type, float value) {
  return static_cast<uint16_t>(numerics::scaleToBits(
      type.isF16() ? numerics::ScaleFormat::F16 : numerics::ScaleFormat::BF16,
      value));
}

FailureOr<std::vector<uint8_t>>
lowbit::narrowMatrix(Operation *user, const ConstantMatrix &matrix,
                     FloatType type) {
  if (failed(checkSplat(user, matrix)))
    return failure();
  std::vector<uint8_t> bytes;
  bytes.reserve(2 * matrix.rows * matrix.columns);
  int64_t beyond = 0;
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (auto [column, value] :
         llvm::enumerate(matrix.readRows(row, row + 1))) {
      uint16_t bits = narrow(type, value);
      if (!std::isfinite(value))
        return user->emitOpError()
               << "weight '" << matrix.name() << "': row " << row << ", column "
               << column << ": weights must be finite, found "
               << (std::isnan(value) ? "nan"
                   : value < 0       ? "-inf"
                                     : "inf");
      beyond += type.isF16() && (bits & 0x7FFF) == 0x7C00;
      bytes.push_back(static_cast<uint8_t>(bits));
      bytes.push_back(static_cast<uint8_t>(bits >> 8));
    }
  if (beyond)
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': requires numbers of at most 65504 for f16, found " << beyond
           << " larger ones; use bf16 or keep the layer as it is";
  return bytes;
}
