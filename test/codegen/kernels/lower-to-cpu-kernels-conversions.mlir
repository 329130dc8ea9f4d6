// RUN: quant-opt %s --split-input-file --lowbit-lower-to-cpu-kernels | FileCheck %s

// A permuted weight meets the columns of its input in its own order: the panel
// kernel reads them through the inverse of the permutation. Layers with the same
// input and weight share the panel.

#int4 = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
#planes = #lowbit.planes<rows = 32, padding = 4>

// CHECK-DAG: lowbit.global @w.blob : tensor<128xi8>
// CHECK-DAG: lowbit.global @w.columns : tensor<3xi32> {data = dense<[1, 2, 0]> : tensor<3xi32>}
lowbit.global @w : !lowbit.tensor<2x3xf32, #int4, #planes> {blob = dense<0> : tensor<128xi8>, permutation = dense<[2, 0, 1]> : tensor<3xi32>}

// CHECK-LABEL: func.func @permuted
// CHECK-SAME: (%[[X:.*]]: tensor<?x3xf32>)
func.func @permuted(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x3xf32, #int4, #planes>
  // CHECK-DAG: %[[FLAT:.*]] = tensor.collapse_shape %[[X]]
  // CHECK-DAG: %[[COLUMNS:.*]] = lowbit.weight @w.columns
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x128_permuted {{.*}} ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>, tensor<?xi32>, index)
  // CHECK: lowbit.call_kernel @lowbit_linear_
  %y = lowbit.linear %x, %w : tensor<?x3xf32>, !lowbit.tensor<2x3xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// CHECK: func.func private @lowbit_panel_a16x128_permuted(
// CHECK: vector.gather

// -----

// Kernels take and give f32: other floats are widened before and rounded once
// after.

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 128, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x3xf16, #int4, #planes> {blob = dense<0> : tensor<128xi8>}

// CHECK-LABEL: func.func @half
func.func @half(%x: tensor<?x3xf16>, %r: tensor<?x2xf16>) -> tensor<?x2xf16> {
  %w = lowbit.weight @w : !lowbit.tensor<2x3xf16, #int4, #planes>
  // CHECK: arith.extf {{.*}} : f16 to f32
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x128
  %q = lowbit.quantize %x : tensor<?x3xf16> -> !lowbit.tensor<?x3xf16, #a16>
  // CHECK: arith.extf {{.*}} : f16 to f32
  // CHECK: lowbit.call_kernel @lowbit_linear_
  // CHECK: arith.truncf {{.*}} : f32 to f16
  %y = lowbit.linear %q, %w residual %r : !lowbit.tensor<?x3xf16, #a16>, !lowbit.tensor<2x3xf16, #int4, #planes> -> tensor<?x2xf16>
  return %y : tensor<?x2xf16>
}
