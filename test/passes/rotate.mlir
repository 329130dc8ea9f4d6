// RUN: quant-opt %s --lowbit-rotate --split-input-file | FileCheck %s
// RUN: quant-opt %s '--lowbit-rotate=online=down' --split-input-file --mlir-elide-elementsattrs-if-larger=64 2>/dev/null | FileCheck %s --check-prefix=ONLINE


// A block that adds to a stream, normalized by its root mean square. The signs
// of the rotation of four columns are all the same but one, so columns of
// outliers spread: of the table's row [8, 0, 0, 0] each number is 4. The norm's
// weight, 2 in the first column, is in the layers that read it, and 1 itself.

// CHECK-LABEL: lowbit.global @table : tensor<2x4xf32> {data = dense<{{\[\[}}{{-?}}4.000000e+00, {{-?}}4.000000e+00, {{-?}}4.000000e+00, {{-?}}4.000000e+00], [
// CHECK: lowbit.global @norm : tensor<4xf32> {data = dense<1.000000e+00>
// CHECK: lowbit.global @up : tensor<4x4xf32> {data = dense<{{\[\[}}{{-?}}1.000000e+00, {{-?}}1.000000e+00, {{-?}}1.000000e+00, {{-?}}1.000000e+00],
// CHECK: func.func @main
// CHECK-NOT: tensor.expand_shape

// What an activation stands before can only be rotated when the model runs: by a
// product with a matrix of as many columns as a block has.

// ONLINE-LABEL: func.func @main
// ONLINE: math.absf
// ONLINE: %[[B:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] output_shape [8, 1, 4] : tensor<8x4xf32> into tensor<8x1x4xf32>
// ONLINE: %[[R:.*]] = linalg.generic {{.*}} ins(%[[B]], %{{.*}} : tensor<8x1x4xf32>, tensor<4x4xf32>)
// ONLINE: %[[C:.*]] = tensor.collapse_shape %[[R]]
// ONLINE: lowbit.linear %[[C]]
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>
lowbit.global @table : tensor<2x4xf32> {data = dense<[[8.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 3.0]]> : tensor<2x4xf32>}
lowbit.global @norm : tensor<4xf32> {data = dense<[2.0, 1.0, 1.0, 1.0]> : tensor<4xf32>}
lowbit.global @up : tensor<4x4xf32> {data = dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
lowbit.global @down : tensor<4x4xf32> {data = dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
lowbit.global @head : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %t = lowbit.weight @table : tensor<2x4xf32>
  %n = lowbit.weight @norm : tensor<4xf32>
  %u = lowbit.weight @up : tensor<4x4xf32>
  %d = lowbit.weight @down : tensor<4x4xf32>
  %h = lowbit.weight @head : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %f = tensor.empty() : tensor<8xf32>
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %sq = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.mulf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<8x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%f : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%sq : tensor<8x4xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.addf %a, %out : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %x = linalg.generic {indexing_maps = [#id, #row, #column, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %sum, %n : tensor<8x4xf32>, tensor<8xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %w: f32, %out: f32):
    %root = math.rsqrt %b : f32
    %p = arith.mulf %a, %root : f32
    %q = arith.mulf %p, %w : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %y = lowbit.linear %x, %u : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = math.absf %a : f32
    linalg.yield %s : f32
  } -> tensor<8x4xf32>
  %o = lowbit.linear %z, %d : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %r1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %o : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x4xf32>
  %l = lowbit.linear %r1, %h : tensor<8x4xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  return %l : tensor<8x2xf32>
}
