// RUN: not quant-opt %s --lowbit-quantize-weights="method=#lowbit.encoding<int<1>,channel,scale=bf16>" 2>&1 | FileCheck %s --check-prefix=BF16
// RUN: not quant-opt %s --lowbit-quantize-weights="method=#lowbit.encoding<int<4>,channel,scale=f8E4M3FN>" 2>&1 | FileCheck %s --check-prefix=F8
// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4 2>&1 | FileCheck %s --check-prefix=F16

// A scale that its type can't hold is an error with the place.

// BF16: error: 'lowbit.linear' op weight 'fc': row 1, {{.*}}: the scale must fit bf16 (at most 3.39e38), found a larger one
// F8: the scale must fit f8E4M3FN (at most 448), found a larger one
// F16: the scale must fit f16 (at most 65504), found a larger one

lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [3.4028e38, 3.4028e38, 3.4028e38, 3.4028e38]]> : tensor<2x4xf32>}

func.func @linear(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
