// RUN: quant-opt %s --lowbit-assign-rates=method=trellis2.5 | FileCheck %s
// RUN: quant-opt %s '--lowbit-assign-rates=method=trellis2 budget=bytes=20' | FileCheck %s --check-prefix=BUDGET
// RUN: not quant-opt %s --lowbit-assign-rates=method=trellis2 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: not quant-opt %s '--lowbit-assign-rates=method=trellis2.5 budget=bpw=2' 2>&1 | FileCheck %s --check-prefix=BESIDE
// RUN: not quant-opt %s '--lowbit-assign-rates=method=trellis2 budget=latency=2ms' 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not quant-opt %s '--lowbit-assign-rates=method=trellis2 budget=bpw' 2>&1 | FileCheck %s --check-prefix=SYNTAX
// RUN: not quant-opt %s '--lowbit-assign-rates=method=trellis2 budget=bytes=2' 2>&1 | FileCheck %s --check-prefix=SMALL

// Ten bits for four columns: most go to the column whose input is largest. Layers that have an encoding or rates keep them.

// CHECK-LABEL: func @main
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 4, 3, 2, 1>}
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 1, 1, 1, 1>}
// CHECK: lowbit.linear {{.*}} {lowbit.keep_float}

// Twenty bytes, parameters counted: 2 for scales of rows, 4 for that of all, 3 for scales of columns and 2 for theirs, 2 for
// which column is in which part, 7 for codes.

// BUDGET: lowbit.linear {{.*}} {lowbit.rates = array<i8: [[RATES:.*]]>}

// BESIDE: rates: requires a trellis with a whole rate beside a budget, such as trellis2, found 'trellis2.5'
// SIZE: rates: requires a budget of bpw=N, bytes=N or reduction=N%, and no floor, found 'latency=2ms'
// SYNTAX: rates: requires a budget of bpw=N bits
// SMALL: rates: the budget must be at least {{[0-9]+}} bytes, which one bit for each weight takes, found 2
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
