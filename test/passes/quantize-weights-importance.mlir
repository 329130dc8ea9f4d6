// RUN: quant-opt %s '--lowbit-quantize-weights=method=#lowbit.encoding<int<2>,scale=f32> scale-search=importance' | FileCheck %s
// RUN: quant-opt %s '--lowbit-quantize-weights=method=#lowbit.encoding<int<2>,scale=f32>' | FileCheck %s --check-prefix=EQUAL

// Where the layer reads zeros almost always, errors matter little: the scale
// serves the other columns. Without importance it is a compromise.

// CHECK: lowbit.global @fc : {{.*}} scale = dense<-{{0.50000|5.0000}}
// EQUAL: lowbit.global @fc : {{.*}} scale = dense<-{{0.857|8.57}}
lowbit.global @fc : tensor<1x4xf32> {data = dense<[[0.5, 1.0, -0.5, 2.0]]> : tensor<1x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<[1.0, 1.0, 1.0, 0.0]> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
