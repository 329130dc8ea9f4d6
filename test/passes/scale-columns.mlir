// RUN: quant-opt %s --lowbit-scale-columns=method=int2 --split-input-file | FileCheck %s
// RUN: quant-opt %s '--lowbit-scale-columns=method=int2 only-folds' --split-input-file 2>/dev/null | FileCheck %s --check-prefix=FOLDS


// The second column of what the layer reads is much larger than the others, so
// the layer's weights in it are rounded in finer steps: they are multiplied, and
// the weight of the norm before the layer is divided. What calibration would
// have seen follows.

// CHECK-LABEL: lowbit.global @norm : tensor<4xf32> {data = dense<[
// CHECK-SAME: 1.18{{[0-9]+}}, 0.84{{[0-9]+}}, 1.18{{[0-9]+}}, 1.18{{[0-9]+}}]>
// CHECK: lowbit.global @fc : tensor<2x4xf32>
// CHECK: lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<[{{.*}}]> : tensor<4xf32>, second_moment
// CHECK: %[[N:.*]] = lowbit.weight @norm
// CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[N]] :
// CHECK: lowbit.linear %[[X]]
lowbit.global @norm : tensor<4xf32> {data = dense<1.0> : tensor<4xf32>}
lowbit.global @fc : tensor<2x4xf32> {data = dense<[[0.3, 0.4, -1.0, 0.2], [1.0, 0.3, 0.4, -0.5]]> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {mean_square = dense<[1.0, 900.0, 1.0, 1.0]> : tensor<4xf32>, second_moment = dense<[
  [1.0, 0.0, 0.0, 0.0], [0.0, 900.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x2xf32> {
  %n = lowbit.weight @norm : tensor<4xf32>
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]} ins(%x, %n : tensor<8x4xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<8x4xf32>
  %y = lowbit.linear %0, %w : tensor<8x4xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}

// -----

// Nothing constant decides the size of an argument: it is multiplied when the
// model runs, unless only-folds.

// CHECK-LABEL: lowbit.global @fc.input_scale : tensor<4xf32>
// CHECK: func.func @main(%[[X:.*]]: tensor<8x4xf32>)
// CHECK: %[[S:.*]] = lowbit.weight @fc.input_scale
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[S]] :
// CHECK: lowbit.linear %[[P]]
// FOLDS-NOT: @fc.input_scale
lowbit.global @fc : tensor<2x4xf32> {data = dense<[[0.3, 0.4, -1.0, 0.2], [1.0, 0.3, 0.4, -0.5]]> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {second_moment = dense<[
  [1.0, 0.0, 0.0, 0.0], [0.0, 900.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<8x4xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}
