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

// Segments of panels are padded to 16 columns, 32 here.
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 64>
lowbit.global @w : !lowbit.tensor<2x32xf32, #int4, #planes> {blob = dense<0> : tensor<1088xi8>}
func.func @padding(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<2x32xf32, #int4, #planes>
  %q = lowbit.quantize %x : tensor<?x32xf32> -> !lowbit.tensor<?x32xf32, #a16>
  // expected-remark @+1 {{no kernel reads the weight's layout}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x32xf32, #a16>, !lowbit.tensor<2x32xf32, #int4, #planes> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Tables that embeddings read element by element.
#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
#planes = #lowbit.planes<rows = 32, padding = 4>
#permuted = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
#int16 = #lowbit.encoding<int<16>, channel, scale = f16>
lowbit.global @packed : !lowbit.tensor<2x4xf32, #int4, #planes> {blob = dense<0> : tensor<128xi8>}
lowbit.global @permuted : !lowbit.tensor<4x4xf32, #permuted> {codes = dense<0> : tensor<8xi8>, scale = dense<1.0> : tensor<4x1xf16>, permutation = dense<[3, 2, 1, 0]> : tensor<4xi32>}
lowbit.global @wide : !lowbit.tensor<4x4xf32, #int16> {codes = dense<0> : tensor<32xi8>, scale = dense<1.0> : tensor<4x1xf16>}
lowbit.global @small : !lowbit.tensor<2x4xf32, #int4> {codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}
func.func @tables(%i: tensor<?xi64>, %w: !lowbit.tensor<2x4xf32, #int4>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // expected-remark @+1 {{left to the reference lowering: the table is not a lowbit.weight}}
  %0 = lowbit.embedding %i, %w : tensor<?xi64>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x4xf32>
  %packed = lowbit.weight @packed : !lowbit.tensor<2x4xf32, #int4, #planes>
  // expected-remark @+1 {{the table is packed, embeddings read dense ones}}
  %1 = lowbit.embedding %i, %packed : tensor<?xi64>, !lowbit.tensor<2x4xf32, #int4, #planes> -> tensor<?x4xf32>
  %permuted = lowbit.weight @permuted : !lowbit.tensor<4x4xf32, #permuted>
  // expected-remark @+1 {{the table's codes overlap or its columns are in another order}}
  %2 = lowbit.embedding %i, %permuted : tensor<?xi64>, !lowbit.tensor<4x4xf32, #permuted> -> tensor<?x4xf32>
  %wide = lowbit.weight @wide : !lowbit.tensor<4x4xf32, #int16>
  // expected-remark @+1 {{the table's codes are integers of more than 8 bits}}
  %3 = lowbit.embedding %i, %wide : tensor<?xi64>, !lowbit.tensor<4x4xf32, #int16> -> tensor<?x4xf32>
  %small = lowbit.weight @small : !lowbit.tensor<2x4xf32, #int4>
  // expected-remark @+1 {{the table has less than 8 bytes of codes}}
  %4 = lowbit.embedding %i, %small : tensor<?xi64>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x4xf32>
  return %0, %1, %2, %3, %4 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

#scaled = #lowbit.encoding<int<4>, column_scale = <uint<8>, tensor>>
lowbit.global @table : !lowbit.tensor<4x4xf32, #scaled> {codes = dense<0> : tensor<8xi8>, scale = dense<1.0> : tensor<4x1xf16>,
  column_scale = dense<1> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf16>}
func.func @scaled(%i: tensor<?xi64>) -> tensor<?x4xf32> {
  %w = lowbit.weight @table : !lowbit.tensor<4x4xf32, #scaled>
  // expected-remark @+1 {{the table has column scales}}
  %0 = lowbit.embedding %i, %w : tensor<?xi64>, !lowbit.tensor<4x4xf32, #scaled> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

#learned = #lowbit.encoding<learned<2>, channel, scale = f16>
lowbit.global @table : !lowbit.tensor<4x8xf32, #learned> {codes = dense<0> : tensor<8xi8>, scale = dense<1.0> : tensor<4x1xf16>, table = dense<1> : tensor<1x4xi8>}
func.func @learned(%i: tensor<?xi64>) -> tensor<?x8xf32> {
  %w = lowbit.weight @table : !lowbit.tensor<4x8xf32, #learned>
  // expected-remark @+1 {{the table's scales are quantized or its numbers are learned; run lowbit-expand-weights first}}
  %0 = lowbit.embedding %i, %w : tensor<?xi64>, !lowbit.tensor<4x8xf32, #learned> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
