// RUN: quant-opt %s --lowbit-quantize-weights=method=trellis4-s8 | FileCheck %s

// Rates that a layer has of its own go before the method's; its state and scales are those of the method.

// CHECK-DAG: #[[T:.*]] = #lowbit.encoding<mixed<1 trellis<state = 8, rate = 3>, 3 trellis<state = 8, rate = 1>>, channel, scale = f8E4M3FN, tensor_scale, column_scale
// CHECK: lowbit.global @fc : !lowbit.tensor<4x4xf32, #[[T]]> {codes = dense<{{.*}}> : tensor<4xi8>, column_part = dense<13> : tensor<1xi8>
// CHECK-NOT: lowbit.rates
lowbit.global @fc : tensor<4x4xf32> {data = dense<[[0.4, 0.4, 0.4, 2.0], [-0.4, 0.6, 0.1, -1.0], [1.4, -0.1, 0.2, 0.3], [0.1, 0.2, -0.7, 0.1]]> : tensor<4x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<1.0> : tensor<4x4xf32>}
lowbit.statistics "fc.gradient" layers ["fc"] count 8 {gradient_mean_square = dense<1.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w {lowbit.rates = array<i8: 1, 3, 1, 1>} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
