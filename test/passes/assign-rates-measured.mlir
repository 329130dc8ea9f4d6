// RUN: quant-opt %s --lowbit-assign-rates=method=trellis2.0 --split-input-file --verify-diagnostics | FileCheck %s

// By prediction both layers would have the same bits. What was measured says that the second one loses more: it gets them.

// CHECK-LABEL: func @main
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 1, 1>}
// CHECK: lowbit.linear {{.*}} {lowbit.rates = array<i8: 3, 3>}
lowbit.global @a : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.global @b : tensor<2x2xf32> {data = dense<2.0> : tensor<2x2xf32>}
lowbit.statistics "input" layers ["a", "b"] count 8 {second_moment = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>}
lowbit.statistics "a.gradient" layers ["a"] count 8 {gradient_mean_square = dense<1.0> : tensor<2xf32>}
lowbit.statistics "b.gradient" layers ["b"] count 8 {gradient_mean_square = dense<1.0> : tensor<2xf32>}
func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %v = lowbit.weight @a : tensor<2x2xf32>
  %w = lowbit.weight @b : tensor<2x2xf32>
  %0 = lowbit.linear %x, %v {lowbit.rate_losses = array<f64: 0.02, 0.01, 0.005>} : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %1 = lowbit.linear %x, %w {lowbit.rate_losses = array<f64: 9.0, 3.0, 1.0>} : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %0, %1 : tensor<?x2xf32>, tensor<?x2xf32>
}

// -----

lowbit.global @a : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.statistics "input" layers ["a"] count 8 {second_moment = dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>}
lowbit.statistics "a.gradient" layers ["a"] count 8 {gradient_mean_square = dense<1.0> : tensor<2xf32>}
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @a : tensor<2x2xf32>
  // expected-error @+1 {{requires as lowbit.rate_losses 2 to 6 finite numbers, found 1}}
  %0 = lowbit.linear %x, %w {lowbit.rate_losses = array<f64: 0.5>} : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
