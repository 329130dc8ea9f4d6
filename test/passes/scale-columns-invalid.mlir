// RUN: quant-opt %s --lowbit-scale-columns=method=int4 --split-input-file --verify-diagnostics

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires the second moment of 4 columns for scaling them, found 0 numbers; calibrate with second moments}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

// A weight that something else reads keeps its numbers.

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: weight 'fc' has other readers}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: weight 'fc' has other readers}}
  %1 = lowbit.linear %0, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

// So does one whose statistics are also those of a layer with another input.

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.statistics "fc" layers ["fc", "other"] count 8 {mean_square = dense<1.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its statistics are also those of 'other', which reads something else}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
