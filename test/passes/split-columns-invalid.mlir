// RUN: quant-opt %s --lowbit-split-columns --verify-diagnostics

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires the extremes of 4 columns for splitting them, found 0 and 0; calibrate the model}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
