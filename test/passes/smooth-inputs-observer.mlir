// RUN: quant-opt %s --lowbit-smooth-inputs='strength=1 observer=moving_average' | FileCheck %s --check-prefix=AVERAGE
// RUN: quant-opt %s --lowbit-smooth-inputs='strength=1 observer=percentile percentile=50' | FileCheck %s --check-prefix=PERCENTILE
// RUN: quant-opt %s --lowbit-smooth-inputs=strength=1 | FileCheck %s --check-prefix=ALL

// How far a column reaches is what an observer says. By their extremes the columns
// reach 16, on average over samples 4 and 2; and numbers are spread evenly over
// [-16, 16) and [-8, 8), so that half of them are within 8 and 4.

// AVERAGE: lowbit.global @down : {{.*}} {data = dense<{{\[\[}}4.000000e+00, 2.000000e+00], [4.000000e+00, 2.000000e+00]]>
// PERCENTILE: lowbit.global @down : {{.*}} {data = dense<{{\[\[}}8.000000e+00, 4.000000e+00], [8.000000e+00, 4.000000e+00]]>
// ALL: lowbit.global @down : {{.*}} {data = dense<1.600000e+01>
lowbit.global @up : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.global @down : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.statistics "down" layers ["down"] count 512 {
  maximum = dense<16.0> : tensor<2xf32>, minimum = dense<-16.0> : tensor<2xf32>,
  column_moving_range = dense<[[-4.0, 3.0], [-1.0, 2.0]]> : tensor<2x2xf32>,
  column_histogram = dense<1.0> : tensor<2x512xf32>,
  column_histogram_limit = dense<[16.0, 8.0]> : tensor<2xf32>}
lowbit.statistics "up" layers ["up"] count 512 {
  maximum = dense<1.0> : tensor<2xf32>, minimum = dense<-1.0> : tensor<2xf32>,
  column_moving_range = dense<1.0> : tensor<2x2xf32>,
  column_histogram = dense<1.0> : tensor<2x512xf32>,
  column_histogram_limit = dense<1.0> : tensor<2xf32>}
func.func @main(%x: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %u = lowbit.weight @up : tensor<2x2xf32>
  %d = lowbit.weight @down : tensor<2x2xf32>
  %0 = lowbit.linear %x, %u : tensor<8x2xf32>, tensor<2x2xf32> -> tensor<8x2xf32>
  %1 = lowbit.linear %0, %d : tensor<8x2xf32>, tensor<2x2xf32> -> tensor<8x2xf32>
  return %1 : tensor<8x2xf32>
}
