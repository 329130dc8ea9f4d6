// RUN: quant-opt --verify-diagnostics --split-input-file %s --lowbit-quantize-weights=method=trellis2-s8
// RUN: not quant-opt --split-input-file %s --lowbit-quantize-weights=method=trellis7 2>&1 | FileCheck %s --check-prefix=RATE
// RUN: not quant-opt --split-input-file %s --lowbit-quantize-weights=method=trellis2-s13 2>&1 | FileCheck %s --check-prefix=STATE
// RUN: not quant-opt --split-input-file %s --lowbit-quantize-weights=method=gptq-trellis2 2>&1 | FileCheck %s --check-prefix=GPTQ

// RATE: quantization method 'trellis7': requires a rate of 1 to 6 bits behind trellis, whole or an average, found '7'
// STATE: requires a state of 8 to 12 bits behind -s, found '-s13'
// GPTQ: quantization method 'gptq-trellis2': requires trellises without gptq-: their search makes up for errors by itself, found gptq-

lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{weight 'fc': requires the second moment of the layer's input, found none; calibrate with second moments}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// Without gradients of any layer that is said once.
// expected-remark @below {{trellises: no layer has gradient_mean_square, so errors of all outputs count the same; calibrate with gradients to weigh them}}
module {
  lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
  lowbit.global @out : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>}
  lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<1.0> : tensor<4x4xf32>}
  lowbit.statistics "out" layers ["out"] count 8 {second_moment = dense<1.0> : tensor<2x2xf32>}
  func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %w = lowbit.weight @fc : tensor<2x4xf32>
    %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    %v = lowbit.weight @out : tensor<4x2xf32>
    %1 = lowbit.linear %0, %v : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
    return %1 : tensor<?x4xf32>
  }
}

// -----

// Where other layers have them, the layer is named.
lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<1.0> : tensor<4x4xf32>}
lowbit.statistics "other" layers ["other"] count 8 {gradient_mean_square = dense<1.0> : tensor<3xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-remark @+1 {{weight 'fc' has no gradient_mean_square: errors of all outputs count the same}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<1.0> : tensor<4x4xf32>}
lowbit.statistics "fc.gradient" layers ["fc"] count 8 {gradient_mean_square = dense<1.0> : tensor<3xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{weight 'fc': requires a gradient_mean_square of 2 numbers, found 3}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{requires as lowbit.rates an array of i8 of 4 rates of 1 to 6 bits, one for each column, found array<i8: 2, 7, 1, 1>}}
  %0 = lowbit.linear %x, %w {lowbit.rates = array<i8: 2, 7, 1, 1>} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>>
lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{requires a trellis beside lowbit.rates, such as the method trellis2, found #lowbit.encoding<int<4>, channel, scale = f16>}}
  %0 = lowbit.linear %x, %w {lowbit.encoding = #int4, lowbit.rates = array<i8: 2, 2, 1, 1>} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

#mixed = #lowbit.encoding<mixed<2 trellis<state = 8, rate = 2>, 2 trellis<state = 8, rate = 1>>>
lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{weight 'fc': columns of several formats require lowbit.rates, found none}}
  %0 = lowbit.linear %x, %w {lowbit.encoding = #mixed} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

#scaled = #lowbit.encoding<int<4>, column_scale = <log<width = 5, octave = 8>, tensor>>
lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  // expected-error @+1 {{weight 'fc': rounding needs an encoding without column scales, which it doesn't choose; found some}}
  %0 = lowbit.linear %x, %w {lowbit.encoding = #scaled} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
