//===- RotatedStream.h - values that can be rotated together ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A residual stream is a set of values [..., K] that are only ever added,
// multiplied by one number per row, normalized by their root mean square, read
// by layers, and written by layers and embeddings. If all of them are
// multiplied by one orthogonal matrix, and weights by its transpose, nothing
// that layers compute changes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_ROTATEDSTREAM_H
#define LOWBIT_PREPARE_ROTATEDSTREAM_H

#include "WeightEditor.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"

namespace lowbit {

class RotatedStream {
public:
  explicit RotatedStream(WeightEditor &editor) : editor(editor) {}

  /// Collects the stream that `value` is part of. Fails with a reason if it
  /// can't be rotated.
  mlir::LogicalResult collect(mlir::Value value);
  llvm::StringRef getReason() const { return reason; }
  bool contains(mlir::Value value) const { return members.contains(value); }

  /// Rotates it. Norms' weights become part of the layers that read them.
  void rotate();

  unsigned numReaders() const { return readers.size(); }
  unsigned numWriters() const { return writers.size() + tables.size(); }

private:
  bool fail(const llvm::Twine &text) {
    reason = text.str();
    return false;
  }
  bool add(mlir::Value value, std::optional<std::vector<float>> norm);
  bool checkProducer(mlir::Value value);
  bool checkUse(mlir::OpOperand &use);
  bool checkElementwise(mlir::linalg::LinalgOp op);
  bool isFull(mlir::linalg::LinalgOp op, mlir::OpOperand &operand);
  bool isRowScalar(mlir::linalg::LinalgOp op, mlir::Value scalar);
  bool isLinear(mlir::linalg::LinalgOp op, mlir::Value scalar);
  bool addNorm(mlir::linalg::LinalgOp op, mlir::Value scalar);
  bool addWriter(LinearOp op);
  bool addReader(LinearOp op);

  WeightEditor &editor;
  std::string reason;
  int64_t columns = 0;
  llvm::SetVector<mlir::Value> members;
  /// Weights of norms that values are still to be multiplied by: readers take
  /// them over.
  llvm::DenseMap<mlir::Value, std::vector<float>> pending;
  llvm::SetVector<mlir::Operation *> readers, writers, tables;
  /// Vectors that are added, and those of norms.
  llvm::SetVector<mlir::OpOperand *> vectors, norms;
};

} // namespace lowbit

#endif // LOWBIT_PREPARE_ROTATEDSTREAM_H
