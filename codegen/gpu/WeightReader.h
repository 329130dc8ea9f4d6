//===- WeightReader.h - numbers of packed weights in a kernel ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vectors have four numbers: those of four neighbouring columns.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_WEIGHTREADER_H
#define LOWBIT_LIB_CODEGEN_GPU_WEIGHTREADER_H

#include "LinearKernel.h"
#include "WordFields.h"
#include "lowbit/Reference/IndexArithmetic.h"

namespace lowbit {

/// The buffers of a weight, as arguments of a kernel.
struct WeightBuffers {
  mlir::Value codes, scales, zeroPoints, minima, outerScales, table;
};

/// What four columns' codes are multiplied with, and what is added.
struct WeightParameters {
  /// f32, or vectors where the columns differ; null where there is none.
  mlir::Value scale, zeroPoint, minimum;
};

/// Steps of four columns for which one group's parameters hold, of an atom's;
/// 0 where columns of one step may be of different groups.
int64_t findSharedSteps(const numerics::Encoding &encoding, int64_t columns,
                        int64_t atomColumns);

/// Emits the decoding of one weight.
class WeightReader {
public:
  WeightReader(mlir::ImplicitLocOpBuilder &builder, const GPULinearSpec &spec,
               const WeightBuffers &buffers);

  /// Copies the table to workgroup memory; all `threads` must pass here, of
  /// which this is number `thread`.
  void loadTable(mlir::Value thread, mlir::Value threads);
  /// Reads the table where it is, instead.
  void useTable() { table = buffers.table; }

  /// Atoms of a row, words and steps of four columns of an atom.
  int64_t getAtoms() const { return atoms; }
  int64_t getSteps() const { return fields.size(); }
  /// Steps at the beginning of an atom that are sure to share parameters, as do
  /// the next ones; 0 where columns of a step may differ.
  int64_t getSharedSteps() const { return sharedSteps; }

  /// The words of an atom of a row.
  llvm::SmallVector<mlir::Value> loadWords(const Index &row, const Index &atom);
  /// The numbers of a step before zero point and scale.
  mlir::Value decode(llvm::ArrayRef<mlir::Value> words, int64_t step);
  /// The same of step `first` or `second`, as `isSecond` says.
  mlir::Value decodeEither(const Index &row, const Index &atom, int64_t first,
                           int64_t second, mlir::Value isSecond);
  /// Steps after which fields of an atom lie as before, but for a constant
  /// number of words and of bits further on: those of a loop's body.
  int64_t getPeriod() const { return period; }
  /// Fields that codes consist of.
  int64_t getFields() const { return fields.front().size(); }
  /// The numbers of step `step`, less than the period, of turn `turn`.
  mlir::Value decodeTurn(const Index &row, const Index &atom, int64_t step,
                         const Index &turn);
  mlir::Value decodeTurnBytes(const Index &row, const Index &atom, int64_t step,
                              const Index &turn);
  /// The codes of a step as four signed bytes of a word, those of 8 bits less
  /// 128, for formats that are integers.
  mlir::Value decodeBytes(llvm::ArrayRef<mlir::Value> words, int64_t step);
  mlir::Value decodeEitherBytes(const Index &row, const Index &atom,
                                int64_t first, int64_t second,
                                mlir::Value isSecond);
  /// (step, offset): a number is step * byte + offset.
  std::pair<float, float> getByteCodes() const;
  /// The parameters of the columns of step `step` of an atom.
  WeightParameters loadParameters(const Index &row, const Index &atom,
                                  const Index &step);
  /// Number minus zero point.
  mlir::Value centre(mlir::Value numbers, const WeightParameters &parameters);
  /// (number - zero point) * scale + minimum.
  mlir::Value apply(mlir::Value numbers, const WeightParameters &parameters);
  /// The factor of a row beside its scales; null without.
  mlir::Value loadOuterScale(const Index &row);

  mlir::Value splat(mlir::Value scalar);
  mlir::Value constant(float number);

private:
  mlir::Value word(int64_t value);
  mlir::Value extract(mlir::Value word, mlir::Value shift, int64_t width,
                      int64_t codeBit);
  mlir::Value extractBytes(mlir::Value word, mlir::Value shift, int64_t width,
                           int64_t codeBit);
  using Extract = mlir::Value (WeightReader::*)(mlir::Value, mlir::Value,
                                                int64_t, int64_t);
  mlir::Value joinFields(llvm::ArrayRef<mlir::Value> words, int64_t step,
                         Extract extract);
  mlir::Value joinEither(const Index &row, const Index &atom, int64_t first,
                         int64_t second, mlir::Value isSecond, Extract extract);
  mlir::Value joinTurn(const Index &row, const Index &atom, int64_t step,
                       const Index &turn, Extract extract);
  mlir::Value toBytes(mlir::Value codes);
  mlir::Value bytesToNumbers(mlir::Value codes);
  mlir::Value toNumbers(mlir::Value codes);
  mlir::Value loadBits(mlir::Value buffer, const Index &at, int64_t bits);
  WeightParameters loadGroup(const Index &row, const Index &group);
  Index getFirstWord(const Index &row, const Index &atom);

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder indices;
  const GPULinearSpec &spec;
  WeightBuffers buffers;
  numerics::Encoding encoding;
  llvm::SmallVector<llvm::SmallVector<WordField>> fields;
  int64_t atoms, atomWords, atomColumns, sharedSteps, period;
  /// The table in workgroup memory.
  mlir::Value table;
  mlir::VectorType floats, ints;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_WEIGHTREADER_H
