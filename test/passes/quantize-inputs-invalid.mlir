// RUN: quant-opt %s --lowbit-quantize-inputs=observer=mse --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --lowbit-quantize-inputs=observer=max --split-input-file 2>&1 | FileCheck %s --check-prefix=OBSERVER
// RUN: not quant-opt %s --lowbit-quantize-inputs=percentile=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=PERCENTILE
// RUN: not quant-opt %s '--lowbit-quantize-inputs=observer=moving_average' --split-input-file 2>&1 | FileCheck %s --check-prefix=AVERAGE
// RUN: not quant-opt %s --lowbit-quantize-inputs=format=fp4 --split-input-file 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quant-opt %s --lowbit-quantize-inputs='format=fp8-e4m3 observer=mse' --split-input-file 2>&1 | FileCheck %s --check-prefix=FLOAT
// RUN: not quant-opt %s --lowbit-quantize-inputs='format=fp8-e5m2 asymmetric' --split-input-file 2>&1 | FileCheck %s --check-prefix=SHIFTED

// FORMAT: error: static inputs: requires the format int8, fp8-e4m3 or fp8-e5m2, found 'fp4'
// FLOAT: error: static inputs: requires int8 for the observer mse, found fp8-e4m3
// SHIFTED: error: static inputs: requires int8 for asymmetric ranges, found fp8-e5m2
// OBSERVER: error: static inputs: requires the observer minmax, moving_average, percentile, mse or entropy, found 'max'
// PERCENTILE: error: static inputs: requires a percentile above 0 and up to 100, found 0
// AVERAGE: error: {{.*}}weight 'fc': requires statistics with a moving range for the observer moving_average, found none; calibrate the model

#w = #lowbit.encoding<int<4>, group = 4, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #w> {codes = dense<-120> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #w>
  // expected-error @+1 {{weight 'fc': requires statistics with the extremes of columns for the observer mse, found none; calibrate the model}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #w> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

#w = #lowbit.encoding<int<4>, group = 4, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #w> {codes = dense<-120> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {maximum = dense<1.0> : tensor<4xf32>, minimum = dense<0.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #w>
  // expected-error @+1 {{weight 'fc': requires statistics with a histogram for the observer mse, found none; calibrate the model}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #w> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
