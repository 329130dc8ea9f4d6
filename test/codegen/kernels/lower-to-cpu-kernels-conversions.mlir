// RUN: quant-opt %s --split-input-file --lowbit-lower-to-cpu-kernels | FileCheck %s

// The panel kernel reads columns in the order that a gather gives them: the
// input of a weight whose columns are stored in an order of its own.

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 128, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x3xf32, #int4, #planes> {blob = dense<0> : tensor<128xi8>}
lowbit.global @w.columns : tensor<3xi32> {data = dense<[1, 2, 0]> : tensor<3xi32>}

// CHECK-LABEL: func.func @ordered
// CHECK-SAME: (%[[X:.*]]: tensor<4x3xf32>)
func.func @ordered(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x3xf32, #int4, #planes>
  %columns = lowbit.weight @w.columns : tensor<3xi32>
  %e = tensor.empty() : tensor<4x3xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(i, k) -> (k)>, affine_map<(i, k) -> (i, k)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%columns : tensor<3xi32>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%column: i32, %out: f32):
    %i = linalg.index 0 : index
    %k = arith.index_cast %column : i32 to index
    %number = tensor.extract %x[%i, %k] : tensor<4x3xf32>
    linalg.yield %number : f32
  } -> tensor<4x3xf32>
  // CHECK: %[[ORDER:.*]] = lowbit.weight @w.columns
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]]
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x128_permuted {{.*}} ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>, tensor<?xi32>, index, index)
  %q = lowbit.quantize %g : tensor<4x3xf32> -> !lowbit.tensor<4x3xf32, #a16>
  // CHECK: lowbit.call_kernel @lowbit_linear_
  %y = lowbit.linear %q, %w : !lowbit.tensor<4x3xf32, #a16>, !lowbit.tensor<2x3xf32, #int4, #planes> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
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

// -----

// Rows of a quantized table are decoded by a kernel.

#int3 = #lowbit.encoding<int<3>, group = 20, scale = f16>
lowbit.global @table : !lowbit.tensor<8x50xf32, #int3> {codes = dense<0> : tensor<150xi8>, scale = dense<1.0> : tensor<8x3xf16>}

// CHECK-LABEL: func.func @embedding
// CHECK-SAME: (%[[IDS:.*]]: tensor<1x?xi64>)
func.func @embedding(%ids: tensor<1x?xi64>) -> tensor<1x?x50xf32> {
  %w = lowbit.weight @table : !lowbit.tensor<8x50xf32, #int3>
  // CHECK-DAG: lowbit.weight @table.table.codes : tensor<150xi8>
  // CHECK-DAG: lowbit.weight @table.table.scale : tensor<8x3xf16>
  // CHECK-DAG: tensor.collapse_shape %[[IDS]]
  // CHECK: lowbit.call_kernel @lowbit_embedding_int_3_group_20_scale_f16_i64
  // CHECK: tensor.expand_shape {{.*}} : tensor<?xf32> into tensor<1x?x50xf32>
  %y = lowbit.embedding %ids, %w : tensor<1x?xi64>, !lowbit.tensor<8x50xf32, #int3> -> tensor<1x?x50xf32>
  return %y : tensor<1x?x50xf32>
}
