// RUN: quant-opt %s --lowbit-quantize-weights=method=gptq-int4 --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --split-input-file '--lowbit-quantize-weights=method=int4 sweeps=2' 2>&1 | FileCheck %s
// CHECK: error: sweeps require a method that begins with gptq- or trellis, and no negative number of them; found 2 with int4

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires the second moment of the layer's input, found none; calibrate with second moments}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<1.0> : tensor<3x3xf32>}
lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires a second moment of 4 columns, found 9 numbers}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<-1.0> : tensor<4x4xf32>}
lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': second moment, row 0, column 0: must be finite and not negative}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
