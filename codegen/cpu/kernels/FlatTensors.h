//===- FlatTensors.h - tensors as kernels take them -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels take flat buffers of f32, so leading dimensions collapse into rows
// before a call and unfold after it. All of it is reshapes that cost nothing
// once bufferized, but for `convertFloats`.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_FLATTENSORS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_FLATTENSORS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lowbit::cpu {

/// The rows of a tensor [..., K]: a flat view and how many there are.
struct FlatRows {
  mlir::Value flat, count;
};

/// tensor<?x`element`>.
inline mlir::RankedTensorType flatTensor(mlir::Type element) {
  return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic}, element);
}

/// tensor<Nxf32> as tensor<?xf32>.
mlir::Value asDynamic(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

/// `tensor` with floats of another type. Kernels take and give f32; what they
/// compute from f16 and bf16 is rounded once, at the end.
mlir::Value convertFloats(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor,
                          mlir::Type element);

/// A flat view of [..., K], with the number of its rows.
FlatRows flattenRows(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

/// A flat view of a tensor of any rank, with the number of its elements.
FlatRows flattenAll(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

/// A flat result as `type`; `like` has the same leading dimensions.
mlir::Value unflatten(mlir::ImplicitLocOpBuilder &b, mlir::Value flat,
                      mlir::Value like, mlir::RankedTensorType type);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_FLATTENSORS_H
