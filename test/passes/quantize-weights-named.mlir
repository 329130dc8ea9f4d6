// RUN: quant-opt %s --lowbit-quantize-weights=method=nf4-g4 | FileCheck %s --check-prefix=NF4
// RUN: quant-opt %s --lowbit-quantize-weights=method=bnb-fp4-b8 | FileCheck %s --check-prefix=BNB
// RUN: quant-opt %s --lowbit-quantize-weights=method=fp8-e4m3-a8 | FileCheck %s --check-prefix=FP8
// RUN: quant-opt %s --lowbit-quantize-weights=method=mxfp4 | FileCheck %s --check-prefix=MXFP4
// RUN: quant-opt %s --lowbit-quantize-weights=method=mxint8 | FileCheck %s --check-prefix=MXINT8
// RUN: quant-opt %s --lowbit-quantize-weights=method=ternary | FileCheck %s --check-prefix=TERNARY
// RUN: not quant-opt %s --lowbit-quantize-weights=method=mxfp4-g64 2>&1 | FileCheck %s --check-prefix=FIXED
// RUN: not quant-opt %s --lowbit-quantize-weights=method=nf4x 2>&1 | FileCheck %s --check-prefix=OTHER

// Formats by the names that people use: a table and its groups, of which some
// may be asked for ...
// NF4: #lowbit.encoding<codebook<dense<[-1.000000e+00, -0.6961928, {{.*}}> : tensor<16xf32>>, group = 4, scale = f16>
// BNB: #lowbit.encoding<codebook<dense<[0.000000e+00, 0.005208{{.*}}> : tensor<16xf32>>, group = 8, scale = f16>
// FP8: #lowbit.encoding<float<f8E4M3FN>, channel, scale = f16>
// FP8: lowbit.quantize %{{.*}} : tensor<?x4xf32>
// TERNARY: #lowbit.encoding<int<2, restricted>, group = 64, scale = f16>

// ... and others are part of the format.
// MXFP4: #lowbit.encoding<float<f4E2M1FN>, group = 32, scale = f8E8M0FNU>
// MXINT8: #lowbit.encoding<int<8>, group = 32, scale = f8E8M0FNU>
// FIXED: quantization method 'mxfp4-g64': requires groups of 32, as the format has, found groups of 64
// OTHER: quantization method 'nf4x': requires a method that README.md lists, of which 'nf4' is the nearest, found 'nf4x'

lowbit.global @fc : tensor<2x4xf32> {data = dense<[[-4.0, 0.0, 2.0, 4.0], [4.0, 2.0, 0.0, -4.0]]> : tensor<2x4xf32>}

func.func @linear(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
