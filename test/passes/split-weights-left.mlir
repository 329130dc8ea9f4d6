// RUN: quant-opt %s --lowbit-split-weights --split-input-file --verify-diagnostics
// RUN: quant-opt %s --lowbit-clip-weights --split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=CLIP

// Two layers that share a weight would each lose numbers of the other.

// CLIP-COUNT-2: remark: is not clipped: weight 'fc' has other readers
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  // expected-remark @+1 {{is not split: weight 'fc' has other readers}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  // expected-remark @+1 {{is not split: weight 'fc' has other readers}}
  %1 = lowbit.linear %0, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  // expected-remark @+1 {{is not split: it has an activation or a gate; split before lowbit-fuse}}
  %0 = lowbit.linear %x, %w activation relu : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
