// RUN: quant-opt %s --lowbit-cpu-fuse | FileCheck %s

// A transposition of batch and row dimensions becomes part of the contraction's
// map; a right-hand side with the reduction last is transposed first.

// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d0, d2)>
// CHECK-LABEL: func @fold_transpose
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[V]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK-SAME: ins(%arg0, %arg1 : tensor<4x?x?xf32>, tensor<?x4x64xf32>)
func.func @fold_transpose(%p: tensor<4x?x?xf32>, %v: tensor<?x4x64xf32>, %init: tensor<4x?x64xf32>,
                          %empty: tensor<4x?x64xf32>) -> tensor<4x?x64xf32> {
  %t = linalg.transpose ins(%v : tensor<?x4x64xf32>) outs(%empty : tensor<4x?x64xf32>) permutation = [1, 0, 2]
  %0 = linalg.batch_matmul ins(%p, %t : tensor<4x?x?xf32>, tensor<4x?x64xf32>)
      outs(%init : tensor<4x?x64xf32>) -> tensor<4x?x64xf32>
  return %0 : tensor<4x?x64xf32>
}

// CHECK-LABEL: func @transpose_right_hand_side
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%arg1 : tensor<32x16xf32>) outs({{.*}} : tensor<16x32xf32>)
// CHECK: linalg.generic {{.*}} ins(%arg0, %[[T]] : tensor<?x16xf32>, tensor<16x32xf32>)
func.func @transpose_right_hand_side(%x: tensor<?x16xf32>, %w: tensor<32x16xf32>,
                                     %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x16xf32>, tensor<32x16xf32>) outs(%init : tensor<?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %1 = arith.mulf %a, %b : f32
    %2 = arith.addf %c, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// The exponentials of a softmax have two consumers and stay one op.

// CHECK-LABEL: func @softmax
// CHECK-COUNT-1: math.exp
// CHECK-NOT: math.exp
// CHECK-NOT: linalg.softmax
func.func @softmax(%x: tensor<?x?xf32>, %e: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.softmax dimension(1) ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// The square goes into its only consumer, the sum.

// CHECK-LABEL: func @sum_of_squares
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @sum_of_squares(%x: tensor<?x8xf32>, %e: tensor<?x8xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.square ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = linalg.reduce {arith.addf} ins(%0 : tensor<?x8xf32>) outs(%init : tensor<?xf32>) dimensions = [1]
  return %1 : tensor<?xf32>
}

// The reciprocal of a row is not repeated for every column.

// CHECK-LABEL: func @keep_row_factor
// CHECK: linalg.generic {{.*}} ins(%arg1 : tensor<?xf32>)
// CHECK: arith.divf
// CHECK: linalg.generic
// CHECK-NOT: arith.divf
func.func @keep_row_factor(%x: tensor<?x8xf32>, %r: tensor<?xf32>, %e: tensor<?xf32>,
                           %e2: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant 1.0 : f32
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} ins(%r : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %2 = arith.divf %one, %a : f32
    linalg.yield %2 : f32
  } -> tensor<?xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %0 : tensor<?x8xf32>, tensor<?xf32>) outs(%e2 : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %2 = arith.mulf %a, %b : f32
    linalg.yield %2 : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
