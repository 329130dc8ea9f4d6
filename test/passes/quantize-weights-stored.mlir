// RUN: quant-opt %s --lowbit-quantize-weights=method=nf4-g4-dq | FileCheck %s --check-prefix=NF4
// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-g4-dq4-a8-token | FileCheck %s --check-prefix=FOUR
// RUN: quant-opt %s '--lowbit-quantize-weights=method="#lowbit.encoding<int<4>, group = 4, scale = f32 as <int<4>, group = 8, scale = f16>>-a8-token"' | FileCheck %s --check-prefix=FOUR
// RUN: quant-opt %s --lowbit-quantize-weights=method=q4_k | FileCheck %s --check-prefix=Q4K
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans2 | FileCheck %s --check-prefix=KMEANS
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans3-tensor-g4 | FileCheck %s --check-prefix=TENSOR
// RUN: quant-opt %s --lowbit-quantize-weights=method=cb2-auto | FileCheck %s --check-prefix=AUTO
// RUN: quant-opt %s --lowbit-quantize-weights=method=q6_k --lowbit-lower-to-linalg | FileCheck %s --check-prefix=REFERENCE
// RUN: not quant-opt %s --lowbit-quantize-weights=method=mxfp4-dq 2>&1 | FileCheck %s --check-prefix=EIGHT
// RUN: not quant-opt %s --lowbit-quantize-weights=method=mxfp4-dq4 2>&1 | FileCheck %s --check-prefix=EIGHT4
// RUN: not quant-opt %s --lowbit-quantize-weights=method=kmeans9 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not quant-opt %s --lowbit-quantize-weights=method=gptq-cb2-auto 2>&1 | FileCheck %s --check-prefix=FEEDBACK

// Scales of 8 bits, with an f32 for up to 256 of them.
// NF4: #lowbit.encoding<codebook<{{.*}}>, group = 4, scale = f16 as <int<8>, group = 256, scale = f32>>
// NF4: scale = dense<{{.*}}> : tensor<4xi8>, scale_scale = dense<{{.*}}> : tensor<1x1xf32>

// Scales of 4 bits, with an f16 for up to 8 of them, by name and spelled out; activations behind both.
// FOUR: #lowbit.encoding<int<4>, group = 4, scale = f32 as <int<4>, group = 8, scale = f16>>
// FOUR: #lowbit.encoding<int<8>, channel, scale = f32>
// FOUR: scale = dense<{{.*}}> : tensor<2xi8>, scale_scale = dense<{{.*}}> : tensor<1x1xf16>

// Scales and minima of 6 bits: two of each, in two bytes.
// Q4K: #lowbit.encoding<uint<4>, minimum, group = 32, scale = f16 as <uint<6>, group = 8, scale = f16>>
// Q4K: minimum = dense<{{.*}}> : tensor<2xi8>, minimum_scale = dense<{{.*}}> : tensor<1x1xf16>, scale = dense<{{.*}}> : tensor<2xi8>, scale_scale = dense<{{.*}}> : tensor<1x1xf16>

// A table for each row. The first row's numbers are -4, 0, 2 and 4.
// KMEANS: #lowbit.encoding<learned<2, channel>, channel, scale = f16>
// KMEANS: table = dense<{{\[\[}}-126, 0, 63, 126], [-126, -32, 32, 126]]> : tensor<2x4xi8>
// TENSOR: #lowbit.encoding<learned<3>, group = 4, scale = f16>
// TENSOR: table = dense<{{.*}}> : tensor<1x8xi8>

// The second row has -1, -1/4, 1/4 and 1 of 4, to which another set is nearest.
// AUTO: table = dense<{{\[\[}}-126, 0, 63, 126], [-126, -42, 42, 126]]> : tensor<2x4xi8>

// The reference: a code of 8 bits, times its scale, is rounded to f16.
// REFERENCE: lowbit.global @fc.scale_scale : tensor<1x1xf16>
// REFERENCE: arith.truncf %{{.*}} : f32 to f16

// EIGHT: quantization method 'mxfp4-dq': requires scales of 16 bits, and no table with them, for -dq, found 'mxfp4'
// EIGHT4: quantization method 'mxfp4-dq4': requires scales of 16 bits, and no table with them, for -dq4, found 'mxfp4'
// WIDTH: quantization method 'kmeans9': requires a width of 1 to 8 bits behind kmeans, found 'kmeans9'
// FEEDBACK: requires rounding to nearest for cb2-auto, whose tables are chosen by the weights alone, found gptq-

lowbit.global @fc : tensor<2x8xf32> {data = dense<[[-4.0, 0.0, 2.0, 4.0, 4.0, 2.0, 2.0, -4.0], [4.0, 1.0, -1.0, -4.0, -4.0, -1.0, 1.0, 4.0]]> : tensor<2x8xf32>}

func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x8xf32>
  %y = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
