// RUN: quant-opt %s --lowbit-raise-linear --split-input-file | FileCheck %s

// The example of the pass: an importer's product of rows. The weight is stored
// as [K, N] and stays so.

lowbit.global @up : tensor<64x256xf32> {data = dense<0.5> : tensor<64x256xf32>}

// CHECK-LABEL: func @rows
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x?x64xf32>
func.func @rows(%x: tensor<1x?x64xf32>) -> tensor<1x?x256xf32> {
  // CHECK: %[[W:.*]] = lowbit.weight @up
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<64x256xf32>) {{.*}} permutation = [1, 0]
  // CHECK: %[[Y:.*]] = lowbit.linear %[[X]], %[[T]]
  // CHECK-SAME: : tensor<1x?x64xf32>, tensor<256x64xf32> -> tensor<1x?x256xf32>
  // CHECK: return %[[Y]]
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %s = tensor.dim %x, %c1 : tensor<1x?x64xf32>
  %w = lowbit.weight @up : tensor<64x256xf32>
  %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x?x64xf32> into tensor<?x64xf32>
  %e = tensor.empty(%s) : tensor<?x256xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  %2 = linalg.matmul ins(%0, %w : tensor<?x64xf32>, tensor<64x256xf32>)
                     outs(%1 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %3 = tensor.expand_shape %2 [[0, 1], [2]] output_shape [1, %s, 256]
      : tensor<?x256xf32> into tensor<1x?x256xf32>
  return %3 : tensor<1x?x256xf32>
}

// -----

// A weight that is stored as [N, K] needs nothing in between, whether the
// product transposes it by a map or by an op.

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

