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

// Inputs stay as they are given; states are updated in place.
// CHECK-LABEL: func.func @step
// CHECK-SAME:    (%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{.*}}: tensor<4xf32> {lowbit.state = 1 : i64})
func.func @step(%x: tensor<4xf32>, %cache: tensor<4xf32> {lowbit.state = 1 : i64}) -> (tensor<4xf32>, tensor<4xf32>) {
  return %x, %cache : tensor<4xf32>, tensor<4xf32>
}
