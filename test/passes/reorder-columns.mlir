// RUN: quant-opt %s --lowbit-reorder-columns --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-set-cpu-target --lowbit-pack --split-input-file | FileCheck %s --check-prefix=PACK

// Logical column k is stored at permutation(k); so place s takes column 3, 0, 1, 2.
// Both layers share an order, and no code moves.

// CHECK-DAG: lowbit.global @a : !lowbit.tensor<2x4xf32, #int4_f16> {codes = dense<[1, 2, 3, 4]> : tensor<4xi8>, scale = dense<1.000000e+00> : tensor<2x1xf16>}
// CHECK-DAG: lowbit.global @a.columns : tensor<4xi32> {data = dense<[3, 0, 1, 2]> : tensor<4xi32>}
// CHECK-NOT: @b.columns
// CHECK-LABEL: func @two_layers
// CHECK: %[[O:.*]] = lowbit.weight @a.columns
// CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%[[O]] : tensor<4xi32>)
// CHECK: ^bb0(%[[I:.*]]: i32, %{{.*}}: f32):
// CHECK: %[[M:.*]] = linalg.index 0
// CHECK: %[[K:.*]] = arith.index_cast %[[I]] : i32 to index
// CHECK: tensor.extract %arg0[%[[M]], %[[K]]]
// CHECK: %[[W:.*]] = lowbit.weight @a : !lowbit.tensor<2x4xf32, #int4_f16>
// CHECK: lowbit.linear %[[X]], %[[W]]
// CHECK: lowbit.weight @a.columns

// One gather, one quantized input, for both.
// PACK-LABEL: func @two_layers
// PACK: tensor.extract
// PACK-NOT: tensor.extract
// PACK: %[[X:.*]] = lowbit.quantize
// PACK: lowbit.linear %[[X]], %{{.*}} : {{.*}} #planes
// PACK: lowbit.linear %[[X]], %{{.*}} : {{.*}} #planes
#permuted = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
lowbit.global @a : !lowbit.tensor<2x4xf32, #permuted>
  {codes = dense<[1, 2, 3, 4]> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>, permutation = dense<[1, 2, 3, 0]> : tensor<4xi32>}
lowbit.global @b : !lowbit.tensor<2x4xf32, #permuted>
  {codes = dense<[5, 6, 7, 8]> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>, permutation = dense<[1, 2, 3, 0]> : tensor<4xi32>}
func.func @two_layers(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %a = lowbit.weight @a : !lowbit.tensor<2x4xf32, #permuted>
  %b = lowbit.weight @b : !lowbit.tensor<2x4xf32, #permuted>
  %y = lowbit.linear %x, %a : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
  %z = lowbit.linear %x, %b : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
  return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
}

// -----

// An input that --quantize=...-a8 rounds is put in order before that.

// CHECK-LABEL: func @quantized_input
// CHECK: %[[X:.*]] = linalg.generic
// CHECK: %[[Q:.*]] = lowbit.quantize %[[X]]
// CHECK: lowbit.linear %[[Q]], %{{.*}} : !lowbit.tensor<?x4xf32, #int8_f32>, !lowbit.tensor<2x4xf32, #int4_f16>
#permuted = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
#a8 = #lowbit.encoding<int<8>, channel, scale = f32>
lowbit.global @a : !lowbit.tensor<2x4xf32, #permuted>
  {codes = dense<[1, 2, 3, 4]> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>, permutation = dense<[1, 2, 3, 0]> : tensor<4xi32>}
func.func @quantized_input(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %a = lowbit.weight @a : !lowbit.tensor<2x4xf32, #permuted>
  %q = lowbit.quantize %x : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a8>
  %y = lowbit.linear %q, %a : !lowbit.tensor<?x4xf32, #a8>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Other uses keep the permuted weight.

// CHECK-DAG: lowbit.global @a : !lowbit.tensor<2x4xf32, #[[PERMUTED:[a-z0-9_]*]]> {{.*}}permutation
// CHECK-DAG: lowbit.global @a.stored : !lowbit.tensor<2x4xf32, #int4_f16>
// CHECK-LABEL: func @table_and_head
// CHECK: lowbit.embedding %arg1, %{{.*}} : tensor<3xi64>, !lowbit.tensor<2x4xf32, #[[PERMUTED]]>
// CHECK: lowbit.linear {{.*}} !lowbit.tensor<2x4xf32, #int4_f16>
#permuted = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
lowbit.global @a : !lowbit.tensor<2x4xf32, #permuted>
  {codes = dense<[1, 2, 3, 4]> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>, permutation = dense<[1, 2, 3, 0]> : tensor<4xi32>}
func.func @table_and_head(%x: tensor<?x4xf32>, %ids: tensor<3xi64>) -> (tensor<3x4xf32>, tensor<?x2xf32>) {
  %a = lowbit.weight @a : !lowbit.tensor<2x4xf32, #permuted>
  %e = lowbit.embedding %ids, %a : tensor<3xi64>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<3x4xf32>
  %y = lowbit.linear %x, %a : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
  return %e, %y : tensor<3x4xf32>, tensor<?x2xf32>
}
