// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-lower-to-cpu-kernels

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
lowbit.global @dense : !lowbit.tensor<2x32xf32, #int4> {codes = dense<0> : tensor<32xi8>, scale = dense<1.0> : tensor<2x1xf16>}
func.func @dense_weight(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @dense : !lowbit.tensor<2x32xf32, #int4>
  %q = lowbit.quantize %x : tensor<?x32xf32> -> !lowbit.tensor<?x32xf32, #a16>
  // expected-remark @+1 {{has no CPU kernel and is left to the reference lowering: the weight is dense; run lowbit-pack-weights first}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x32xf32, #a16>, !lowbit.tensor<2x32xf32, #int4> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 16, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x32xf32, #int4, #planes> {blob = dense<0> : tensor<576xi8>}
func.func @groups(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x32xf32, #int4, #planes>
  %q = lowbit.quantize %x : tensor<?x32xf32> -> !lowbit.tensor<?x32xf32, #a16>
  // expected-remark @+1 {{the input's groups differ from the weight's segments}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x32xf32, #a16>, !lowbit.tensor<2x32xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x32xf32, #int4, #planes> {blob = dense<0> : tensor<576xi8>}
func.func @float_input(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x32xf32, #int4, #planes>
  // expected-remark @+1 {{the input is not quantized; run lowbit-pack-weights first}}
  %y = lowbit.linear %x, %w : tensor<?x32xf32>, !lowbit.tensor<2x32xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Kernels unroll over a segment.
#int4 = #lowbit.encoding<int<4>, group = 100000007, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 100000007, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x4xf32, #int4, #planes> {blob = dense<0> : tensor<128xi8>}
func.func @long_groups(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x4xf32, #int4, #planes>
  %q = lowbit.quantize %x : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a16>
  // expected-remark @+1 {{the input's groups have more than 32768 columns}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x4xf32, #a16>, !lowbit.tensor<2x4xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
func.func @computed_weight(%x: tensor<?x32xf32>, %w: !lowbit.tensor<2x32xf32, #int4, #planes>) -> tensor<?x2xf32> {
  %q = lowbit.quantize %x : tensor<?x32xf32> -> !lowbit.tensor<?x32xf32, #a16>
  // expected-remark @+1 {{left to the reference lowering: the weight is not a lowbit.weight}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x32xf32, #a16>, !lowbit.tensor<2x32xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Panels are padded to 16 columns.
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 32>
lowbit.global @w : !lowbit.tensor<2x32xf32, #int4, #planes> {blob = dense<0> : tensor<576xi8>}
func.func @padding(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x32xf32, #int4, #planes>
  %q = lowbit.quantize %x : tensor<?x32xf32> -> !lowbit.tensor<?x32xf32, #a16>
  // expected-remark @+1 {{no kernel reads the weight's layout}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x32xf32, #a16>, !lowbit.tensor<2x32xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Groups of the activations are not those of the permuted weight.
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16, permuted>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>
lowbit.global @w : !lowbit.tensor<2x2xf32, #int4, #planes> {blob = dense<0> : tensor<128xi8>, permutation = dense<[1, 0]> : tensor<2xi32>}
func.func @permuted(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x2xf32, #int4, #planes>
  %q = lowbit.quantize %x : tensor<?x2xf32> -> !lowbit.tensor<?x2xf32, #a8>
  // expected-remark @+1 {{the input is quantized in the order of its columns, which the weight permutes}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x2xf32, #a8>, !lowbit.tensor<2x2xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
