// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-pack-weights

// expected-error @+1 {{packing requires the module attribute lowbit.target, such as #lowbit.cpu<portable>, found none}}
module {}

// -----

// expected-error @+1 {{found "abacus", which answers no questions about layouts}}
module attributes {lowbit.target = "abacus"} {}

// -----

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  func.func @computed(%x: tensor<?x4xf32>, %w: !lowbit.tensor<2x4xf32, #int4>) -> tensor<?x2xf32> {
    // expected-remark @+1 {{stays dense: its weight is computed at run time}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

#permuted = #lowbit.encoding<int<4>, channel, scale = f16, permuted>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #permuted>
    {codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>, permutation = dense<[3, 2, 1, 0]> : tensor<4xi32>}
  func.func @permuted(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #permuted>
    // expected-remark @+1 {{stays dense: CPU kernels read columns in their natural order}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  // expected-error @+1 {{requires the data of component 'codes', found none; is the sidecar loaded?}}
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4>
    {codes = dense_resource<absent> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @no_data(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  // expected-error @+1 {{requires component 'codes' to be a splat of at most 2147483648 bytes when written out, found 'tensor<549755813888xi8>'}}
  lowbit.global @huge : !lowbit.tensor<1048576x1048576xf32, #int4>
    {codes = dense<0> : tensor<549755813888xi8>, scale = dense<1.0> : tensor<1048576x1xf16>}
  func.func @splat(%x: tensor<?x1048576xf32>) -> tensor<?x1048576xf32> {
    %w = lowbit.weight @huge : !lowbit.tensor<1048576x1048576xf32, #int4>
    %y = lowbit.linear %x, %w : tensor<?x1048576xf32>, !lowbit.tensor<1048576x1048576xf32, #int4> -> tensor<?x1048576xf32>
    return %y : tensor<?x1048576xf32>
  }
}

// -----

// No divisor of a group of 100000007 columns makes a short segment.
#prime = #lowbit.encoding<int<4>, group = 100000007, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #prime> {codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @long_group(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #prime>
    // expected-remark @+1 {{stays dense: CPU kernels take activation groups of at most 32768 columns}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #prime> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

#int4 = #lowbit.encoding<int<4>, channel, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 2, scale = f32>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @inputs(%z: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
    %q = lowbit.quantize %z : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #a8>
    // expected-remark @+1 {{stays dense: the activation's groups differ from the weight's segments}}
    %1 = lowbit.linear %q, %w : !lowbit.tensor<?x4xf32, #a8>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    return %1 : tensor<?x2xf32>
  }
}

// -----

#int16 = #lowbit.encoding<int<16>, channel, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #int16> {codes = dense<0> : tensor<16xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @wide(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int16>
    // expected-remark @+1 {{stays dense: CPU kernels read codes of 1 to 8 bits, of 1, 2, 4 or 8 numbers, and those of lattices}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int16> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

#scaled = #lowbit.encoding<int<4>, column_scale = <uint<8>, tensor>>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #scaled> {codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>,
    column_scale = dense<1> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf16>}
  func.func @columns(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #scaled>
    // expected-remark @+1 {{stays dense: CPU kernels read weights without column scales}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #scaled> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// The code 127 of E4M3 is NaN.
#fp8 = #lowbit.encoding<float<f8E4M3FN>, channel, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #fp8> {codes = dense<[0, 1, 2, 3, 4, 127, 6, 7]> : tensor<8xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @numbers(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #fp8>
    // expected-remark @+1 {{stays dense: its weight holds an infinity or NaN}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #fp8> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

// -----

// 32 rows of 2 bits fill a vector with 8 columns of codes, of 4 numbers each,
// which are more than activations are padded to.
#vectors = #lowbit.encoding<codebook<dense<[[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]]> : tensor<4x4xf32>>, group = 16, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #vectors> {codes = dense<0> : tensor<1xi8>, scale = dense<1.0> : tensor<2x1xf16>}
  func.func @few(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #vectors>
    // expected-remark @+1 {{stays dense: codes of so few bits and so many numbers don't fill the planes layout of so short groups}}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #vectors> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
