//===- WeightEditor.h - float weights with other numbers --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transformations before quantization change the numbers of weights. New
// numbers take over the name, so that statistics and rules still find the
// layer.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_WEIGHTEDITOR_H
#define LOWBIT_PREPARE_WEIGHTEDITOR_H

#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/PackedData.h"

namespace lowbit {

class WeightEditor {
public:
  /// With `releaseData`, memory of numbers that are replaced is freed.
  WeightEditor(mlir::ModuleOp module, bool releaseData)
      : module(module), eraser(module, releaseData) {}

  /// The float matrix behind `operand`, if its numbers may change: it is a
  /// whole constant that no other operation reads. Otherwise `reason` says why.
  std::optional<ConstantMatrix> getOwnMatrix(mlir::OpOperand &operand,
                                             std::string &reason);
  /// The numbers behind `operand`, a constant of any rank, if they are floats
  /// and at hand. Others may read it.
  std::optional<std::vector<float>> readConstant(mlir::OpOperand &operand);

  /// Gives `operand` a constant of its own with `values`, of its type.
  void replace(mlir::OpOperand &operand, llvm::ArrayRef<float> values);
  /// The same without an operand: a value of `type` before `op`, called `name`.
  mlir::Value create(mlir::Operation *op, mlir::RankedTensorType type,
                     llvm::StringRef name, llvm::ArrayRef<float> values);

  /// The same for integers of 16 or 32 bits, [...].
  mlir::Value createIndices(mlir::Operation *op, mlir::RankedTensorType type,
                            llvm::StringRef name,
                            llvm::ArrayRef<int32_t> values);

private:
  mlir::Value createGlobal(mlir::Operation *op, mlir::RankedTensorType type,
                           llvm::StringRef name, std::vector<uint8_t> bytes);
  bool isReadByOthers(GlobalOp global, mlir::Operation *reader);
  std::string freeName(llvm::StringRef wanted);

  mlir::ModuleOp module;
  GlobalEraser eraser;
};

} // namespace lowbit

#endif // LOWBIT_PREPARE_WEIGHTEDITOR_H
