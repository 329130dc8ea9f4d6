// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-a8 --verify-diagnostics | FileCheck %s

// A weight that is quantized already keeps its codes; what the method says of
// activations holds for its layer, too.

#int8 = #lowbit.encoding<int<8>, channel, scale = f32>
lowbit.global @w : !lowbit.tensor<2x4xf32, #int8> {codes = dense<3> : tensor<8xi8>, scale = dense<1.0> : tensor<2x1xf32>}

// CHECK: lowbit.global @w : !lowbit.tensor<2x4xf32, #[[INT8:int8_f32]]> {codes = dense<3>
// CHECK: %[[W:.*]] = lowbit.weight @w
// CHECK: %[[X:.*]] = lowbit.quantize %arg0 : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32,
// CHECK: lowbit.linear %[[X]], %[[W]]
func.func @layer(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x4xf32, #int8>
  // expected-remark @below {{keeps its codes: its weight is quantized already, as #lowbit.encoding<int<8>, channel, scale = f32>}}
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int8> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
