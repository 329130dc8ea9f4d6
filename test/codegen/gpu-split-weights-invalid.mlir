// What can't be split is said.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-split-weights=most-bytes=1024

lowbit.global @w : tensor<8x320xf32> {data = dense<1.0> : tensor<8x320xf32>}
func.func @wide(%x: tensor<1x320xf32>) -> tensor<1x8xf32> {
  %w = lowbit.weight @w : tensor<8x320xf32>
  // expected-error @+1 {{requires 2 rows of its weight 'w' to fit into a binding of 1024 bytes, found rows of 1280}}
  %y = lowbit.linear %x, %w : tensor<1x320xf32>, tensor<8x320xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

lowbit.global @w : tensor<80x32xf32> {data = dense<1.0> : tensor<80x32xf32>}
func.func @dynamic(%x: tensor<?x32xf32>) -> tensor<?x80xf32> {
  %w = lowbit.weight @w : tensor<80x32xf32>
  // expected-error @+1 {{requires a static shape to be split, found 'tensor<?x80xf32>': fix dynamic dimensions with --shape}}
  %y = lowbit.linear %x, %w : tensor<?x32xf32>, tensor<80x32xf32> -> tensor<?x80xf32>
  return %y : tensor<?x80xf32>
}
