//===- FeatureScaling.h - factors that constants take up --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value [..., K] can be multiplied by a vector without an operation, where
// constants upstream decide its magnitude: the weight of a norm, the rows of
// the layer before, the columns of an embedding. Factors pass through whatever
// is linear in one operand, or positively homogeneous, and through everything
// that moves elements: a gate's product, reshapes, transpositions, attention in
// its values.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_FEATURESCALING_H
#define LOWBIT_PREPARE_FEATURESCALING_H

#include "WeightEditor.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {

class FeatureScaling {
public:
  explicit FeatureScaling(WeightEditor &editor) : editor(editor) {}

  /// Looks for the constants that take up factors of the last dimension of
  /// `value`, which `readers` alone read. Fails with a reason.
  mlir::LogicalResult plan(mlir::Value value,
                           llvm::ArrayRef<mlir::Operation *> readers);
  llvm::StringRef getReason() const { return reason; }

  /// For each column the first one that must have the same factor: heads of
  /// queries that read one head of values share its factors.
  llvm::ArrayRef<int32_t> getClasses() const { return classes; }

  /// Multiplies column k of the value by factors[k], which are positive and
  /// the same within a class.
  void apply(llvm::ArrayRef<float> factors);

  /// No column.
  static constexpr int32_t kNone = -1;

  /// Layers whose rows `apply` multiplies, and the column that each row becomes
  /// part of, or kNone.
  struct Rows {
    LinearOp layer;
    std::vector<int32_t> columns;
  };
  llvm::ArrayRef<Rows> getRows() const { return rows; }

private:
  /// Which dimensions of a value are the features, the last varying fastest,
  /// and the column that each combination of their indices is; kNone for those
  /// that something else reads, which keep their numbers.
  struct Features {
    llvm::SmallVector<int64_t, 2> dims;
    std::vector<int32_t> columns;
  };
  /// A constant operand whose numbers are multiplied.
  struct Site {
    mlir::OpOperand *operand;
    std::vector<int32_t> columns;
  };

  bool fail(const llvm::Twine &text) {
    reason = text.str();
    return false;
  }
  bool isOnlyReadBy(mlir::Value value,
                    llvm::ArrayRef<mlir::Operation *> readers);
  bool trace(mlir::Value value, Features features);
  bool traceOperand(mlir::OpOperand &operand, Features features);
  bool traceReshape(mlir::Operation *op, const Features &features);
  bool traceSlice(mlir::tensor::ExtractSliceOp op, const Features &features);
  bool traceTranspose(mlir::linalg::TransposeOp op, Features features);
  bool traceAttention(AttentionOp op, const Features &features);
  bool traceLinear(LinearOp op, const Features &features);
  bool traceEmbedding(EmbeddingOp op, const Features &features);
  bool traceElementwise(mlir::linalg::LinalgOp op, const Features &features);
  bool traceScalar(mlir::linalg::LinalgOp op, mlir::Value scalar,
                   const Features &features);
  bool traceInput(mlir::linalg::LinalgOp op, mlir::BlockArgument element,
                  const Features &features);
  bool addVector(mlir::OpOperand &operand, const Features &features);
  bool isConstant(mlir::linalg::LinalgOp op, mlir::Value scalar);

  WeightEditor &editor;
  std::string reason;
  std::vector<int32_t> classes;
  std::vector<Rows> rows;
  std::vector<Site> sites;
};

} // namespace lowbit

#endif // LOWBIT_PREPARE_FEATURESCALING_H
