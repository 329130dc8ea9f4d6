//===- BodyToWords.h - scalar code in 32-bit words --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GPUs that every browser runs on have no type but i32, f32 and booleans.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_BODYTOWORDS_H
#define LOWBIT_LIB_CODEGEN_GPU_BODYTOWORDS_H

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Operation.h"

namespace lowbit {

/// Whether `type` is a float of 8 or 16 bits, or of 16.
bool isNarrowFloat(mlir::Type type);
bool isHalf(mlir::Type type);

/// The type that a value has in a kernel; null where there is none.
mlir::Type getKernelType(mlir::Type type);

/// Copies scalar operations into a kernel, in words: an i64 becomes an i32,
/// which is the same while numbers fit; an i8 or i16 its bits in the low end of
/// an i32, zeros above, to which results wrap around, and so does a float of 8
/// bits; an f16 or bf16 an f32 that is one of its numbers, to which results are
/// rounded.
class BodyToWords {
public:
  BodyToWords(mlir::ImplicitLocOpBuilder &builder, mlir::IRMapping &mapping)
      : b(builder), mapping(mapping) {}

  /// Copies `op`, its operands being mapped. Emits an error at it if words
  /// can't say the same.
  llvm::LogicalResult copy(mlir::Operation &op);
  /// The number of `width` bits in the low end of a word, with its sign.
  mlir::Value extendSign(mlir::Value word, unsigned width);
  /// The value of `type` with these bits in the low end of a word, zeros above.
  mlir::Value fromBits(mlir::Value word, mlir::Type type);
  /// The f32 that is the f16 or bf16 nearest to `number`, ties to even.
  mlir::Value roundTo(mlir::Value number, mlir::Type type);
  mlir::Value roundToHalf(mlir::Value number, mlir::Value bits,
                          mlir::Value magnitude);
  mlir::Value roundToUpperHalf(mlir::Value bits);
  /// The word as an element of a buffer, and back.
  mlir::Value toElement(mlir::Value value, mlir::Type type);
  mlir::Value fromElement(mlir::Value word, mlir::Type type);
  /// What a host gives for a value of `type`, as the value.
  mlir::Value fromHost(mlir::Value given, mlir::Type type);

private:
  llvm::LogicalResult copyConstant(mlir::Operation &op);
  void copyToWords(mlir::Operation &op);
  mlir::Operation *cloneOn(mlir::Operation &op, mlir::ValueRange operands,
                           bool isOfNarrow);
  mlir::Value remainder(mlir::Value number, mlir::Value by);
  bool copyCast(mlir::Operation &op);
  mlir::Value copyIntegerCast(mlir::Operation &op, mlir::Value source);
  mlir::Value copyFloatCast(mlir::Operation &op, mlir::Value source);
  mlir::Value keepBits(mlir::Value word, unsigned width);
  mlir::Value decodeFloat(mlir::Value word, mlir::FloatType type);
  mlir::Value constant(int64_t value);

  mlir::ImplicitLocOpBuilder &b;
  mlir::IRMapping &mapping;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_BODYTOWORDS_H
