//===- QuantizedWeight.h - weights that come as codes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What quantized operators share: constants read as codes and numbers, and a
// matrix of codes that becomes a `lowbit.global`. Codes are carried over as
// they are; nothing here rounds anything.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_QUANTIZEDWEIGHT_H
#define LOWBIT_FRONTENDS_ONNX_QUANTIZEDWEIGHT_H

#include "Value.h"

#include "lowbit/Numerics/Matrix.h"

#include "mlir/IR/BuiltinTypes.h"

#include <optional>
#include <vector>

namespace lowbit::frontend {

/// Codes and parameters of a weight, ready for a global.
struct QuantizedWeight {
  numerics::QuantizedMatrix matrix;
  /// Where each logical column is stored; empty for the natural order.
  std::vector<int32_t> permutation;
  /// ONNX type of the numbers that the codes stand for.
  int32_t expressed = onnx::TensorProto::FLOAT;
};

/// Whether integers of `type` are codes that a weight may have.
inline bool isCodeType(int32_t type) {
  return isInteger(type) && bitSize(type) != 0 && bitSize(type) <= 8;
}

/// The integers of a constant as unsigned codes: half of the range is added to
/// those of a signed type. Nothing unless `value` is a constant of a code type.
std::optional<std::vector<uint8_t>> readCodes(const Value &value);

/// The numbers of a constant of float type with at most 32 bits.
std::optional<std::vector<float>> readNumbers(const Value &value);

/// Says where a constant's numbers lie, as a key that equal constants share.
std::string dataKey(const Value &value);

/// The encoding of `bits`-bit codes with one zero point for each parameter set,
/// in the form that stores least: signed codes where all lie in the middle of
/// the range, no zero point where all are 0. Granularity is left to the caller.
numerics::Encoding describeCodes(unsigned bits,
                                 llvm::ArrayRef<uint8_t> zeroPoints);

/// The storage that holds scales (and fractional zero points) of ONNX types
/// `types` exactly.
numerics::ScaleFormat scaleFormatOf(llvm::ArrayRef<int32_t> types);

/// Gives `weight` its meaning and data. `zeroPoints` are dropped where
/// `encoding` has none.
void fillMatrix(numerics::QuantizedMatrix &matrix,
                const numerics::Encoding &encoding, int64_t rows,
                int64_t columns, std::vector<uint8_t> codes,
                std::vector<float> scales, std::vector<float> zeroPoints);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_QUANTIZEDWEIGHT_H
