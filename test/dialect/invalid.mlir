// RUN: quant-opt --verify-diagnostics --split-input-file %s

// One test for each constraint of dialect/SPEC.md, in its order. Constraints on
// formats that other dialects may bring (E5, E6, T4) are in
// test/unit/dialect/VerifierTest.cpp, which makes such formats.

// expected-error @+1 {{requires a width of 1 to 8 or 16 bits (E1), found 9}}
module attributes {test.a = #lowbit.int<9>} {}

// -----

// expected-error @+1 {{requires a width of 1 to 8 or 16 bits (E1), found 0}}
module attributes {test.a = #lowbit.uint<0>} {}

// -----

// expected-error @+1 {{a restricted range requires at least 2 bits (E2), found 1}}
module attributes {test.a = #lowbit.int<1, restricted>} {}

// -----

// expected-error @+1 {{requires a scale of type f32, f16, bf16, f8E8M0FNU or f8E4M3FN (E3), found 'f64'}}
module attributes {test.a = #lowbit.encoding<int<4>, scale = f64>} {}

// -----

// expected-error @+1 {{requires a fractional zero point or minimum of at least 16 bits (E10), found a scale of 'f8E4M3FN'}}
module attributes {test.a = #lowbit.encoding<uint<4>, minimum, scale = f8E4M3FN>} {}

// -----

// expected-error @+1 {{requires scales of smaller parts beside a channel_scale (E11), found #lowbit.per_channel}}
module attributes {test.a = #lowbit.encoding<int<4>, channel, channel_scale>} {}

// -----

// expected-error @+1 {{requires quantized scales to stand for f32, f16 or bf16 (E20), found f8E4M3FN (at most 448)}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 32, scale = f8E4M3FN as <int<6>, group = 8>>} {}

// -----

// expected-error @+1 {{requires scales of at most 8 bits for one number each, with plain parameters (E20), found #lowbit.encoding<int<6>, group = 8, scale = f16 as <int<8>, channel, scale = f16>>}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 32, scale = f16 as <int<6>, group = 8, scale = f16 as <int<8>>>>} {}

// -----

// expected-error @+1 {{requires plain scales alone beside a learned table (E21), found a zero point, a minimum, quantized scales or blocks of rows}}
module attributes {test.a = #lowbit.encoding<learned<4>, minimum>} {}

// -----

// expected-error @+1 {{requires scales for each channel beside a learned table for each (E21), found #lowbit.per_tensor}}
module attributes {test.a = #lowbit.encoding<learned<4, channel>, tensor>} {}

// -----

// expected-error @+1 {{requires 4 numbers in 7 to 14 bits or 8 in 11 to 16 (E25), found 8 in 10}}
module attributes {test.a = #lowbit.encoding<lattice<8 in 10>>} {}

// -----

// expected-error @+1 {{requires 4 numbers in 7 to 14 bits or 8 in 11 to 16 (E25), found 4 in 15}}
module attributes {test.a = #lowbit.encoding<lattice<4 in 15>>} {}

// -----

// expected-error @+1 {{requires 4 numbers in 7 to 14 bits or 8 in 11 to 16 (E25), found 2 in 12}}
module attributes {test.a = #lowbit.lattice<2 in 12>} {}

// -----

// expected-error @+1 {{requires a group of a multiple of 8 columns, the values per code (E5), found 20}}
module attributes {test.a = #lowbit.encoding<lattice<8 in 15>, group = 20>} {}

// -----

// expected-error @+1 {{requires a learned table's codes of 1 to 8 bits (E22), found 9}}
module attributes {test.a = #lowbit.encoding<learned<9>>} {}

// -----

// expected-error-re @+1 {{requires a layout of at most 2^60 bits (L5), found {{.*}}}}
func.func private @f(!lowbit.tensor<140737488355328x1xf32, #lowbit.encoding<int<4>, group = 1>, #lowbit.tiles<1 by 1, 4, [(b4 : 1)], scale in <1 by 1024, 16384, [(k1024 : 16, b16 : 1)]>>>)

// -----

// expected-error @+1 {{requires rows of whole atoms of 64 columns where these keep quantized scales (L7), found 96}}
func.func private @f(!lowbit.tensor<2x96xf32, #lowbit.encoding<int<4>, group = 32, scale = f16 as <int<8>, group = 2>>, #lowbit.tiles<1 by 64, 288, [scale_scale (b16 : 1), scale (k2 : 8, b8 : 1) offset 16, (k64 : 4, b4 : 1) offset 32], in_atom>>)

// -----

// expected-error @+1 {{encoding option given twice: 'channel_scale'}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 2, tensor_scale, channel_scale>} {}

// -----

// expected-error @+1 {{requires at least 1 bit of exponent and at most 7 of both (E12), found e4m4}}
module attributes {test.a = #lowbit.minifloat<e4m4>} {}

// -----

// expected-error @+1 {{requires a form such as e2m2}}
module attributes {test.a = #lowbit.minifloat<m2e2>} {}

// -----

// expected-error @+1 {{requires either a zero point or a minimum (E4), found both}}
module attributes {test.a = #lowbit.encoding<uint<4>, zero_point = integer, minimum>} {}

// -----

// expected-error @+1 {{requires integer codes for an integer zero point (E7), found #lowbit.float<f4E2M1FN>}}
module attributes {test.a = #lowbit.encoding<float<f4E2M1FN>, zero_point = integer>} {}

// -----

// expected-error @+1 {{requires a float of at most 8 bits (E8), found 'f16'}}
module attributes {test.a = #lowbit.float<f16>} {}

// -----

// expected-error @+1 {{requires a tensor of 2^b f32, or of 2^b vectors of them (E9), found 'tensor<3xf32>'}}
module attributes {test.a = #lowbit.codebook<dense<[-1.0, 0.0, 1.0]> : tensor<3xf32>>} {}

// -----

// expected-error @+1 {{(E9), found 'tensor<4xf16>'}}
module attributes {test.a = #lowbit.codebook<dense<1.0> : tensor<4xf16>>} {}

// -----

// expected-error @+1 {{requires a state of 8 to 12 bits and a rate of 1 to 6 (E13), found 13 and 2}}
module attributes {test.a = #lowbit.trellis<state = 13, rate = 2>} {}

// -----

// expected-error @+1 {{requires a state of 8 to 12 bits and a rate of 1 to 6 (E13), found 8 and 0}}
module attributes {test.a = #lowbit.encoding<trellis<state = 8, rate = 0>>} {}

// -----

// expected-error @+1 {{requires a width of 1 to 8 bits and 1 to 256 steps per octave (E14), found 9 and 8}}
module attributes {test.a = #lowbit.log<width = 9, octave = 8>} {}

// -----

// expected-error @+1 {{requires 2 to 256 formats (E15), found 1}}
module attributes {test.a = #lowbit.mixed<4 int<4>>} {}

// -----

// expected-error @+1 {{requires at least 1 column of each format (E15), found 0}}
module attributes {test.a = #lowbit.mixed<4 int<4>, 0 int<2>>} {}

// -----

// expected-error @+1 {{requires formats of at most 8 bits for one number that the format gives (E15), found #lowbit.int<16>}}
module attributes {test.a = #lowbit.mixed<4 int<4>, 1 int<16>>} {}

// -----

// expected-error @+1 {{requires formats of at most 8 bits for one number that the format gives (E15), found #lowbit.learned<4>}}
module attributes {test.a = #lowbit.mixed<4 int<4>, 1 learned<4>>} {}

// -----

// expected-error @+1 {{requires plain scales beside codes that overlap or mixed columns (E23), found quantized ones}}
module attributes {test.a = #lowbit.encoding<mixed<4 int<4>, 1 int<2>>, scale = f16 as <int<8>, group = 8, scale = f32>>} {}

// -----

// expected-error @+1 {{requires plain scales beside codes that overlap or mixed columns (E23), found quantized ones}}
module attributes {test.a = #lowbit.encoding<trellis<state = 8, rate = 2>, scale = f16 as <int<8>, group = 8, scale = f32>>} {}

// -----

// expected-error @+1 {{requires scales of at most 8 bits for one number each, with plain parameters (E20)}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 8, scale = f16 as <int<8>, group = 8, scale = f32, column_scale = <int<8>, tensor>>>} {}

// -----

// expected-error @+1 {{requires one scale for each row of mixed columns, and neither zero points, minima nor a permutation (E16), found more}}
module attributes {test.a = #lowbit.encoding<mixed<4 int<4>, 1 int<2>>, group = 4>} {}

// -----

// expected-error @+1 {{requires column scales of at most 8 bits with one scale and nothing else (E17), found #lowbit.encoding<int<8>, channel, scale = f16>}}
module attributes {test.a = #lowbit.encoding<int<4>, column_scale = <int<8>>>} {}

// -----

// expected-error @+1 {{encoding option given twice: 'column_scale'}}
module attributes {test.a = #lowbit.encoding<int<4>, column_scale = <int<8>, tensor>, column_scale = <int<8>, tensor>>} {}

// -----

// expected-error @+1 {{requires a block of 2 to 2147483647 rows and 1 to 2147483647 columns (G2), found [1, 4]}}
module attributes {test.a = #lowbit.encoding<int<4>, block = [1, 4]>} {}

// -----

// expected-error @+1 {{requires a block of 2 to 2147483647 rows and 1 to 2147483647 columns (G2), found [128, 0]}}
module attributes {test.a = #lowbit.per_block<[128, 0]>} {}

// -----

// expected-error @+1 {{encoding option given twice: 'block'}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 4, block = [2, 4]>} {}

// -----

// expected-error @+1 {{requires plain scales for blocks of rows (E24), found quantized ones or an outer scale}}
module attributes {test.a = #lowbit.encoding<int<4>, block = [2, 4], tensor_scale>} {}

// -----

// expected-error @+1 {{requires plain scales for blocks of rows (E24), found quantized ones or an outer scale}}
module attributes {test.a = #lowbit.encoding<int<4>, block = [2, 4], scale = f16 as <int<8>, group = 8, scale = f32>>} {}

// -----

// expected-error @+1 {{requires plain scales alone beside a learned table (E21), found a zero point, a minimum, quantized scales or blocks of rows}}
module attributes {test.a = #lowbit.encoding<learned<2>, block = [2, 4]>} {}

// -----

// expected-error @+1 {{requires a group of 1 to 2147483647 columns (G1), found 0}}
module attributes {test.a = #lowbit.per_group<0>} {}

// -----

// expected-error @+1 {{requires a group of 1 to 2147483647 columns (G1), found 9223372036854775807}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 9223372036854775807>} {}

// -----

// expected-error @+1 {{requires an element format such as int<4>, found "int"}}
module attributes {test.a = #lowbit.encoding<"int">} {}

// -----

// expected-error @+1 {{requires minimum, zero_point, tensor, channel, group, block, scale, tensor_scale, channel_scale, permuted or column_scale, found 'blocks'}}
module attributes {test.a = #lowbit.encoding<int<4>, blocks = 32>} {}

// -----

// expected-error @+1 {{encoding option given twice: 'group'}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 32, minimum, group = 8>} {}

// -----

// expected-error @+1 {{encoding option given twice: 'channel'}}
module attributes {test.a = #lowbit.encoding<int<4>, group = 32, channel>} {}

// -----

// expected-error @+1 {{requires zero_point = integer or fractional, found 'float'}}
module attributes {test.a = #lowbit.encoding<int<4>, zero_point = float>} {}

// -----

// expected-error @+1 {{unknown activation 'swish'}}
module attributes {test.a = #lowbit.activation<swish>} {}

// -----

#int3 = #lowbit.encoding<int<3>>
#hole = #lowbit.tiles<1 by 8, 24, [(k8 : 2, b2 : 1)]>
// expected-error @+1 {{requires a layout that places every bit once (L1): the atom has no place for bit 2 of the code at row 0, column 0}}
func.func private @f(!lowbit.tensor<8x64xf32, #int3, #hole>)

// -----

#int4 = #lowbit.encoding<int<4>>
#twice = #lowbit.tiles<1 by 2, 8, [(k2 : 2, b4 : 1)]>
// expected-error @+1 {{requires a layout that places every bit once (L1): the atom keeps}}
func.func private @f(!lowbit.tensor<8x64xf32, #int4, #twice>)

// -----

#int2 = #lowbit.encoding<int<2>>
#trits = #lowbit.tiles<1 by 5, 8, [(k5 : 1)], base = 3>
// expected-error @+1 {{requires a layout that places every bit once (L1): digits to the base of 3 need codes that are less when they are stored, found 3}}
func.func private @f(!lowbit.tensor<8x65xf32, #int2, #trits>)

// -----

#int1 = #lowbit.encoding<int<1>>
#narrow = #lowbit.planes<rows = 16, padding = 4>
// expected-error @+1 {{(L1): column padding must be a multiple of the atom's}}
func.func private @f(!lowbit.tensor<8x64xf32, #int1, #narrow>)

// -----

// expected-error @+1 {{requires 16, 32, 64 or 128 rows (L3), found 24}}
module attributes {test.a = #lowbit.planes<rows = 24, padding = 32>} {}

// -----

// expected-error @+1 {{requires padding of a multiple of 4 columns, 4 to 65536 (L2), found 6}}
module attributes {test.a = #lowbit.planes<rows = 32, padding = 6>} {}

// -----

// expected-error @+1 {{requires an overlap of 0 to 15 codes (L6), found 16}}
module attributes {test.a = #lowbit.streams<rows = 32, overlap = 16, padding = 4>} {}

// -----

// expected-error @+1 {{requires 16, 32, 64 or 128 rows (L3), found 8}}
module attributes {test.a = #lowbit.streams<rows = 8, overlap = 0, padding = 4>} {}

// -----

#int16 = #lowbit.encoding<int<16>>
#streams = #lowbit.streams<rows = 32, overlap = 0, padding = 4>
// expected-error @+1 {{requires codes of at most 8 bits (L4), found 16}}
func.func private @f(!lowbit.tensor<8x64xf32, #int16, #streams>)

// -----

#int8 = #lowbit.encoding<int<8>>
#sparse = #lowbit.tiles<1 by 1, 4194304, [(b8 : 1)]>
// expected-error @+1 {{requires a layout of at most 2^60 bits (L5), found #lowbit.tiles<1 by 1, 4194304, [(b8 : 1)]>}}
func.func private @f(!lowbit.tensor<1099511627776x8xf32, #int8, #sparse>)

// -----

// expected-error @+1 {{requires padding, words, alignment, overlap, interleave, base, tail, inline, in_atom, column_major, pad_row_end or a component, found 'swizzle'}}
module attributes {test.a = #lowbit.tiles<1 by 1, 4, [(b4 : 1)], swizzle>} {}

// -----

// expected-error @+1 {{requires scale, zero_point, minimum, scale_scale or minimum_scale before a box, found 'permutation'}}
module attributes {test.a = #lowbit.tiles<1 by 1, 4, [permutation (b32 : 1)]>} {}

// -----

// expected-error @+1 {{requires n, k or b and a number, such as k4, found 'm4'}}
module attributes {test.a = #lowbit.tiles<1 by 1, 4, [(m4 : 1)]>} {}

// -----

#int4 = #lowbit.encoding<int<4>>
// expected-error @+1 {{requires at least one dimension (T1), found none}}
func.func private @f(!lowbit.tensor<f32, #int4>)

// -----

#int4 = #lowbit.encoding<int<4>>
// expected-error @+1 {{requires f32, f16 or bf16 as expressed type (T2), found 'i8'}}
func.func private @f(!lowbit.tensor<8x64xi8, #int4>)

// -----

#int4 = #lowbit.encoding<int<4>>
// expected-error @+1 {{requires a static last dimension (T3), found '?'}}
func.func private @f(!lowbit.tensor<8x?xf32, #int4>)

// -----

#int4 = #lowbit.encoding<int<4>>
// expected-error @+1 {{requires positive dimensions with a product of at most 2^48 (T5), found 0}}
func.func private @f(!lowbit.tensor<8x0xf32, #int4>)

// -----

#int4 = #lowbit.encoding<int<4>>
// expected-error @+1 {{requires positive dimensions with a product of at most 2^48 (T5), found 4294967296}}
func.func private @f(!lowbit.tensor<4294967296x4294967296xf32, #int4>)

// -----

#mixed = #lowbit.encoding<mixed<4 int<4>, 2 int<2>>>
// expected-error @+1 {{requires as many columns as the formats together have (T6), found 8}}
func.func private @f(!lowbit.tensor<2x8xf32, #mixed>)

// -----

#mixed = #lowbit.encoding<mixed<4 int<4>, 2 int<2>>>
// expected-error @+1 {{requires mixed columns to be dense (T7), found #lowbit.planes<rows = 32, padding = 32>}}
func.func private @f(!lowbit.tensor<2x6xf32, #mixed, #lowbit.planes<rows = 32, padding = 32>>)

// -----

// expected-error @+1 {{requires a tensor of static shape of integers or floats of at most 64 bits (W1), found 'tensor<?x2xf32>'}}
lowbit.global @w : tensor<?x2xf32> {data = dense<0.0> : tensor<2x2xf32>}

// -----

// expected-error @+1 {{requires a tensor of static shape of integers or floats of at most 64 bits (W1), found 'i32'}}
lowbit.global @w : i32 {}

// -----

// expected-error @+1 {{(W1), found 'tensor<2xi16777215>'}}
lowbit.global @w : tensor<2xi16777215> {data = dense_resource<w> : tensor<2xi16777215>}

// -----

// expected-error @+1 {{(W1), found 'tensor<2xindex>'}}
lowbit.global @w : tensor<2xindex> {data = dense<0> : tensor<2xindex>}

// -----

// expected-error @+1 {{requires component 'data' of type 'tensor<2x2xf32>' (W2), found none}}
lowbit.global @w : tensor<2x2xf32> {}

// -----

#int4 = #lowbit.encoding<int<4>, group = 2, scale = f16>
// expected-error @+1 {{requires component 'scale' of type 'tensor<2x2xf16>' (W3), found 'tensor<2x1xf16>'}}
lowbit.global @w : !lowbit.tensor<2x4xf32, #int4> {
  codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}

// -----

// expected-error @+1 {{requires component 'data' of type 'tensor<2xf32>' (W3), found an attribute that holds no elements}}
lowbit.global @w : tensor<2xf32> {data = 1.0 : f32}

// -----

// expected-error @+1 {{has no place for component 'scale' (W4) in a value of type 'tensor<2xf32>'}}
lowbit.global @w : tensor<2xf32> {data = dense<0.0> : tensor<2xf32>, scale = dense<0.0> : tensor<2xf32>}

// -----

func.func @f() {
  // expected-error @+1 {{requires a lowbit.global called 'w' (W5), found none}}
  %0 = lowbit.weight @w : tensor<2xf32>
  return
}

// -----

// expected-note @+1 {{declared here}}
lowbit.global @w : tensor<2xf32> {data = dense<0.0> : tensor<2xf32>}
func.func @f() {
  // expected-error @+1 {{requires the type of its global, 'tensor<2xf32>' (W6), found 'tensor<3xf32>'}}
  %0 = lowbit.weight @w : tensor<3xf32>
  return
}

// -----

#act = #lowbit.encoding<int<4>, scale = f16, permuted>
// expected-error @+1 {{requires a permutation of 0 to 3 (W7), found 1 out of range or twice}}
lowbit.global @w : !lowbit.tensor<2x4xf32, #act> {
  codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>,
  permutation = dense<[0, 1, 1, 2]> : tensor<4xi32>}

// -----

#act = #lowbit.encoding<int<4>, scale = f16, permuted>
// expected-error @+1 {{requires a permutation of 0 to 3 (W7), found 4 out of range or twice}}
lowbit.global @w : !lowbit.tensor<2x4xf32, #act> {
  codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>,
  permutation = dense<[0, 1, 4, 2]> : tensor<4xi32>}

// -----

// What one element claims is not allocated.
#act = #lowbit.encoding<int<4>, scale = f16, permuted>
// expected-error @+1 {{requires a permutation (W7), found one place repeated}}
lowbit.global @w : !lowbit.tensor<1x281474976710656xf32, #act> {
  codes = dense<0> : tensor<140737488355328xi8>, scale = dense<1.0> : tensor<1x1xf16>,
  permutation = dense<0> : tensor<281474976710656xi32>}

// -----

#act = #lowbit.encoding<int<4>, scale = f16, permuted>
// expected-error @+1 {{requires a permutation (W7), found elements that are not dense}}
lowbit.global @w : !lowbit.tensor<1x4xf32, #act> {
  codes = dense<0> : tensor<2xi8>, scale = dense<1.0> : tensor<1x1xf16>,
  permutation = sparse<[[0]], [1]> : tensor<4xi32>}

// -----

// expected-error @+1 {{requires 16 bytes of component 'data' (W8), found 4}}
lowbit.global @w : tensor<4xf32> {data = dense_resource<short> : tensor<4xf32>}
{-#
  dialect_resources: {builtin: {short: "0x0400000000000000"}}
#-}

// -----

#mixed = #lowbit.encoding<mixed<2 int<4>, 4 int<2>>>
// expected-error @+1 {{requires as many columns of each part as the type has, 2, 4 (W10), found 3, 3}}
lowbit.global @w : !lowbit.tensor<3x6xf32, #mixed> {
  codes = dense<0> : tensor<6xi8>, scale = dense<1.0> : tensor<3x1xf16>, column_part = dense<0x0D> : tensor<1xi8>}

// -----

// expected-error @+1 {{requires dimensions with a product of at most 2^48 (W9), found 'tensor<4294967296x4294967296xf32>'}}
lowbit.global @w : tensor<4294967296x4294967296xf32> {data = dense_resource<absent> : tensor<4294967296x4294967296xf32>}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a weight of static shape [N, K] (M1), found 'tensor<?x64xf32>'}}
  %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{requires an input whose last dimension is K = 64 (M2), found 'tensor<?x32xf32>'}}
  %0 = lowbit.linear %x, %w : tensor<?x32xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{requires a result of the input's leading dimensions and N = 8 (M3), found 'tensor<?x9xf32>'}}
  %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%x: tensor<2x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{(M3), found 'tensor<3x8xf32>'}}
  %0 = lowbit.linear %x, %w : tensor<2x64xf32>, tensor<8x64xf32> -> tensor<3x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %b: tensor<9xf32>) {
  // expected-error @+1 {{requires a bias of shape [8] (M4), found 'tensor<9xf32>'}}
  %0 = lowbit.linear %x, %w bias %b
      : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>, bias tensor<9xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %r: tensor<?x8xf16>) {
  // expected-error @+1 {{requires a residual of the result's type 'tensor<?x8xf32>' (M5), found 'tensor<?x8xf16>'}}
  %0 = "lowbit.linear"(%x, %w, %r) {operandSegmentSizes = array<i32: 1, 1, 0, 1>}
      : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<?x8xf16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<7x64xf32>) {
  // expected-error @+1 {{requires an even number of rows of a gated weight (M6), found 'tensor<7x64xf32>'}}
  %0 = lowbit.linear %x, %w activation silu gated : tensor<?x64xf32>, tensor<7x64xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{requires a result of the input's leading dimensions and N = 4 (M3), found 'tensor<?x8xf32>'}}
  %0 = lowbit.linear %x, %w activation silu gated : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a query, key and value of the same three or more dimensions (A1)}}
  %0 = lowbit.attention %x, %x, %x scale 1.0 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%q: tensor<4x?x64xf32>, %k: tensor<3x?x64xf32>) {
  // expected-error @+1 {{requires a key of the query's leading and last dimensions, and a number of query heads that the key's divides (A2), found 'tensor<4x?x64xf32>' and 'tensor<3x?x64xf32>'}}
  %0 = lowbit.attention %q, %k, %k scale 1.0 : tensor<4x?x64xf32>, tensor<3x?x64xf32>, tensor<3x?x64xf32> -> tensor<4x?x64xf32>
  return
}

// -----

func.func @f(%q: tensor<4x?x64xf32>, %v: tensor<2x?x64xf32>) {
  // expected-error @+1 {{requires a value of the key's dimensions but the last (A3), found 'tensor<4x?x64xf32>' and 'tensor<2x?x64xf32>'}}
  %0 = lowbit.attention %q, %q, %v scale 1.0 : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<2x?x64xf32> -> tensor<4x?x64xf32>
  return
}

// -----

func.func @f(%q: tensor<4x?x64xf32>, %v: tensor<4x?x32xf32>) {
  // expected-error @+1 {{requires a result of the query's dimensions with the value's last (A4), found 'tensor<4x?x64xf32>'}}
  %0 = lowbit.attention %q, %q, %v scale 1.0 : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x32xf32> -> tensor<4x?x64xf32>
  return
}

// -----

func.func @f(%q: tensor<4x5x64xf32>, %m: tensor<2x5x5xf32>) {
  // expected-error @+1 {{requires a mask whose two to 3 dimensions are 1 or those of the scores (A5), found 'tensor<2x5x5xf32>'}}
  %0 = lowbit.attention %q, %q, %q mask %m scale 1.0 : tensor<4x5x64xf32>, tensor<4x5x64xf32>, tensor<4x5x64xf32>, mask tensor<2x5x5xf32> -> tensor<4x5x64xf32>
  return
}

// -----

func.func @f(%ids: tensor<?xi64>, %w: tensor<0x64xf32>) {
  // expected-error @+1 {{requires a table of static shape [N, K] with at least one row (B1), found 'tensor<0x64xf32>'}}
  %0 = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<0x64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%ids: tensor<?xi64>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{requires a result of the indices' shape and K = 64 (B2), found 'tensor<?x32xf32>'}}
  %0 = lowbit.embedding %ids, %w : tensor<?xi64>, tensor<8x64xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a result that expresses 'tensor<?x64xf32>' (Q1)}}
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x32xf32, #lowbit.encoding<int<8>>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires codes of int<8>, int<16>, float<f8E4M3FN> or float<f8E5M2> (Q2), found #lowbit.int<4>}}
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<4>>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a symmetric encoding (Q3)}}
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<8>, minimum>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires scales per row or group (Q4)}}
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<8>, tensor>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires scales of f32 or f16 (Q5)}}
  %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<8>, scale = bf16>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a scale that is positive and finite (Q6), found 0}}
  %0 = lowbit.quantize %x scale 0.0 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<8>, scale = f32>>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{requires a scale of the encoding's type (Q7), found 1.000000e-01}}
  %0 = lowbit.quantize %x scale 0.1 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #lowbit.encoding<int<8>>>
  return
}

// -----

func.func @f(%q: !lowbit.tensor<8x64xf32, #lowbit.encoding<int<4>>>) {
  // expected-error @+1 {{requires a result of the expressed type 'tensor<8x64xf32>' (D1), found 'tensor<8x64xf16>'}}
  %0 = lowbit.dequantize %q : !lowbit.tensor<8x64xf32, #lowbit.encoding<int<4>>> -> tensor<8x64xf16>
  return
}

// -----

func.func @f(%q: !lowbit.tensor<8x64xf32, #lowbit.encoding<int<4>>>) {
  // expected-error @+1 {{requires types that differ in layout alone (P1)}}
  %0 = lowbit.pack %q : !lowbit.tensor<8x64xf32, #lowbit.encoding<int<4>>>
      -> !lowbit.tensor<8x64xf32, #lowbit.encoding<int<5>>>
  return
}

// -----

func.func @f(%x: tensor<2xf32>) {
  // expected-error @+1 {{requires a name for its record (O1), found none}}
  lowbit.observe %x as "" layers ["a"] with columns : tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x?xf32>) {
  // expected-error @+1 {{requires rows of static length (O2), found 'tensor<2x?xf32>'}}
  lowbit.observe %x as "a" layers ["a"] with columns : tensor<2x?xf32>
  return
}

// -----

// expected-error @+1 {{requires a count of at least 1 row (S1), found 0}}
lowbit.statistics "a" layers ["a"] count 0 {}

// -----

// expected-error @+1 {{requires component 'mean' to be elements of floats (S2), found 1 : i64}}
lowbit.statistics "a" layers ["a"] count 1 {mean = 1}

// -----

// expected-error @+1 {{requires component 'second_moment' to have the columns of the others (S3), found 'tensor<2x3xf32>'}}
lowbit.statistics "a" layers ["a"] count 1 {
  mean = dense<1.0> : tensor<2xf32>, second_moment = dense<1.0> : tensor<2x3xf32>}

// -----

func.func private @kernel(tensor<4xf32>, index, index)
func.func @f(%y: tensor<4xf32>, %t: index, %g: index) {
  // expected-error @+1 {{requires one result for each of 1 output tensors (K1), found 0}}
  "lowbit.call_kernel"(%t, %g, %y)
      {kernel = @kernel, operandSegmentSizes = array<i32: 1, 1, 0, 1>}
      : (index, index, tensor<4xf32>) -> ()
  return
}

// -----

func.func @f(%y: memref<4xf32>, %t: index, %g: index) {
  // expected-error @+1 {{requires a function called 'kernel' (K2), found none}}
  lowbit.call_kernel @kernel tiles(%t) grain(%g) outs(%y : memref<4xf32>)
  return
}

// -----

lowbit.global @kernel : tensor<2xf32> {data = dense<0.0> : tensor<2xf32>}
func.func @f(%y: memref<4xf32>, %t: index, %g: index) {
  // expected-error @+1 {{requires a function called 'kernel' (K2), found lowbit.global}}
  lowbit.call_kernel @kernel tiles(%t) grain(%g) outs(%y : memref<4xf32>)
  return
}

// -----

func.func private @kernel(memref<4xf32>, memref<4xf32>, index, index)
func.func @f(%y: memref<4xf32>, %t: index, %g: index) {
  // expected-error @+1 {{requires a kernel that takes 1 inputs and outputs and two indices (K3), found}}
  lowbit.call_kernel @kernel tiles(%t) grain(%g) outs(%y : memref<4xf32>)
  return
}

// -----

func.func private @kernel(memref<4xf32>, index, i64)
func.func @f(%y: memref<4xf32>, %t: index, %g: index) {
  // expected-error @+1 {{(K3), found '(memref<4xf32>, index, i64) -> ()'}}
  lowbit.call_kernel @kernel tiles(%t) grain(%g) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @f(%a: vector<16xi32>, %u: vector<32xi8>) {
  // expected-error @+1 {{requires four bytes for each of 16 lanes (V1), found 32 bytes}}
  %0 = lowbit.dot4 %a, %u, %u : vector<16xi32>, vector<32xi8>
  return
}

// -----

func.func @f(%a: vector<16xi32>, %u: vector<64xi8>) {
  // expected-error @+1 {{requires a bound of 1 to 255 (V2), found 256}}
  %0 = lowbit.dot4 %a, %u, %u upto 256 : vector<16xi32>, vector<64xi8>
  return
}

// -----

func.func @f(%a: vector<16xi32>, %u: vector<64xi8>) {
  // expected-error @+1 {{requires a bound of 1 to 128 (V2), found 129}}
  %0 = lowbit.dot4 %a, %u, %u upto 129 signed : vector<16xi32>, vector<64xi8>
  return
}

// -----

func.func @f(%u: vector<16xi8>) {
  // expected-error @+1 {{requires a table of 2 to 256 bytes, a power of two (V3), found 3}}
  %0 = lowbit.lut %u, [1, 2, 3] : vector<16xi8>
  return
}

// -----

func.func @f(%u: vector<16xi8>, %v: vector<32xi8>) {
  // expected-error @+1 {{requires as many upper bytes as lower ones (V6), found 'vector<32xi8>' and 'vector<16xi8>'}}
  %0 = lowbit.lut %u upper %v : vector<32xi8>, [1, 2] : vector<16xi8>
  return
}

// -----

func.func @f(%i: vector<16xi8>, %t: vector<24xi8>) {
  // expected-error @+1 {{requires a table of 2 to 256 bytes, a power of two, for each of 4 lanes (V7), found 24 bytes}}
  %0 = lowbit.learned_lut %i, %t rows : vector<16xi8>, vector<24xi8>
  return
}

// -----

func.func @f(%i: vector<16xi8>) {
  // expected-error @+1 {{requires an image for each of 8 bits (V8), found 2}}
  %0 = lowbit.hash %i, [1, 2] : vector<16xi8>
  return
}

// -----

func.func @f(%u: vector<16xi8>, %v: vector<32xi8>) {
  // expected-error @+1 {{requires as many upper bytes as lower ones (V9), found 'vector<32xi8>' and 'vector<16xi8>'}}
  %0 = lowbit.hash %u upper %v : vector<32xi8>, [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8] : vector<16xi8>
  return
}

// -----

func.func @f(%s: vector<16xi8>) {
  // expected-error @+1 {{requires a start for each of 4 lanes (V4), found 3}}
  %0 = lowbit.windows %s, [0, 1, 2] : vector<16xi8> -> vector<16xi8>
  return
}

// -----

func.func @f(%s: vector<16xi8>) {
  // expected-error @+1 {{requires starts of 0 to 24 (V5), found 25}}
  %0 = lowbit.windows %s, [0, 1, 2, 25] : vector<16xi8> -> vector<16xi8>
  return
}

// -----

// expected-error @+1 {{requires a string as lowbit.name (N1), found 3 : i64}}
func.func private @f(tensor<?x4xf32> {lowbit.name = 3})

// -----

// expected-error @+1 {{requires a string for each dimension of 'tensor<?x4xf32>' as lowbit.dims (N2), found ["rows"]}}
func.func private @f() -> (tensor<?x4xf32> {lowbit.dims = ["rows"]})

// -----

// expected-error @+1 {{requires a string for each dimension of 'tensor<?x4xf32>' as lowbit.dims (N2), found ["rows", 4]}}
func.func private @f(tensor<?x4xf32> {lowbit.dims = ["rows", 4]})

// -----

// expected-error @+1 {{requires no value and signless integers for lowbit.unsigned (N3), found unit of 'tensor<?x4xf32>'}}
func.func private @f(tensor<?x4xf32> {lowbit.unsigned})

// -----

// expected-error @+1 {{requires no value and signless integers for lowbit.unsigned (N3), found true of 'tensor<4xi8>'}}
func.func private @f() -> (tensor<4xi8> {lowbit.unsigned = true})

// -----

// expected-error @+1 {{requires layers, low and high for each row as lowbit.ranges (N4), found [{layers = ["fc"]}]}}
func.func private @n4() -> (tensor<1x5xf32> {lowbit.ranges = [{layers = ["fc"]}]})

// -----

// expected-error @+1 {{requires layers, low and high for each row as lowbit.ranges (N4), found []}}
func.func private @n4_rows() -> (tensor<1x5xf32> {lowbit.ranges = []})

// -----

gpu.module @kernels {
  gpu.func @lanes_count(%x: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    // expected-error @+1 {{requires one to eight numbers and a result for each (G1), found 9 and 9}}
    %0:9 = lowbit.reduce_lanes %x, %x, %x, %x, %x, %x, %x, %x, %x of 8 : f32, f32, f32, f32, f32, f32, f32, f32, f32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @lanes_power(%x: f32) kernel attributes {known_block_size = array<i32: 48, 1, 1>} {
    // expected-error @+1 {{requires lanes to be a power of two (G2), found 24}}
    %0 = lowbit.reduce_lanes %x of 24 : f32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @lanes_multiple(%x: f32) kernel attributes {known_block_size = array<i32: 48, 1, 1>} {
    // expected-error @+1 {{requires a workgroup of one dimension with a multiple of 32 invocations (G3), found 48 x 1 x 1}}
    %0 = lowbit.reduce_lanes %x of 32 : f32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @lanes_size(%x: f32) kernel {
    // expected-error @+1 {{requires a kernel with known_block_size (G3), found none}}
    %0 = lowbit.reduce_lanes max %x of 32 : f32
    gpu.return
  }
}

// -----

func.func @dispatch_workgroups(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{requires three positive numbers of workgroups (K4), found array<i64: 1, 0, 1>}}
  %0 = lowbit.dispatch @kernels::@k [1, 0, 1] outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @dispatch_shapes(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{requires operands of static shape (K5), found 'tensor<?xf32>'}}
  %0 = lowbit.dispatch @kernels::@k [1, 1, 1] outs(%x : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
