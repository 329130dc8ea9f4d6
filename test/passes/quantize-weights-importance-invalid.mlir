// RUN: quant-opt %s --lowbit-quantize-weights=scale-search=importance --split-input-file --verify-diagnostics

// expected-error @+1 {{scale search by importance requires statistics, found none in the module; calibrate it first}}
module {
}

// -----

lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<1.0> : tensor<3xf32>}
lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires statistics of 4 columns, found 3}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<-1.0> : tensor<4xf32>}
lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires mean squares that are finite and not negative}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.statistics "other" layers ["other"] count 8 {mean_square = dense<1.0> : tensor<4xf32>}
lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-remark @+1 {{weight 'fc' has no statistics: scales are those of least squared error, without importance}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
