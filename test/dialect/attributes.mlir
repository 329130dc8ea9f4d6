// RUN: quant-opt %s | quant-opt | FileCheck %s
// Encodings and layouts are printed once, at the top.
// RUN: quant-opt %s | quant-opt | FileCheck %s --check-prefix=ALIAS
// RUN: quant-opt --mlir-print-op-generic %s | quant-opt | FileCheck %s

// Every spelling of every attribute, and what it is printed as.

// CHECK-LABEL: module @formats
module @formats attributes {
  // CHECK: test.a = #lowbit.int<4>
  test.a = #lowbit.int<4>,
  // CHECK-SAME: test.b = #lowbit.int<3, restricted>
  test.b = #lowbit.int<3, restricted>,
  // CHECK-SAME: test.c = #lowbit.int<16>
  test.c = #lowbit.int<16>,
  // CHECK-SAME: test.d = #lowbit.uint<1>
  test.d = #lowbit.uint<1>,
  // CHECK-SAME: test.e = #lowbit.float<f8E4M3FN>
  test.e = #lowbit.float<f8E4M3FN>,
  // CHECK-SAME: test.f = #lowbit.codebook<dense<[-1.000000e+00, 1.000000e+00]> : tensor<2xf32>>
  test.f = #lowbit.codebook<dense<[-1.0, 1.0]> : tensor<2xf32>>,
  // CHECK-SAME: test.g = #lowbit.trellis<state = 12, rate = 2>
  test.g = #lowbit.trellis<state = 12, rate = 2>,
  // CHECK-SAME: test.h = #lowbit.log<width = 5, octave = 8>
  test.h = #lowbit.log<width = 5, octave = 8>,
  // CHECK-SAME: test.i = #lowbit.mixed<2 int<8>, 6 trellis<state = 8, rate = 2>>
  test.i = #lowbit.mixed<2 #lowbit.int<8>, 6 trellis<state = 8, rate = 2>>,
  // CHECK-SAME: test.j = #lowbit.lattice<8 in 15>
  test.j = #lowbit.lattice<8 in 15>
} {}

// CHECK-LABEL: module @granularity
module @granularity attributes {
  // CHECK: test.a = #lowbit.per_tensor
  test.a = #lowbit.per_tensor,
  // CHECK-SAME: test.b = #lowbit.per_channel
  test.b = #lowbit.per_channel,
  // CHECK-SAME: test.c = #lowbit.per_group<128>
  test.c = #lowbit.per_group<128>,
  // CHECK-SAME: test.d = #lowbit.per_block<[128, 64]>
  test.d = #lowbit.per_block<[128, 64]>
} {}

// CHECK-LABEL: module @encodings
module @encodings attributes {
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<4>, group = 32, scale = f16>
  test.a = #lowbit.encoding<int<4>, group = 32, scale = f16>,
  // The defaults are written out.
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<8>, channel, scale = f16>
  test.b = #lowbit.encoding<int<8>>,
  // Options come in any order and are printed in one.
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<uint<4>, minimum, group = 128, scale = f32>
  test.c = #lowbit.encoding<uint<4>, scale = f32, group = 128, minimum>,
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<uint<2>, zero_point = fractional, tensor, scale = f32>
  test.d = #lowbit.encoding<uint<2>, zero_point = fractional, tensor, scale = f32>,
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<uint<5>, zero_point = integer, channel, scale = f16>
  test.e = #lowbit.encoding<uint<5>, zero_point = integer>,
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<3, restricted>, group = 64, scale = f16, permuted>
  test.f = #lowbit.encoding<int<3, restricted>, group = 64, permuted>,
  // Attributes of this and other dialects may be spelled in full.
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<4>, group = 16, scale = f16>
  test.g = #lowbit.encoding<#lowbit.int<4>, #lowbit.per_group<16>>,
  // ALIAS-DAG: #f4E2M1FN_g32_f16 = #lowbit.encoding<float<f4E2M1FN>, group = 32, scale = f16>
  test.h = #lowbit.encoding<float<f4E2M1FN>, group = 32>,
  // ALIAS-DAG: #f8E4M3FN_b128x64_f32 = #lowbit.encoding<float<f8E4M3FN>, block = [128, 64], scale = f32>
  test.ha = #lowbit.encoding<float<f8E4M3FN>, block = [128, 64], scale = f32>,
  // ALIAS-DAG: #lattice11_g32_f16 = #lowbit.encoding<lattice<4 in 11>, group = 32, scale = f16>
  test.hb = #lowbit.encoding<lattice<4 in 11>, group = 32>,
  // ALIAS-DAG: #codebook1_f16 = #lowbit.encoding<codebook<dense<{{.*}}> : tensor<2x2xf32>>, channel, scale = f16>
  test.i = #lowbit.encoding<codebook<dense<[[-1.0, 1.0], [1.0, 1.0]]> : tensor<2x2xf32>>>,
  // ALIAS-DAG: #trellis3_f16 = #lowbit.encoding<trellis<state = 8, rate = 3>, channel, scale = f16>
  test.j = #lowbit.encoding<trellis<rate = 3, state = 8>>,
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<5>, channel, scale = f16, column_scale = <log<width = 5, octave = 8>, tensor, scale = f16>>
  test.k = #lowbit.encoding<int<5>, column_scale = <log<width = 5, octave = 8>, tensor>>,
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<mixed<2 int<8>, 6 int<3>>, channel, scale = f16>
  test.l = #lowbit.encoding<mixed<2 int<8>, 6 int<3>>>,
  // Scales that are quantized by themselves, and tables that are the tensor's.
  // ALIAS-DAG: #uint4_g32_f16_dq = #lowbit.encoding<uint<4>, minimum, group = 32, scale = f16 as <uint<6>, group = 8, scale = f16>>
  test.m = #lowbit.encoding<uint<4>, minimum, group = 32, scale = f16 as <uint<6>, group = 8>>,
  // ALIAS-DAG: #learned3_f16 = #lowbit.encoding<learned<3, channel>, channel, scale = f16>
  test.n = #lowbit.encoding<learned<3, channel>>,
  // ALIAS-DAG: #learned2_tensor_f32 = #lowbit.encoding<learned<2>, tensor, scale = f32>
  test.o = #lowbit.encoding<#lowbit.learned<2>, tensor, scale = f32>,
  // Columns may have factors beside either.
  // ALIAS-DAG: #{{.*}} = #lowbit.encoding<int<3>, group = 32, scale = f16 as <int<8>, group = 256, scale = f32>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f16>>
  test.p = #lowbit.encoding<int<3>, group = 32, scale = f16 as <int<8>, group = 256, scale = f32>, column_scale = <log<width = 5, octave = 8>, tensor>>
} {}

