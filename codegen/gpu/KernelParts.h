//===- KernelParts.h - what handwritten kernels are made of -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_KERNELPARTS_H
#define LOWBIT_LIB_CODEGEN_GPU_KERNELPARTS_H

#include "KernelModule.h"
#include "lowbit/Reference/IndexArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

namespace lowbit {

/// Numbers that kernels read at once where a row is a multiple of so many.
inline constexpr int64_t kGPUStep = 4;

/// Operations that builders of kernels share: threads, workgroup memory, and
/// arithmetic on numbers or on vectors of four.
class KernelParts {
public:
  explicit KernelParts(mlir::ImplicitLocOpBuilder &builder)
      : b(builder), indices(builder, builder.getLoc()) {}

protected:
  mlir::Value constantIndex(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  /// The number, or a vector of it.
  mlir::Value constantFloat(mlir::Type type, float value) {
    mlir::TypedAttr number =
        b.getFloatAttr(mlir::getElementTypeOrSelf(type), value);
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(type))
      number = mlir::DenseElementsAttr::get(vector, number);
    return mlir::arith::ConstantOp::create(b, number);
  }
  Index thread() {
    return indices.value(
        mlir::gpu::ThreadIdOp::create(b, mlir::gpu::Dimension::x),
        isFixed ? kGPUWorkgroupSize : kLargestGPUWorkgroup);
  }
  /// How many threads a workgroup has.
  mlir::Value threads() {
    if (isFixed)
      return constantIndex(kGPUWorkgroupSize);
    return mlir::gpu::BlockDimOp::create(b, mlir::gpu::Dimension::x);
  }
  /// Leaves the size of workgroups to the host: `count` threads in all, and
  /// `number` is this one's, which may be beyond. Returns the grid for 64.
  std::array<int64_t, 3> spread(mlir::gpu::GPUFuncOp kernel, int64_t count,
                                Index &number);
  Index block(mlir::gpu::Dimension dimension, int64_t count) {
    return indices.value(mlir::gpu::BlockIdOp::create(b, dimension), count);
  }
  mlir::Value isBelow(const Index &index, mlir::Value limit) {
    return mlir::arith::CmpIOp::create(b, mlir::arith::CmpIPredicate::ult,
                                       indices.materialize(index), limit);
  }
  mlir::Value isBelow(const Index &index, int64_t limit) {
    return isBelow(index, constantIndex(limit));
  }
  /// `row`, or the last of `count` where it is beyond; it is less than `most`.
  Index clamp(const Index &row, int64_t count, int64_t most) {
    if (most <= count)
      return row;
    return indices.value(mlir::arith::MinUIOp::create(b,
                                                      indices.materialize(row),
                                                      constantIndex(count - 1)),
                         count);
  }
  /// Four columns of a row of a [rows, count] buffer of numbers, or of vectors
  /// where `count` is a multiple of four: `column` is one, less than `most`;
  /// zeros from `count` on.
  mlir::Value loadColumns(mlir::Value buffer, const Index &row,
                          const Index &column, int64_t count, int64_t most);
  mlir::Value constantWord(int64_t value) {
    return mlir::arith::ConstantIntOp::create(b, value, 32);
  }
  /// Workgroup memory.
  mlir::Value shared(int64_t size, mlir::Type element, llvm::StringRef name) {
    auto space = mlir::gpu::AddressSpaceAttr::get(
        b.getContext(), mlir::gpu::AddressSpace::Workgroup);
    auto type =
        mlir::MemRefType::get({size}, element, mlir::AffineMap(), space);
    return named(mlir::memref::AllocOp::create(b, type), name);
  }
  /// The counter of `loop`, which goes below `limit`.
  Index counter(mlir::scf::ForOp loop, llvm::StringRef name,
                std::optional<int64_t> limit = std::nullopt) {
    return named(indices.value(loop.getInductionVar(), limit), name);
  }
  mlir::Value load(mlir::Value buffer, const Index &at) {
    return mlir::memref::LoadOp::create(b, buffer, indices.materialize(at));
  }
  void store(mlir::Value value, mlir::Value buffer, const Index &at) {
    mlir::memref::StoreOp::create(b, value, buffer, indices.materialize(at));
  }
  /// The sum of a vector's numbers.
  mlir::Value sum(mlir::Value value) {
    if (!llvm::isa<mlir::VectorType>(value.getType()))
      return value;
    return mlir::vector::ReductionOp::create(
        b, mlir::vector::CombiningKind::ADD, value);
  }
  /// The sums, or the largest, of what `lanes` neighbouring threads have.
  llvm::SmallVector<mlir::Value> reduceLanes(mlir::ValueRange values,
                                             int64_t lanes, bool isMax = false);
  /// `number` as a value of `type`.
  mlir::Value splat(mlir::Value number, mlir::Type type) {
    if (number.getType() == type)
      return number;
    return mlir::vector::BroadcastOp::create(b, type, number);
  }

  mlir::ImplicitLocOpBuilder &b;
  IndexBuilder indices;
  /// Whether the workgroup has kGPUWorkgroupSize threads.
  bool isFixed = true;
};

/// The number of this thread where the size of workgroups is the host's choice,
/// and `count` threads are wanted, which `kernel` says from here on.
Index buildGPUThreadNumber(mlir::ImplicitLocOpBuilder &b, IndexBuilder &indices,
                           mlir::gpu::GPUFuncOp kernel, int64_t count);

/// Whether there are threads beyond `count` with some size of workgroups.
bool hasGPUThreadsBeyond(int64_t count);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_KERNELPARTS_H
