//===- BlockedWeight.h - weights with a scale for each block ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs that MatMulNBits and GatherBlockQuantized of domain com.microsoft have
// in common, as ContribOperators.md of ONNX Runtime defines them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_BLOCKEDWEIGHT_H
#define LOWBIT_FRONTENDS_ONNX_BLOCKEDWEIGHT_H

#include "Importer.h"

#include "lowbit/Numerics/Layout.h"

#include "llvm/Support/MathExtras.h"

namespace lowbit::frontend {

/// A matrix [rows, columns] whose rows fall into blocks with a scale each; the
/// last of a row may be short.
struct Blocks {
  int64_t rows, columns, blockSize;
  unsigned bits;

  int64_t perRow() const { return llvm::divideCeil(columns, blockSize); }
};

/// Zero points of all blocks, as integers or as numbers of ONNX type `type`.
struct ZeroPoints {
  std::vector<uint8_t> integers;
  std::vector<float> numbers;
  int32_t type = onnx::TensorProto::FLOAT16;
};

/// Why attribute block_size is not supported; empty if it is.
std::string refuseBlockSize(int64_t blockSize);

/// Fails unless input `i` is known when the model is compiled.
llvm::Error requireConstant(Importer &im, const Node &node, int i);

/// Input `i`, a scale for each block, as f32.
llvm::Expected<std::vector<float>> readScales(Importer &im, const Node &node,
                                              int i, const Blocks &blocks);

/// Input `i`, a zero point for each block: codes, which are packed if they are
/// uint8, or numbers. Without the input all are `otherwise`, which must lie in
/// the middle of the codes' range or be 0.
llvm::Expected<ZeroPoints> readZeroPoints(Importer &im, const Node &node, int i,
                                          const Blocks &blocks,
                                          uint8_t otherwise);

/// The encoding of blocks with such zero points and scales of `scaleType`.
numerics::Encoding encodingOf(const Blocks &blocks, const ZeroPoints &zeros,
                              int32_t scaleType);

/// The matrix whose codes lie in `bytes` in layout `layout`.
numerics::QuantizedMatrix
unpackMatrix(const numerics::Encoding &encoding, const numerics::Layout &layout,
             const Blocks &blocks, llvm::ArrayRef<uint8_t> bytes,
             llvm::ArrayRef<float> scales, const ZeroPoints &zeros);

/// A key for `quantizedWeight` that weights of equal blocks, inputs and type of
/// numbers share. Inputs that are not given, also beyond the last, count as
/// absent.
std::string blocksKey(Importer &im, const Node &node, const Blocks &blocks,
                      llvm::ArrayRef<int> inputs, int32_t expressed);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_BLOCKEDWEIGHT_H
