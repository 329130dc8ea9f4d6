// RUN: quant-opt %s --lowbit-assign-rates=method=trellis2.5 | FileCheck %s
// RUN: not quant-opt %s --lowbit-assign-rates=method=trellis2 2>&1 | FileCheck %s --check-prefix=WHOLE

// Ten bits for four columns: most go to the column whose input is largest. Layers that have an encoding or rates keep them.

// CHECK-LABEL: func @main
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 4, 3, 2, 1>}
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 1, 1, 1, 1>}
// CHECK: lowbit.linear {{.*}} {lowbit.keep_float}

// WHOLE: rates: requires a trellis with an average, such as trellis2.5, found 'trellis2'
lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<[
  [64.0, 0.0, 0.0, 0.0],
  [0.0, 16.0, 0.0, 0.0],
  [0.0, 0.0, 4.0, 0.0],
  [0.0, 0.0, 0.0, 0.25]]> : tensor<4x4xf32>}
lowbit.statistics "fc.gradient" layers ["fc"] count 8 {gradient_mean_square = dense<1.0> : tensor<2xf32>}
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %1 = lowbit.linear %x, %w {lowbit.rates = array<i8: 1, 1, 1, 1>} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %2 = lowbit.linear %x, %w {lowbit.keep_float} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0, %1, %2 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}
