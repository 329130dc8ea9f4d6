// RUN: not quant-opt %s --lowbit-insert-observers=statistics=mode 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: error: observers: requires statistics among columns, histogram, second_moment and column_ranges, found 'mode'
// RUN: not quant-opt %s '--lowbit-insert-observers=layers=[ statistics=columns' 2>&1 | FileCheck %s --check-prefix=GLOB
// GLOB: error: observers: '[' is no glob: {{.+}}
// RUN: not quant-opt %s '--lowbit-insert-observers=layers=*.upp statistics=columns' 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: observers: no layer matches '*.upp'; the nearest are 'mlp.up' or 'mlp.gate'

lowbit.global @mlp.gate : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @mlp.up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = lowbit.weight @mlp.gate : tensor<4x4xf32>
  %0 = lowbit.linear %x, %g : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %u = lowbit.weight @mlp.up : tensor<4x4xf32>
  %1 = lowbit.linear %x, %u : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}
