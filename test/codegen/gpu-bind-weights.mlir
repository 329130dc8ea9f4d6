// Weights become buffers without a value; the module keeps their data.

// RUN: quant-opt %s -lowbit-gpu-bind-weights | FileCheck %s

// CHECK: module attributes {lowbit.weights = {lowbit.weight.b = dense<1.000000e+00> : tensor<4xf32>}}
// CHECK: memref.global "private" constant @lowbit.weight.b : memref<4xf32>
// CHECK-LABEL: func.func @main
// CHECK: %[[B:.*]] = memref.get_global @lowbit.weight.b : memref<4xf32>
// CHECK: bufferization.to_tensor %[[B]] restrict
lowbit.global @b : tensor<4xf32> {data = dense<1.0> : tensor<4xf32>}
func.func @main() -> tensor<4xf32> {
  %0 = lowbit.weight @b : tensor<4xf32>
  return %0 : tensor<4xf32>
}
