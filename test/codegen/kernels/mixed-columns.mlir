// RUN: quant-opt %s --lowbit-pack --lowbit-lower-to-cpu-kernels --canonicalize --cse | FileCheck %s

// Columns of several formats come in an order of their own, times factors. Both
// is done where the panel is made, so that nothing is computed one by one.

// CHECK-LABEL: func @main
// CHECK-NOT: linalg.generic
// CHECK: lowbit.call_kernel @lowbit_panel_a16x128_permuted_factors {{.*}} ins(%{{.*}}, %{{.*}}, %c6, %{{.*}}, %c2 : tensor<?xf32>, tensor<2xi32>, index, tensor<2xf32>, index)
// CHECK: lowbit.call_kernel @lowbit_linear_int_4
// CHECK: lowbit.call_kernel @lowbit_panel_a16x128_permuted_factors {{.*}} %c6, %{{.*}}, %c4 :
// CHECK: lowbit.call_kernel @lowbit_linear_int_2
// CHECK: func.func private @lowbit_panel_a16x128_permuted_factors(
// CHECK: vector.gather
#mixed = #lowbit.encoding<mixed<2 int<4>, 4 int<2>>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f32>>
module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
lowbit.global @fc : !lowbit.tensor<3x6xf32, #mixed> {
  codes = dense<[1, 2, 3, 4, 5, 6]> : tensor<6xi8>, scale = dense<1.0> : tensor<3x1xf16>,
  column_scale = dense<[8, 0, 0, 0]> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf32>,
  column_part = dense<0x35> : tensor<1xi8>}
func.func @main(%x: tensor<?x6xf32>) -> tensor<?x3xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<3x6xf32, #mixed>
  %y = lowbit.linear %x, %w : tensor<?x6xf32>, !lowbit.tensor<3x6xf32, #mixed> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
}
