//===- RowReader.h - rows of keys and values as stored ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_ROWREADER_H
#define LOWBIT_LIB_CODEGEN_GPU_ROWREADER_H

#include "KernelParts.h"

namespace lowbit {

/// How numbers of rows lie in buffers.
enum class GPURowFormat {
  /// Words, or vectors of four where rows are a multiple of that.
  F32,
  /// Two in a word; where rows are no whole words, each is an f32.
  F16,
  /// Four codes in a word, or one where rows are no whole words, and an f32 for
  /// each row that they are multiplied by.
  Int8,
  /// Bytes, which lie like those codes, of a code of each half of the row, that
  /// of the first half below. For each row four f16: what codes of both halves
  /// are multiplied by, and what is added then.
  Int4,
};

llvm::StringRef getName(GPURowFormat format);

/// What all codes of a row need, by its halves: their factor, and what is added
/// then. Nulls where the format has none.
struct RowParameters {
  mlir::Value factors[2], offsets[2];
};

/// Buffers with [rows, width] numbers, and how a kernel reads some of them.
class RowReader : KernelParts {
public:
  /// `step` is how many numbers are read at once: 4, or 1 of rows of any width.
  RowReader(mlir::ImplicitLocOpBuilder &builder, GPURowFormat format,
            int64_t rows, int64_t width, int64_t step)
      : KernelParts(builder), format(format), rows(rows), width(width),
        step(step) {}

  /// One buffer, and one with parameters where the format has them.
  llvm::SmallVector<mlir::Type> getArgumentTypes();
  /// Takes as many arguments of a kernel from the front of the list, and names
  /// them; `name` is a word for one row, such as "key".
  void takeArguments(mlir::gpu::GPUFuncOp kernel,
                     llvm::ArrayRef<mlir::BlockArgument> &arguments,
                     llvm::StringRef name);
  /// Reads what numbers of `row` need, which is to be done outside of loops
  /// over them.
  RowParameters enter(const Index &row);
  /// Numbers `step * number` and following of a row, without its scale.
  mlir::Value load(const Index &row, const Index &number,
                   const RowParameters &parameters);
  /// The row's scale; null where there is none.
  mlir::Value loadScale(const Index &row);

private:
  /// What is in the words of the buffer of numbers.
  std::string describe() const;
  mlir::Value loadNumbers(const Index &row, const Index &number,
                          const RowParameters &parameters);
  mlir::Value decodeHalves(mlir::Value words);
  mlir::Value decodeBytes(mlir::Value word);
  /// What lies in a row beside each other: numbers, or bytes of two codes.
  int64_t getElements() const;
  /// How many of them share a word.
  int64_t getElementsPerWord() const;
  mlir::Value loadNibbles(const Index &row, const Index &number,
                          const RowParameters &parameters);
  mlir::Value scaleNibbles(mlir::Value codes, mlir::Value isUpper,
                           const RowParameters &parameters);
  mlir::Value loadOne(const Index &row, const Index &number,
                      const RowParameters &parameters);

  GPURowFormat format;
  int64_t rows, width, step;
  llvm::StringRef name;
  mlir::Value numbers, scales, parameters;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_ROWREADER_H