// CHECK-LABEL: func @stored_by_rows
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[R:[a-z0-9]+]]: tensor<?x8xf32>
func.func @stored_by_rows(%x: tensor<?x4xf32>, %r: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // What the products are added to is a residual.
  // CHECK: %[[W:.*]] = lowbit.weight @w
  // CHECK: lowbit.linear %[[X]], %[[W]] residual %[[R]] : tensor<?x4xf32>, tensor<8x4xf32>
  %w = lowbit.weight @w : tensor<8x4xf32>
  %0 = linalg.matmul indexing_maps = [#lhs, #rhs, #out]
       ins(%x, %w : tensor<?x4xf32>, tensor<8x4xf32>) outs(%r : tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: lowbit.linear %[[X]], %[[W]] residual %[[R]] : tensor<?x4xf32>, tensor<8x4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %1 = linalg.matmul ins(%x, %t : tensor<?x4xf32>, tensor<4x8xf32>)
                     outs(%r : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A batch of products with one weight: stored once, or repeated by a broadcast.

lowbit.global @one : tensor<1x4x8xf32> {data = dense<0.5> : tensor<1x4x8xf32>}
lowbit.global @many : tensor<4x8xf32> {data = dense<0.5> : tensor<4x8xf32>}

// CHECK-LABEL: func @batches
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x?x4xf32>, %[[Z:[a-z0-9]+]]: tensor<3x?x4xf32>
func.func @batches(%x: tensor<1x?x4xf32>, %z: tensor<3x?x4xf32>, %a: tensor<1x?x8xf32>, %b: tensor<3x?x8xf32>)
    -> (tensor<1x?x8xf32>, tensor<3x?x8xf32>) {
  // CHECK-DAG: %[[ONE:.*]] = lowbit.weight @one
  // CHECK-DAG: %[[MATRIX:.*]] = tensor.collapse_shape %[[ONE]] {{\[}}[0, 1], [2]]
  // CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[MATRIX]] : tensor<4x8xf32>)
  // CHECK: lowbit.linear %[[X]], %[[T]] residual %{{.*}} : tensor<1x?x4xf32>, tensor<8x4xf32>
  %one = lowbit.weight @one : tensor<1x4x8xf32>
  %0 = linalg.batch_matmul ins(%x, %one : tensor<1x?x4xf32>, tensor<1x4x8xf32>)
                           outs(%a : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  // CHECK: %[[S:.*]] = linalg.transpose ins(%{{.*}} : tensor<4x8xf32>)
  // CHECK: lowbit.linear %[[Z]], %[[S]] residual %{{.*}} : tensor<3x?x4xf32>, tensor<8x4xf32>
  %many = lowbit.weight @many : tensor<4x8xf32>
  %e = tensor.empty() : tensor<3x4x8xf32>
  %m = linalg.broadcast ins(%many : tensor<4x8xf32>) outs(%e : tensor<3x4x8xf32>) dimensions = [0]
  %1 = linalg.batch_matmul ins(%z, %m : tensor<3x?x4xf32>, tensor<3x4x8xf32>)
                           outs(%b : tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
  return %0, %1 : tensor<1x?x8xf32>, tensor<3x?x8xf32>
}

// -----

// Vectors.

// CHECK-LABEL: func @vectors
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<4xf32>, %[[Y:[a-z0-9]+]]: tensor<2xf32>
func.func @vectors(%x: tensor<4xf32>, %y: tensor<2xf32>, %a: tensor<2xf32>, %b: tensor<4xf32>)
    -> (tensor<2xf32>, tensor<4xf32>) {
  // CHECK: %[[W:.*]] = arith.constant
  // CHECK: lowbit.linear %[[X]], %[[W]] residual %{{.*}} : tensor<4xf32>, tensor<2x4xf32> -> tensor<2xf32>
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %0 = linalg.matvec ins(%w, %x : tensor<2x4xf32>, tensor<4xf32>) outs(%a : tensor<2xf32>) -> tensor<2xf32>
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<2x4xf32>)
  // CHECK: lowbit.linear %[[Y]], %[[T]] residual %{{.*}} : tensor<2xf32>, tensor<4x2xf32> -> tensor<4xf32>
  %1 = linalg.vecmat ins(%y, %w : tensor<2xf32>, tensor<2x4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<2xf32>, tensor<4xf32>
}

// -----

// Any order of dimensions: per-head weights [H, K, D] and a result [H, B, D].

#x = affine_map<(h, b, d, k) -> (b, k)>
#w = affine_map<(h, b, d, k) -> (h, k, d)>
#y = affine_map<(h, b, d, k) -> (h, b, d)>
lowbit.global @heads : tensor<2x4x8xf32> {data = dense<0.5> : tensor<2x4x8xf32>}

// CHECK-LABEL: func @per_head
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32>
func.func @per_head(%x: tensor<?x4xf32>, %e: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  // CHECK: %[[W:.*]] = lowbit.weight @heads
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<2x4x8xf32>) {{.*}} permutation = [0, 2, 1]
  // CHECK: %[[MATRIX:.*]] = tensor.collapse_shape %[[T]] {{\[}}[0, 1], [2]] : tensor<2x8x4xf32> into tensor<16x4xf32>
  // CHECK: %[[LINEAR:.*]] = lowbit.linear %[[X]], %[[MATRIX]] : tensor<?x4xf32>, tensor<16x4xf32> -> tensor<?x16xf32>
  // CHECK: %[[EXPANDED:.*]] = tensor.expand_shape %[[LINEAR]] {{\[}}[0], [1, 2]] output_shape [%{{.*}}, 2, 8]
  // CHECK: %[[Y:.*]] = linalg.transpose ins(%[[EXPANDED]] : tensor<?x2x8xf32>) {{.*}} permutation = [1, 0, 2]
  // CHECK: return %[[Y]]
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @heads : tensor<2x4x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  %0 = linalg.generic {
      indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x4xf32>, tensor<2x4x8xf32>) outs(%init : tensor<2x?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x?x8xf32>
  return %0 : tensor<2x?x8xf32>
}

// -----

// A weight stored in 16 bits and widened before the product is used as stored.

#id = affine_map<(i, j) -> (i, j)>
lowbit.global @half : tensor<4x8xf16> {data = dense<0.5> : tensor<4x8xf16>}

// CHECK-LABEL: func @widened
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32>
func.func @widened(%x: tensor<?x4xf32>, %r: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[W:.*]] = lowbit.weight @half : tensor<4x8xf16>
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<4x8xf16>)
  // CHECK: lowbit.linear %[[X]], %[[T]] residual %{{.*}} : tensor<?x4xf32>, tensor<8x4xf16>
  %w = lowbit.weight @half : tensor<4x8xf16>
  %e = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<4x8xf16>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%in: f16, %out: f32):
    %v = arith.extf %in : f16 to f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %wide : tensor<?x4xf32>, tensor<4x8xf32>)
                     outs(%r : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Products without a weight are no layers.

// CHECK-LABEL: func @attention_scores
func.func @attention_scores(%q: tensor<4x?x8xf32>, %k: tensor<4x8x?xf32>, %s: tensor<4x?x?xf32>) -> tensor<4x?x?xf32> {
  // CHECK: linalg.batch_matmul
  // CHECK-NOT: lowbit.linear
  %0 = linalg.batch_matmul ins(%q, %k : tensor<4x?x8xf32>, tensor<4x8x?xf32>)
                           outs(%s : tensor<4x?x?xf32>) -> tensor<4x?x?xf32>
  return %0 : tensor<4x?x?xf32>
}
