// RUN: quant-opt %s --lowbit-clip-weights=percentile=75 | FileCheck %s
// RUN: not quant-opt %s --lowbit-clip-weights=percentile=0 2>&1 | FileCheck %s --check-prefix=PERCENTILE

// PERCENTILE: error: clipping requires a percentile above 0 and up to 100, found 0

// Three quarters of a row reach 3; the rest goes no further.

// CHECK: lowbit.global @fc : tensor<1x4xf32> {data = dense<{{\[\[}}1.000000e+00, -2.000000e+00, 3.000000e+00, -3.000000e+00]]>
lowbit.global @fc : tensor<1x4xf32> {data = dense<[[1.0, -2.0, 3.0, -40.0]]> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
