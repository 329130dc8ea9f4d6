// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-b2x4 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=fp8-e4m3-b2x2-afp8 | FileCheck %s --check-prefix=FP8
// RUN: quant-opt %s --lowbit-quantize-weights=method=int8-afp8-e5m2-token | FileCheck %s --check-prefix=TOKEN
// RUN: quant-opt %s --lowbit-quantize-weights=method=int8-a8-token | FileCheck %s --check-prefix=BYTES
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-b1x4 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-b2x0 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-b64 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %s --lowbit-quantize-weights=method=kmeans2-b2x4 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-b2x4-dq 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: not quant-opt %s --lowbit-quantize-weights=method=mxfp4-b2x32 2>&1 | FileCheck %s --check-prefix=FIXED

// One scale for two rows and four columns; the last row has one of its own,
// and so does the last column.

// CHECK: #[[E:.*]] = #lowbit.encoding<int<4>, block = [2, 4], scale = f16>
// CHECK: lowbit.global @fc : !lowbit.tensor<3x5xf32, #[[E]]>
// CHECK-SAME{LITERAL}: scale = dense<[[1.000000e+00, 5.000000e-01], [-2.500000e-01, 2.000000e+00]]> : tensor<2x2xf16>

// Activations of eight bits have a scale for each group of the weight's
// columns, or for each token.

// FP8-DAG: #[[A:.*]] = #lowbit.encoding<float<f8E4M3FN>, group = 2, scale = f32>
// FP8-DAG: #[[E:.*]] = #lowbit.encoding<float<f8E4M3FN>, block = [2, 2], scale = f16>
// FP8: lowbit.quantize %{{.*}} : tensor<?x5xf32> -> !lowbit.tensor<?x5xf32, #[[A]]>
// TOKEN: #[[A:.*]] = #lowbit.encoding<float<f8E5M2>, channel, scale = f32>
// TOKEN: lowbit.quantize %{{.*}} : tensor<?x5xf32> -> !lowbit.tensor<?x5xf32, #[[A]]>

// BYTES: #[[A:.*]] = #lowbit.encoding<int<8>, channel, scale = f32>
// BYTES: lowbit.quantize %{{.*}} : tensor<?x5xf32> -> !lowbit.tensor<?x5xf32, #[[A]]>

// ROWS: quantization method 'int4-b{{.*}}': requires a size of 1 to 2147483647 columns behind -g, and two rows or more in blocks, -b<rows>x<columns>, found 'int4-b{{.*}}'
// OWN: quantization method '{{.*}}-b2x4{{.*}}': requires groups of one row where scales are quantized or tables belong to the weight, found blocks of 2 rows
// FIXED: quantization method 'mxfp4-b2x32': requires groups of 32, as the format has, found blocks of 2 rows and 32 columns

lowbit.global @fc : tensor<3x5xf32> {data = dense<[[1.0, 2.0, 3.0, 7.0, -4.0], [-8.0, 1.0, 0.0, 2.0, 3.0], [2.0, 1.0, -1.0, 0.5, -16.0]]> : tensor<3x5xf32>}

func.func @linear(%x: tensor<?x5xf32>) -> tensor<?x3xf32> {
  %w = lowbit.weight @fc : tensor<3x5xf32>
  %y = lowbit.linear %x, %w : tensor<?x5xf32>, tensor<3x5xf32> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
