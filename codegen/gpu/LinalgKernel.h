//===- LinalgKernel.h - a kernel for an operation on buffers ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes an element of the result. Views of buffers vanish: kernels
// take the buffers themselves, and the view's strides are part of the address,
// which is a constant expression in all but the loops' counters and what the
// host would compute, such as the position in a cache.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LINALGKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_LINALGKERNEL_H

#include "BodyToWords.h"
#include "KernelModule.h"
#include "lowbit/Reference/IndexArithmetic.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

namespace lowbit {

/// Whether elements of a buffer are packed into words: of weights those that
/// the model's file has narrow, and states that are written by whole words.
bool isPacked(mlir::Value base);

/// One kernel under construction.
class LinalgKernel {
public:
  LinalgKernel(KernelModule &module, mlir::Operation *op)
      : module(module), op(op), b(op->getLoc(), op->getContext()),
        indices(b, op->getLoc()), words(b, mapping) {}

  /// Adds the buffers that an operand, a scalar of the host, and the values
  /// that a body captures refer to.
  llvm::LogicalResult addBuffer(mlir::Value buffer, bool isWritten);
  llvm::LogicalResult addScalar(mlir::Value value);
  llvm::LogicalResult addCaptured(mlir::Region &region);
  /// Begins the kernel and a thread for each point of `extents`, or as many
  /// neighbours as `lanes` says; returns its coordinates, which shaders call
  /// by `names` if there are any.
  llvm::FailureOr<llvm::SmallVector<Index>>
  begin(llvm::StringRef name, llvm::ArrayRef<int64_t> extents,
        int64_t lanes = 1, llvm::ArrayRef<llvm::StringRef> names = {});
  /// Where a point has several threads: which of them this is, and the sum, or
  /// the largest, of what they have.
  const Index &getLane() const { return lane; }
  mlir::Value reduceLanes(mlir::Value value, bool isMax);
  /// What follows is done by one thread of each point.
  void beginFirstLane();
  mlir::Value load(mlir::Value buffer, llvm::ArrayRef<Index> at);
  void store(mlir::Value value, mlir::Value buffer, llvm::ArrayRef<Index> at);
  /// How many elements a word of the buffer holds: 1, or more of packed ones,
  /// which are stored together, the first of them at `at`.
  int64_t getElementsPerWord(mlir::Value buffer);
  void storeWord(llvm::ArrayRef<mlir::Value> elements, mlir::Value buffer,
                 llvm::ArrayRef<Index> at);
  /// Copies the body of `linalgOp` for one point; returns what it yields.
  llvm::FailureOr<llvm::SmallVector<mlir::Value>>
  copyBody(mlir::linalg::LinalgOp linalgOp, llvm::ArrayRef<Index> point,
           mlir::ValueRange inits);
  llvm::LogicalResult copyOperation(mlir::Operation &inner,
                                    llvm::ArrayRef<Index> point);
  /// The elements of `map` at a point.
  llvm::SmallVector<Index> apply(mlir::AffineMap map,
                                 llvm::ArrayRef<Index> point);
  /// Replaces the operation by a dispatch.
  void finish();
  void drop() {
    if (kernel)
      kernel.erase();
  }

  KernelModule &module;
  mlir::Operation *op;
  mlir::ImplicitLocOpBuilder b;
  IndexBuilder indices;
  mlir::IRMapping mapping;
  BodyToWords words;

  llvm::LogicalResult copyFromHost(mlir::Value value);

private:
  llvm::LogicalResult addBase(mlir::Value base, bool isWritten);
  llvm::FailureOr<Index> findOffset(mlir::Value buffer);
  void makeFunction(llvm::StringRef name);
  llvm::SmallVector<Index> findPoint(llvm::ArrayRef<int64_t> extents,
                                     llvm::ArrayRef<llvm::StringRef> names);
  mlir::Value copyExtremum(mlir::Operation &inner);
  Index getAddress(mlir::Value buffer, llvm::ArrayRef<Index> at);

  mlir::gpu::GPUFuncOp kernel;
  int64_t threads = 0, lanes = 1;
  Index lane;
  /// Whether the thread's point exists, where threads beyond the last point
  /// repeat it; null if all do.
  mlir::Value exists;
  /// Base buffers in the order of arguments, read ones before written ones.
  llvm::SetVector<mlir::Value> read, written;
  llvm::DenseMap<mlir::Value, mlir::Value> arguments;
  /// Views whose place the host computes, and the place once it is known.
  llvm::MapVector<mlir::Value, Index> places;
  mlir::scf::IfOp guard;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LINALGKERNEL_H