// CHECK-LABEL: module @layouts
module @layouts attributes {
  // ALIAS-DAG: #{{.*}} = #lowbit.planes<rows = 32, padding = 64>
  test.a = #lowbit.planes<rows = 32, padding = 64>,
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<32 by 4, 512, [(b4 : 1, k4 : 8, n16 : 32, n2 : 4)], padding = 32, inline>
  test.b = #lowbit.tiles<32 by 4, 512, [(b4 : 1, k4 : 8, n16 : 32, n2 : 4)], padding = 32, inline>,
  // Bits 0 and 1 of a code in one plane, bit 2 in another.
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 8, 24, [(k8 : 2, b2 : 1), (k8 : 1) at (n0, k0, b2) offset 16]>
  test.c = #lowbit.tiles<1 by 8, 24, [(k8 : 2, b2 : 1), (k8 : 1) at (b2) offset 16]>,
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 32, 96, [(k32 : 3, b3 : 1)], words = 32, column_major, pad_row_end>
  test.d = #lowbit.tiles<1 by 32, 96, [(k32 : 3, b3 : 1)], column_major, words = 32, pad_row_end>,
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 1, 4, [(b4 : 1)], alignment = 512>
  test.e = #lowbit.tiles<1 by 1, 4, [(b4 : 1)], padding = 1, alignment = 512>,
  // ALIAS-DAG: #streams64{{.*}} = #lowbit.streams<rows = 64, overlap = 3, padding = 4>
  test.f = #lowbit.streams<rows = 64, overlap = 3, padding = 4>,
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 2, 16, [(k2 : 8, n2 : 4, b4 : 1)], overlap = 1, interleave = 2, tail = 64>
  test.g = #lowbit.tiles<1 by 2, 16, [(k2 : 8, n2 : 4, b4 : 1)], tail = 64, interleave = 2, overlap = 1>,
  // Five digits to the base of 3 in a byte.
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 5, 8, [(k5 : 1)], base = 3, codes plus 3>
  test.base = #lowbit.tiles<1 by 5, 8, [(k5 : 1)], base = 3, codes plus 3>,
  // Atoms that keep a scale, a buffer of zero points in its own layout, and
  // numbers that are stored less or more.
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 32, 144, [scale (b16 : 1), (k16 : 8, k2 : 4, b4 : 1) offset 16], in_atom, codes plus 8>
  test.h = #lowbit.tiles<1 by 32, 144, [scale (b16 : 1), (k16 : 8, k2 : 4, b4 : 1) offset 16], in_atom, codes plus 8>,
  // ALIAS-DAG: #{{.*}} = #lowbit.tiles<1 by 32, 128, [(k32 : 4, b4 : 1)], words = 32, column_major, pad_row_end, zero_point plus 15, zero_point in <8 by 1, 32, [(n8 : 4, b4 : 1)], column_major>>
  test.i = #lowbit.tiles<1 by 32, 128, [(k32 : 4, b4 : 1)], words = 32, column_major, pad_row_end, zero_point in <8 by 1, 32, [(n8 : 4, b4 : 1)], column_major>, zero_point plus 15>
} {}

// CHECK-LABEL: module @activations
module @activations attributes {
  // CHECK: test.a = #lowbit.activation<relu>
  test.a = #lowbit.activation<relu>,
  // CHECK-SAME: test.b = #lowbit.activation<gelu>
  test.b = #lowbit.activation<gelu>,
  // CHECK-SAME: test.c = #lowbit.activation<gelu_tanh>
  test.c = #lowbit.activation<gelu_tanh>,
  // CHECK-SAME: test.d = #lowbit.activation<silu>
  test.d = #lowbit.activation<silu>,
  // CHECK-SAME: test.e = #lowbit.activation<sigmoid>
  test.e = #lowbit.activation<sigmoid>,
  // CHECK-SAME: test.f = #lowbit.activation<tanh>
  test.f = #lowbit.activation<tanh>,
  // CHECK-SAME: test.g = #lowbit.activation<hardswish>
  test.g = #lowbit.activation<hardswish>,
  // CHECK-SAME: test.h = #lowbit.activation<hardsigmoid(2.000000e-01, 5.000000e-01)>
  test.h = #lowbit.activation<hardsigmoid(0.2, 0.5)>,
  // CHECK-SAME: test.i = #lowbit.activation<leaky_relu(1.000000e-02)>
  test.i = #lowbit.activation<leaky_relu>
} {}

// CHECK-LABEL: module @statistics
module @statistics attributes {
  // CHECK: test.a = #lowbit<statistics columns>
  test.a = #lowbit<statistics columns>,
  // CHECK-SAME: test.b = #lowbit<statistics columns|histogram|second_moment>
  test.b = #lowbit<statistics second_moment|columns|histogram>
} {}
