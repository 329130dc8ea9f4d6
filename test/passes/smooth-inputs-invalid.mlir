// RUN: quant-opt %s --lowbit-smooth-inputs --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --lowbit-smooth-inputs=strength=1.5 --split-input-file 2>&1 | FileCheck %s

// RUN: not quant-opt %s --lowbit-smooth-inputs=observer=eye --split-input-file 2>&1 | FileCheck %s --check-prefix=OBSERVER
// RUN: not quant-opt %s --lowbit-smooth-inputs=percentile=101 --split-input-file 2>&1 | FileCheck %s --check-prefix=PERCENTILE
// RUN: not quant-opt %s --lowbit-smooth-inputs=observer=mse --split-input-file 2>&1 | FileCheck %s --check-prefix=MSE
// RUN: not quant-opt %s --lowbit-smooth-inputs=observer=moving_average --split-input-file 2>&1 | FileCheck %s --check-prefix=AVERAGE

// CHECK: error: smoothing requires a strength of 0 to 1, found 1.5{{.*}}
// OBSERVER: error: smoothing: requires the observer minmax, moving_average, percentile, mse or entropy, found 'eye'
// PERCENTILE: error: smoothing: requires a percentile above 0 and up to 100, found 1.010000e+02
// MSE: error: {{.*}}weight 'fc': requires statistics with histograms of columns for the observer mse, found none; calibrate the model
// AVERAGE: error: {{.*}}weight 'fc': requires statistics with moving ranges of columns for the observer moving_average, found none; calibrate the model

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires the extremes of 4 columns for smoothing, found 0 and 0; calibrate the model}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

lowbit.global @fc : tensor<1x4xf32> {data = dense<1.0> : tensor<1x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  maximum = dense<0x7F800000> : tensor<4xf32>, minimum = dense<0.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x1xf32> {
  %w = lowbit.weight @fc : tensor<1x4xf32>
  // expected-error @+1 {{weight 'fc': requires extremes that are finite and not all but zero}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
