// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-quantize-weights=method=gptq-int4

lowbit.global @fc : tensor<1x2xf32> {data = dense<[[0.5, 1.0]]> : tensor<1x2xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  second_moment = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>,
  cross_moment = dense<[[2.0, 0.0]]> : tensor<1x2xf32>}
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x2xf32>
  // expected-error @+1 {{weight 'fc': a corrected target requires the cross_moment of 2 columns, found 2 numbers}}
  %0 = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.global @fc : tensor<1x2xf32> {data = dense<[[0.5, 1.0]]> : tensor<1x2xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  second_moment = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>,
  cross_moment = dense<[[2.0, 0.0], [0.0, 2.0]]> : tensor<2x2xf32>}
lowbit.statistics "fc.residual" layers ["fc"] count 8 {
  residual_moment = dense<[[2.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32>}
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x2xf32>
  // expected-error @+1 {{weight 'fc': requires a residual_moment of 1 x 2 numbers, found 4}}
  %0 = lowbit.linear %x, %w : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
