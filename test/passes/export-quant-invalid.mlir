// RUN: quant-opt %s --lowbit-export-quant --split-input-file --verify-diagnostics

// What quant.uniform can't say.

// expected-error @+1 {{weight '@w' cannot be a quant.uniform, which requires integer codes, found #lowbit.float<f4E2M1FN>}}
lowbit.global @w : !lowbit.tensor<1x2xf32, #lowbit.encoding<float<f4E2M1FN>>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>}

// -----

// expected-error @+1 {{requires codes of consecutive integers, found #lowbit.int<1>, which stands for -1 and 1}}
lowbit.global @w : !lowbit.tensor<1x8xf32, #lowbit.encoding<int<1>>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>}

// -----

// expected-error @+1 {{requires a zero point, found a minimum}}
lowbit.global @w : !lowbit.tensor<1x2xf32, #lowbit.encoding<uint<4>, minimum>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>, minimum = dense<1.0> : tensor<1x1xf16>}

// -----

// expected-error @+1 {{requires one scale for each number, found an outer one, too}}
lowbit.global @w : !lowbit.tensor<1x2xf32, #lowbit.encoding<int<4>, group = 1, tensor_scale>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x2xf16>, outer_scale = dense<2.0> : tensor<1xf32>}

// -----

// expected-error @+1 {{requires columns in their order, found a permutation}}
lowbit.global @w : !lowbit.tensor<1x2xf32, #lowbit.encoding<int<4>, permuted>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>, permutation = dense<[1, 0]> : tensor<2xi32>}

// -----

// expected-error @+1 {{requires groups that divide 6 columns, found 4}}
lowbit.global @w : !lowbit.tensor<1x6xf32, #lowbit.encoding<int<4>, group = 4>> {codes = dense<0> : tensor<3xi8>, scale = dense<1.0> : tensor<1x2xf16>}

// -----

// expected-error @+1 {{requires integer zero points, found 1.5}}
lowbit.global @w : !lowbit.tensor<1x4xf32, #lowbit.encoding<uint<2>, zero_point = fractional>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>, zero_point = dense<1.5> : tensor<1x1xf16>}

// -----

// expected-error @+1 {{weight '@w' cannot be a quant.uniform: zero points of blocks must be -2 to 1, found 3}}
lowbit.global @w : !lowbit.tensor<1x4xf32, #lowbit.encoding<uint<2>, zero_point = fractional, group = 2>> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x2xf16>, zero_point = dense<5.0> : tensor<1x2xf16>}

// -----

// A user that takes quantized tensors alone.
#int4 = #lowbit.encoding<int<4>>
lowbit.global @w : !lowbit.tensor<1x2xf32, #int4> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<1x1xf16>}
func.func @returned() -> !lowbit.tensor<1x2xf32, #int4> {
  %w = lowbit.weight @w : !lowbit.tensor<1x2xf32, #int4>
  // expected-error @+1 {{reads the quantized weight '@w', which only layers and lowbit.dequantize can do as a quant.uniform}}
  return %w : !lowbit.tensor<1x2xf32, #int4>
}
