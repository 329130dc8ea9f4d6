// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>>"' | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<float<f4E2M1FN>, group = 2>"' | FileCheck %s --check-prefix=FLOAT
// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<codebook<dense<[[1.0, 1.0], [1.0, -0.25]]> : tensor<2x2xf32>>>"' \
// RUN:   | FileCheck %s --check-prefix=VECTOR
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<codebook<dense<1.0> : tensor<2x3xf32>>>"' 2>&1 | FileCheck %s --check-prefix=DIVIDE
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<codebook<dense<1.0> : tensor<2xf32>>, minimum>"' 2>&1 | FileCheck %s --check-prefix=MINIMUM
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<int<4>, permuted>"' 2>&1 | FileCheck %s --check-prefix=PERMUTED
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.int<4>"' 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<int<9>>"' 2>&1 | FileCheck %s --check-prefix=INVALID

// A method may be any encoding. Here codes stand for entries of a table: the
// first row has the codes 0, 1, 2, 3, the second 3, 2, 1, 0, two bits each.

// CHECK: #[[SET:.*]] = #lowbit.encoding<codebook<dense<[-1.000000e+00, 0.000000e+00, 5.000000e-01, 1.000000e+00]> : tensor<4xf32>>, channel, scale = f16>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[SET]]>
// CHECK-SAME: codes = dense<[-28, 27]> : tensor<2xi8>
// CHECK-SAME: scale = dense<4.000000e+00> : tensor<2x1xf16>

// Codes of a small float are its bit patterns: -4, 0 and 2, 4 over a scale of
// 1 are e, 0, 4, 6 in E2M1.
// FLOAT: #[[FP4:.*]] = #lowbit.encoding<float<f4E2M1FN>, group = 2, scale = f16>
// FLOAT: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[FP4]]>

// A code may stand for several columns: (4, 2) and (0, -4) are each nearest to a
// multiple of one of two vectors.
// VECTOR: lowbit.global @fc : !lowbit.tensor<2x4xf32
// VECTOR-SAME: codes = dense<{{-?[0-9]+}}> : tensor<1xi8>

// DIVIDE: error: 'lowbit.linear' op weight 'fc': requires a last dimension of a multiple of 3, the values per code (T4), found 4
// MINIMUM: error: 'lowbit.linear' op weight 'fc': rounding with a zero point or minimum needs integer codes and scales of f32 or f16, found a table
// PERMUTED: requires columns in their order, for rounding to nearest, found a permutation
// OTHER: error: quantization method '#lowbit.int<4>': requires an encoding, found another attribute
// INVALID: requires a width of 1 to 8 or 16 bits (E1), found 9

lowbit.global @fc : tensor<2x4xf32> {data = dense<[[-4.0, 0.0, 2.0, 4.0], [4.0, 2.0, 0.0, -4.0]]> : tensor<2x4xf32>}

func.func @linear(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
