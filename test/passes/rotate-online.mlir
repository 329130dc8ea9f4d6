// RUN: quant-opt %s --lowbit-rotate=online=* --split-input-file --verify-diagnostics

// Inputs that can't be rotated when the model runs.

lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  // expected-remark @+1 {{the input of 'fc' is not rotated: it is part of a stream that is rotated already}}
  %y = lowbit.linear %r, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// expected-remark @+1 {{nothing is rotated: no embedding begins a residual stream}}
module {
  lowbit.global @odd : tensor<4x3xf32> {data = dense<1.0> : tensor<4x3xf32>}
  func.func @main(%x: tensor<8x3xf32>, %z: tensor<8x4xf32>, %w: tensor<4x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
    %o = lowbit.weight @odd : tensor<4x3xf32>
    // expected-remark @+1 {{the input of 'odd' is not rotated: an odd number of columns has no Hadamard matrix}}
    %0 = lowbit.linear %x, %o : tensor<8x3xf32>, tensor<4x3xf32> -> tensor<8x4xf32>
    // expected-remark @+1 {{the input of 'a layer' is not rotated: a weight is no constant float matrix}}
    %1 = lowbit.linear %z, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
    return %0, %1 : tensor<8x4xf32>, tensor<8x4xf32>
  }
}
