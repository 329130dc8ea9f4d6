//===- QuantizedValue.h - a quantized tensor taken apart --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a `!lowbit.tensor` becomes under the reference type conversion, and how
// its elements are read.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_QUANTIZEDVALUE_H
#define LOWBIT_REFERENCE_QUANTIZEDVALUE_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Reference/IndexArithmetic.h"

namespace lowbit {

/// Why values of `type` have no components, or an empty string.
std::string explainUnsupported(QuantizedTensorType type);

/// Names and types of the components of `type`, which must be supported.
/// Dynamic rows give dynamic extents.
llvm::SmallVector<std::pair<llvm::StringRef, mlir::RankedTensorType>, 5>
getReferenceComponents(QuantizedTensorType type);

/// The parts of one value: its components, then the extents of its dynamic
/// dimensions.
class QuantizedValue {
public:
  QuantizedValue(QuantizedTensorType type, mlir::ValueRange parts)
      : type(type), parts(parts) {}

  QuantizedTensorType getType() const { return type; }
  /// The component called `name`, or null where the value has none.
  mlir::Value getComponent(llvm::StringRef name) const;
  /// The logical shape.
  llvm::SmallVector<mlir::OpFoldResult>
  getShape(mlir::OpBuilder &builder) const;
  /// The number at row `n`, column `k`, as f32. Columns must have one format.
  mlir::Value buildElement(IndexBuilder &builder, Index n, Index k) const;
  /// The number at a position of the logical shape, as f32; the same.
  mlir::Value buildElement(IndexBuilder &builder,
                           mlir::ValueRange position) const;
  /// All numbers, in the expressed type, of any encoding.
  mlir::Value buildDequantize(mlir::OpBuilder &builder,
                              mlir::Location loc) const;

private:
  mlir::Value buildWindow(IndexBuilder &builder, Index n, Index k) const;
  mlir::Value buildParameter(IndexBuilder &builder, llvm::StringRef name,
                             Index n, Index g) const;
  mlir::Value buildStoredParameter(IndexBuilder &builder, llvm::StringRef name,
                                   Index n, Index g) const;
  mlir::Value buildLearned(IndexBuilder &builder, Index n,
                           mlir::Value code) const;
  mlir::Value buildColumnScale(IndexBuilder &builder, Index k) const;
  mlir::Value buildColumnPart(IndexBuilder &builder, Index k) const;
  mlir::Value buildPlaces(mlir::OpBuilder &builder, mlir::Location loc) const;
  mlir::Value buildPart(mlir::OpBuilder &builder, mlir::Location loc,
                        size_t index) const;
  mlir::Value buildMixedElement(IndexBuilder &builder,
                                llvm::ArrayRef<mlir::Value> parts,
                                mlir::Value places,
                                llvm::SmallVector<mlir::Value> position) const;

  QuantizedTensorType type;
  mlir::ValueRange parts;
};

/// `value`, a float, as f32.
mlir::Value extendToF32(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value value);
/// `value`, an f32, rounded to the float type `type`.
mlir::Value roundToType(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Value value, mlir::Type type);
/// `op`'s operand in the expressed type: a quantized one is dequantized.
mlir::Value buildExpressed(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Type originalType, mlir::ValueRange parts);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_QUANTIZEDVALUE_H
