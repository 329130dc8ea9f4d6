// RUN: quant-opt %s --lowbit-split-columns --split-input-file --verify-diagnostics

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires the extremes of 4 columns for splitting them, found 0 and 0; calibrate the model}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  maximum = dense<[1.0, 1.0, 100.0, 1.0]> : tensor<4xf32>, minimum = dense<0.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  // expected-remark @+1 {{columns of its input are not split off: weight 'fc' has other readers}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  // expected-remark @+1 {{columns of its input are not split off: weight 'fc' has other readers}}
  %1 = lowbit.linear %0, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
