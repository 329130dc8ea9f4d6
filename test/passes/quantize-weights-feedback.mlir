// RUN: quant-opt %s '--lowbit-quantize-weights=method=gptq-#lowbit.encoding<int<2>,scale=f32> scale-search=absmax' | FileCheck %s
// RUN: quant-opt %s '--lowbit-quantize-weights=method=#lowbit.encoding<int<2>,scale=f32> scale-search=absmax' | FileCheck %s --check-prefix=NEAREST
// RUN: quant-opt %s '--lowbit-quantize-weights=method=gptq-#lowbit.encoding<int<2>,scale=f32,permuted> scale-search=absmax sweeps=1' | FileCheck %s --check-prefix=PERMUTED

// Where two columns are nearly the same, what is missing in one can be made up
// by the other: with errors fed forward, three times 0.4 do not all become 0.

// CHECK: lowbit.global @fc : !lowbit.tensor<1x4xf32, #int2_f32> {codes = dense<38> : tensor<1xi8>
// NEAREST: lowbit.global @fc : !lowbit.tensor<1x4xf32, #int2_f32> {codes = dense<42> : tensor<1xi8>
// PERMUTED: lowbit.global @fc : {{.*}} permutation = dense<{{.*}}> : tensor<4xi32>
lowbit.global @fc : tensor<1x4xf32> {data = dense<[[0.4, 0.4, 0.4, 2.0]]> : tensor<1x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<[
  [1.0, 0.99, 0.99, 0.0],
  [0.99, 1.0, 0.99, 0.0],
  [0.99, 0.99, 1.0, 0.0],
  [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
