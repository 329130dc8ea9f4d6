// RUN: quant-opt %s --lowbit-cpu-bind-weights --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: module attributes {lowbit.signature = {inputs = ["hidden"], outputs = ["output0"], type = (tensor<?x2xf32>) -> tensor<2x2xf32>},
// CHECK-SAME: lowbit.weights = {lowbit.weight.fc1 = dense<{{.*}}> : tensor<2x2xf32>}}
// CHECK: memref.global constant @lowbit.weight.fc1 : memref<2x2xf32> {alignment = 4 : i64}
// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @main
// CHECK-SAME: %{{.*}}: tensor<?x2xf32> {bufferization.writable = false}
// CHECK: %[[M:.*]] = memref.get_global @lowbit.weight.fc1 : memref<2x2xf32>
// CHECK: bufferization.to_tensor %[[M]] restrict : memref<2x2xf32> to tensor<2x2xf32>
lowbit.global @fc1 : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}
lowbit.global @unused : tensor<2xf32> {data = dense<0.0> : tensor<2xf32>}
func.func @main(%x: tensor<?x2xf32> {lowbit.dims = ["rows", ""], lowbit.name = "hidden"}) -> tensor<2x2xf32> {
  %w = lowbit.weight @fc1 : tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>
lowbit.global @fc2 : !lowbit.tensor<2x4xf32, #int4> {codes = dense<[16, 50, 84, 118]> : tensor<4xi8>,
                                                     scale = dense<1.0> : tensor<2x1xf16>}
func.func @quantized() -> !lowbit.tensor<2x4xf32, #int4> {
  // expected-error @+1 {{requires a weight of static plain tensor type, found '!lowbit.tensor}}
  %w = lowbit.weight @fc2 : !lowbit.tensor<2x4xf32, #int4>
  return %w : !lowbit.tensor<2x4xf32, #int4>
}

// -----

lowbit.global @bits : tensor<4xi1> {data = dense<[true, false, true, true]> : tensor<4xi1>}
func.func @of_bits() -> tensor<4xi1> {
  // expected-error @+1 {{requires a weight of elements of 8, 16, 32 or 64 bits, found 'tensor<4xi1>': store it as wider elements}}
  %w = lowbit.weight @bits : tensor<4xi1>
  return %w : tensor<4xi1>
}
