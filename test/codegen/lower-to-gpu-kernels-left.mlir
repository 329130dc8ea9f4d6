// What has no kernel stays, with the reason.

// RUN: quant-opt %s -verify-diagnostics -lowbit-lower-to-gpu-kernels -o /dev/null

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#int8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>

lowbit.global @w : !lowbit.tensor<4x64xf32, #int4, #words> {blob = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
lowbit.global @d : !lowbit.tensor<4x64xf32, #int4> {codes = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}

func.func @dynamic(%x: tensor<?x64xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  // expected-remark @+1 {{has no GPU kernel and is left to the reference lowering: its rows are not known when the model is compiled}}
  %y = lowbit.linear %x, %w : tensor<?x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

func.func @half(%x: tensor<1x64xf16>) -> tensor<1x4xf16> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  // expected-remark @+1 {{left to the reference lowering: its activations are not f32}}
  %y = lowbit.linear %x, %w : tensor<1x64xf16>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf16>
  return %y : tensor<1x4xf16>
}

func.func @dense(%x: tensor<1x64xf32>) -> tensor<1x4xf32> {
  %w = lowbit.weight @d : !lowbit.tensor<4x64xf32, #int4>
  // expected-remark @+1 {{left to the reference lowering: no kernel reads the weight's layout}}
  %y = lowbit.linear %x, %w : tensor<1x64xf32>, !lowbit.tensor<4x64xf32, #int4> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

func.func @quantized(%q: !lowbit.tensor<1x64xf32, #int8>) -> tensor<1x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  // expected-remark @+1 {{left to the reference lowering: its input is quantized, and not by lowbit.quantize}}
  %y = lowbit.linear %q, %w : !lowbit.tensor<1x64xf32, #int8>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

func.func @empty(%x: tensor<0x64xf32>) -> tensor<0x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  // expected-remark @+1 {{left to the reference lowering: it has no numbers}}
  %y = lowbit.linear %x, %w : tensor<0x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<0x4xf32>
  return %y : tensor<0x4xf32>
}

#many = #lowbit.encoding<codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>, minimum, group = 32, scale = f16, tensor_scale>
#words2 = #lowbit.tiles<1 by 32, 64, [(k4 : 8, k4 : 2, k2 : 32, b2 : 1)], pad_row_end>
lowbit.global @m : !lowbit.tensor<4x64xf32, #many, #words2> {
  blob = dense<0> : tensor<64xi8>, scale = dense<1.0> : tensor<4x2xf16>, minimum = dense<1.0> : tensor<4x2xf16>,
  outer_scale = dense<1.0> : tensor<1xf32>}

func.func @buffers(%x: tensor<1x64xf32>, %b: tensor<4xf32>, %r: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %w = lowbit.weight @m : !lowbit.tensor<4x64xf32, #many, #words2>
  // expected-remark @+1 {{left to the reference lowering: its weight and operands are more than 8 buffers}}
  %y = lowbit.linear %x, %w bias %b residual %r : tensor<1x64xf32>, !lowbit.tensor<4x64xf32, #many, #words2> -> tensor<1x4xf32>,
      bias tensor<4xf32>
  return %y : tensor<1x4xf32>
}

func.func @masked(%q: tensor<2x5x8xf32>, %m: tensor<5x?xf32>) -> tensor<2x5x8xf32> {
  // expected-remark @+1 {{left to the reference lowering: its mask is not of a shape that is known when the model is compiled}}
  %y = lowbit.attention %q, %q, %q mask %m scale 1.0 : tensor<2x5x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32>, mask tensor<5x?xf32> -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

func.func @wide(%q: tensor<2x5x260xf32>) -> tensor<2x5x260xf32> {
  // expected-remark @+1 {{left to the reference lowering: its heads are wider than 256}}
  %y = lowbit.attention %q, %q, %q scale 1.0 : tensor<2x5x260xf32>, tensor<2x5x260xf32>, tensor<2x5x260xf32> -> tensor<2x5x260xf32>
  return %y : tensor<2x5x260xf32>
}

func.func @blind(%q: tensor<2x5x8xf32>, %k: tensor<2x4x8xf32>) -> tensor<2x5x8xf32> {
  // expected-remark @+1 {{left to the reference lowering: it has queries that see no key}}
  %y = lowbit.attention %q, %k, %k scale 1.0 causal : tensor<2x5x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32> -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

func.func @crowd(%q: tensor<65536x1x4xf32>) -> tensor<65536x1x4xf32> {
  // expected-remark @+1 {{left to the reference lowering: it has more heads or queries than a dispatch has workgroups}}
  %y = lowbit.attention %q, %q, %q scale 1.0 : tensor<65536x1x4xf32>, tensor<65536x1x4xf32>, tensor<65536x1x4xf32> -> tensor<65536x1x4xf32>
  return %y : tensor<65536x1x4xf32>
}
