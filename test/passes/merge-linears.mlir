// RUN: quant-opt %s --lowbit-merge-linears --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-merge-linears=disable-patterns=gated_linear,qkv --split-input-file | FileCheck %s --check-prefix=OFF
// RUN: quant-opt %s --lowbit-merge-linears=report --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORT

// OFF-NOT: silu gated
// OFF-NOT: tensor.extract_slice

// The example of the pass: rows of gate and up in turn. Rows of three 4-bit
// codes begin in the middle of a byte: gate is 1, 2, 3 and 4, 5, 6; up is
// 7, 8, 9 and 10, 11, 12.

// CHECK: #[[INT4:.*]] = #lowbit.encoding<int<4>, channel, scale = f32>
// CHECK: lowbit.global @mlp.gate_up.weight : !lowbit.tensor<4x3xf32, #[[INT4]]>
// CHECK-SAME: codes = dense<[33, 115, -104, 84, -90, -53]> : tensor<6xi8>
// CHECK-SAME{LITERAL}: scale = dense<[[1.000000e+00], [3.000000e+00], [2.000000e+00], [4.000000e+00]]> : tensor<4x1xf32>
// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @gated
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x3xf32>
// CHECK:         %[[W:.*]] = lowbit.weight @mlp.gate_up.weight
// CHECK:         %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] activation silu gated : tensor<?x3xf32>, !lowbit.tensor<4x3xf32, #[[INT4]]> -> tensor<?x2xf32>
// CHECK-NEXT:    return %[[Y]]
#int4 = #lowbit.encoding<int<4>, scale = f32>
!w = !lowbit.tensor<2x3xf32, #int4>
lowbit.global @mlp.gate.weight : !w {codes = dense<[33, 67, 101]> : tensor<3xi8>, scale = dense<[[1.0], [2.0]]> : tensor<2x1xf32>}
lowbit.global @mlp.up.weight : !w {codes = dense<[135, 169, 203]> : tensor<3xi8>, scale = dense<[[3.0], [4.0]]> : tensor<2x1xf32>}
func.func @gated(%x: tensor<?x3xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %gate = lowbit.weight @mlp.gate.weight : !w
  %up = lowbit.weight @mlp.up.weight : !w
  %u = lowbit.linear %x, %up : tensor<?x3xf32>, !w -> tensor<?x2xf32>
  %g = lowbit.linear %x, %gate activation silu : tensor<?x3xf32>, !w -> tensor<?x2xf32>
  %y = linalg.mul ins(%u, %g : tensor<?x2xf32>, tensor<?x2xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Siblings become slices of one layer. A missing bias is -0.0. Functions that
// share weights share the merged one.

// CHECK: lowbit.global @a.q_k.weight : !lowbit.tensor<3x2xf32
// CHECK: lowbit.global @q_a.k.weight.bias : tensor<3xf32> {data = dense<[5.000000e-01, -0.000000e+00, -0.000000e+00]> : tensor<3xf32>}
// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @siblings
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x?x2xf32>
// CHECK-DAG:     %[[W:.*]] = lowbit.weight @a.q_k.weight
// CHECK-DAG:     %[[B:.*]] = lowbit.weight @q_a.k.weight.bias
// CHECK:         %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] bias %[[B]] : tensor<1x?x2xf32>, {{.*}} -> tensor<1x?x3xf32>
// CHECK-DAG:     %[[Q:.*]] = tensor.extract_slice %[[Y]][0, 0, 0] [1, %{{.*}}, 1] [1, 1, 1]
// CHECK-DAG:     %[[K:.*]] = tensor.extract_slice %[[Y]][0, 0, 1] [1, %{{.*}}, 2] [1, 1, 1]
// CHECK:         return %[[Q]], %[[K]]
// CHECK-LABEL: func @shared
// CHECK:         lowbit.weight @a.q_k.weight
#int4 = #lowbit.encoding<int<4>, scale = f32>
lowbit.global @a.q.weight : !lowbit.tensor<1x2xf32, #int4> {codes = dense<1> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @a.k.weight : !lowbit.tensor<2x2xf32, #int4> {codes = dense<2> : tensor<2xi8>, scale = dense<1.0> : tensor<2x1xf32>}
lowbit.global @q.bias : tensor<1xf32> {data = dense<0.5> : tensor<1xf32>}
func.func @siblings(%x: tensor<1x?x2xf32>) -> (tensor<1x?x1xf32>, tensor<1x?x2xf32>) {
  %q = lowbit.weight @a.q.weight : !lowbit.tensor<1x2xf32, #int4>
  %k = lowbit.weight @a.k.weight : !lowbit.tensor<2x2xf32, #int4>
  %b = lowbit.weight @q.bias : tensor<1xf32>
  %0 = lowbit.linear %x, %q bias %b : tensor<1x?x2xf32>, !lowbit.tensor<1x2xf32, #int4> -> tensor<1x?x1xf32>
  %1 = lowbit.linear %x, %k : tensor<1x?x2xf32>, !lowbit.tensor<2x2xf32, #int4> -> tensor<1x?x2xf32>
  return %0, %1 : tensor<1x?x1xf32>, tensor<1x?x2xf32>
}
func.func @shared(%x: tensor<4x2xf32>) -> (tensor<4x1xf32>, tensor<4x2xf32>) {
  %q = lowbit.weight @a.q.weight : !lowbit.tensor<1x2xf32, #int4>
  %k = lowbit.weight @a.k.weight : !lowbit.tensor<2x2xf32, #int4>
  %0 = lowbit.linear %x, %q : tensor<4x2xf32>, !lowbit.tensor<1x2xf32, #int4> -> tensor<4x1xf32>
  %1 = lowbit.linear %x, %k : tensor<4x2xf32>, !lowbit.tensor<2x2xf32, #int4> -> tensor<4x2xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4x2xf32>
}

// -----

// What is left apart says why.

// CHECK-LABEL: func @apart
// CHECK-COUNT-5: lowbit.linear
#int4 = #lowbit.encoding<int<4>, scale = f32>
#int8 = #lowbit.encoding<int<8>, scale = f32>
!w4 = !lowbit.tensor<1x2xf32, #int4>
!w8 = !lowbit.tensor<1x2xf32, #int8>
lowbit.global @w4 : !w4 {codes = dense<1> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @w8 : !w8 {codes = dense<1> : tensor<2xi8>, scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @f : tensor<1x2xf32> {data = dense<0.5> : tensor<1x2xf32>}
func.func @apart(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>, %z: tensor<4x2xf32>, %w: !w4)
    -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %w4 = lowbit.weight @w4 : !w4
  %w8 = lowbit.weight @w8 : !w8
  %f = lowbit.weight @f : tensor<1x2xf32>
  %0 = lowbit.linear %x, %w4 : tensor<4x2xf32>, !w4 -> tensor<4x1xf32>
  // REPORT: layers of @w4, @w8 are left apart: their encodings differ
  %1 = lowbit.linear %x, %w8 : tensor<4x2xf32>, !w8 -> tensor<4x1xf32>
  %2 = lowbit.linear %y, %f : tensor<4x2xf32>, tensor<1x2xf32> -> tensor<4x1xf32>
  // REPORT: layers of @f, @w4 are left apart: their weights are float
  %3 = lowbit.linear %y, %w4 : tensor<4x2xf32>, !w4 -> tensor<4x1xf32>
  %4 = lowbit.linear %z, %w4 : tensor<4x2xf32>, !w4 -> tensor<4x1xf32>
  return %0, %1, %2, %3, %4 : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}

// -----

// REPORT: layers of @a, @b are left apart: their rows share parameters
// CHECK-LABEL: func @one_scale
#tensor = #lowbit.encoding<int<4>, tensor, scale = f32>
!w = !lowbit.tensor<1x2xf32, #tensor>
lowbit.global @a : !w {codes = dense<1> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @b : !w {codes = dense<1> : tensor<1xi8>, scale = dense<2.0> : tensor<1x1xf32>}
func.func @one_scale(%x: tensor<4x2xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %a = lowbit.weight @a : !w
  %b = lowbit.weight @b : !w
  %0 = lowbit.linear %x, %a : tensor<4x2xf32>, !w -> tensor<4x1xf32>
  %1 = lowbit.linear %x, %b : tensor<4x2xf32>, !w -> tensor<4x1xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4x1xf32>
}

// -----

// REPORT: layers of @a, @b are left apart: their weights are packed already
// CHECK-LABEL: func @packed
#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>
!w = !lowbit.tensor<2x4xf32, #int4, #lowbit.planes<rows = 32, padding = 4>>
lowbit.global @a : !w {blob = dense<0> : tensor<128xi8>}
lowbit.global @b : !w {blob = dense<1> : tensor<128xi8>}
func.func @packed(%x: tensor<4x4xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %a = lowbit.weight @a : !w
  %b = lowbit.weight @b : !w
  %0 = lowbit.linear %x, %a : tensor<4x4xf32>, !w -> tensor<4x2xf32>
  %1 = lowbit.linear %x, %b : tensor<4x4xf32>, !w -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// REPORT: layers of @a, @b are left apart: a bias is no constant of f32
// CHECK-LABEL: func @computed_bias
#int4 = #lowbit.encoding<int<4>, scale = f32>
!w = !lowbit.tensor<1x2xf32, #int4>
lowbit.global @a : !w {codes = dense<1> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @b : !w {codes = dense<2> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf32>}
func.func @computed_bias(%x: tensor<4x2xf32>, %bias: tensor<1xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %a = lowbit.weight @a : !w
  %b = lowbit.weight @b : !w
  %0 = lowbit.linear %x, %a bias %bias : tensor<4x2xf32>, !w -> tensor<4x1xf32>
  %1 = lowbit.linear %x, %b : tensor<4x2xf32>, !w -> tensor<4x1xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4x1xf32>
}

// -----

// Scales that are quantized are merged where their blocks end with rows: codes
// 2, 3, 4 and 5 of two groups each, and a scale for each row.

// CHECK: #[[DQ:.*]] = #lowbit.encoding<int<4>, group = 1, scale = f16 as <uint<4>, group = 2, scale = f32>>
// CHECK: lowbit.global @a.q_k.weight : !lowbit.tensor<2x2xf32, #[[DQ]]>
// CHECK-SAME: scale = dense<[50, 84]> : tensor<2xi8>
// CHECK-SAME{LITERAL}: scale_scale = dense<[[1.000000e+00, 5.000000e-01]]> : tensor<1x2xf32>
// CHECK-LABEL: func @quantized_scales
// CHECK-LABEL: func @shared_blocks
// CHECK-COUNT-2: lowbit.linear
#dq = #lowbit.encoding<int<4>, group = 1, scale = f16 as <uint<4>, group = 2, scale = f32>>
#shared = #lowbit.encoding<int<4>, group = 1, scale = f16 as <uint<4>, group = 4, scale = f32>>
!w = !lowbit.tensor<1x2xf32, #dq>
!s = !lowbit.tensor<1x2xf32, #shared>
lowbit.global @a.q.weight : !w {codes = dense<1> : tensor<1xi8>, scale = dense<50> : tensor<1xi8>, scale_scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @a.k.weight : !w {codes = dense<3> : tensor<1xi8>, scale = dense<84> : tensor<1xi8>, scale_scale = dense<0.5> : tensor<1x1xf32>}
lowbit.global @b.q.weight : !s {codes = dense<1> : tensor<1xi8>, scale = dense<50> : tensor<1xi8>, scale_scale = dense<1.0> : tensor<1x1xf32>}
lowbit.global @b.k.weight : !s {codes = dense<3> : tensor<1xi8>, scale = dense<84> : tensor<1xi8>, scale_scale = dense<0.5> : tensor<1x1xf32>}
func.func @quantized_scales(%x: tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %q = lowbit.weight @a.q.weight : !w
  %k = lowbit.weight @a.k.weight : !w
  %0 = lowbit.linear %x, %q : tensor<?x2xf32>, !w -> tensor<?x1xf32>
  %1 = lowbit.linear %x, %k : tensor<?x2xf32>, !w -> tensor<?x1xf32>
  return %0, %1 : tensor<?x1xf32>, tensor<?x1xf32>
}
func.func @shared_blocks(%x: tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %q = lowbit.weight @b.q.weight : !s
  %k = lowbit.weight @b.k.weight : !s
  %0 = lowbit.linear %x, %q : tensor<?x2xf32>, !s -> tensor<?x1xf32>
  %1 = lowbit.linear %x, %k : tensor<?x2xf32>, !s -> tensor<?x1xf32>
  return %0, %1 : tensor<?x1xf32>, tensor<?x1xf32>
}
