// RUN: quant-opt %s --lowbit-fuse-epilogue --split-input-file | FileCheck %s

// A residual whose rows are counted otherwise than the layer's: the residual
// takes the layer's shape, the sum that of the residual.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
#id = affine_map<(i, j) -> (i, j)>
#last = affine_map<(i, j) -> (j)>
#rows = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>

// As exporters write a BERT: the bias is added to rows, and a loop of extent 1
// that they lack comes with the residual. The input is quantized, so that the
// layer can't take that loop.

// CHECK-LABEL: func @unit_loop_behind_bias
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: !lowbit.tensor<?x4xf32, {{.*}}>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>, %[[R:[a-z0-9]+]]: tensor<1x?x8xf32>
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[ROWS:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2]] : tensor<1x?x8xf32> into tensor<?x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %[[Q]], %[[W]] bias %[[B]] residual %[[ROWS]] :
// CHECK:         %[[SIZE:.*]] = tensor.dim %[[R]], %[[ONE]]
// CHECK:         %[[SUM:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [1, %[[SIZE]], 8] : tensor<?x8xf32> into tensor<1x?x8xf32>
// CHECK-NEXT:    return %[[SUM]], %[[R]]
func.func @unit_loop_behind_bias(%q: !lowbit.tensor<?x4xf32, #a8>, %w: tensor<8x4xf32>, %b: tensor<8xf32>, %r: tensor<1x?x8xf32>, %e: tensor<?x8xf32>, %f: tensor<1x?x8xf32>) -> (tensor<1x?x8xf32>, tensor<1x?x8xf32>) {
  %0 = lowbit.linear %q, %w : !lowbit.tensor<?x4xf32, #a8>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#last, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b, %0 : tensor<8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%bias: f32, %in: f32, %out: f32):
    %sum = arith.addf %in, %bias : f32
    linalg.yield %sum : f32
  } -> tensor<?x8xf32>
  %2 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %1 : tensor<1x?x8xf32>, tensor<?x8xf32>) outs(%f : tensor<1x?x8xf32>) {
  ^bb0(%a: f32, %in: f32, %out: f32):
    %sum = arith.addf %a, %in : f32
    linalg.yield %sum : f32
  } -> tensor<1x?x8xf32>
  return %2, %r : tensor<1x?x8xf32>, tensor<1x?x8xf32>
}

// -----

// Loops of extent 1 before, between and in front of the rows: the innermost
// dimension stays alone. What else the op computes stays in it.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
#inner = affine_map<(a, b, i, c, j) -> (b, i, j)>
#all = affine_map<(a, b, i, c, j) -> (a, b, i, c, j)>

// CHECK-LABEL: func @unit_loops_between
// CHECK-SAME:    %[[R:[a-z0-9]+]]: tensor<1x2x?x1x8xf32>
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2, 3], [4]] : tensor<1x2x?x1x8xf32> into tensor<2x?x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %{{.*}} residual %[[ROWS]] :
// CHECK:         %[[SUM:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2, 3], [4]] output_shape [1, 2, %{{.*}}, 1, 8]
// CHECK:         linalg.generic {{.*}} ins(%[[SUM]] : tensor<1x2x?x1x8xf32>)
// CHECK-NEXT:    ^bb0(%[[S:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:      %[[N:.*]] = arith.negf %[[S]]
// CHECK-NEXT:      linalg.yield %[[N]]
func.func @unit_loops_between(%r: tensor<1x2x?x1x8xf32>, %q: !lowbit.tensor<2x?x4xf32, #a8>, %w: tensor<8x4xf32>, %e: tensor<1x2x?x1x8xf32>) -> tensor<1x2x?x1x8xf32> {
  %0 = lowbit.linear %q, %w : !lowbit.tensor<2x?x4xf32, #a8>, tensor<8x4xf32> -> tensor<2x?x8xf32>
  %1 = linalg.generic {indexing_maps = [#inner, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%0, %r : tensor<2x?x8xf32>, tensor<1x2x?x1x8xf32>) outs(%e : tensor<1x2x?x1x8xf32>) {
  ^bb0(%in: f32, %a: f32, %out: f32):
    %sum = arith.addf %in, %a : f32
    %negated = arith.negf %sum : f32
    linalg.yield %negated : f32
  } -> tensor<1x2x?x1x8xf32>
  return %1 : tensor<1x2x?x1x8xf32>
}

// -----

// CHECK-LABEL: func @expanded
// CHECK-SAME:    %[[R:[a-z0-9]+]]: tensor<2x?x8xf32>
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2]] : tensor<2x?x8xf32> into tensor<?x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %{{.*}} activation relu residual %[[ROWS]] :
// CHECK:         %[[SUM:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [2, %{{.*}}, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
// CHECK-NEXT:    return %[[SUM]]
func.func @expanded(%r: tensor<2x?x8xf32>, %x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %n: index, %e: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  %0 = lowbit.linear %x, %w activation relu : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %2 = linalg.add ins(%1, %r : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %2 : tensor<2x?x8xf32>
}

// -----

// Both extents of the residual are asked for.

// CHECK-LABEL: func @unknown_batch
// CHECK-SAME:    %[[R:[a-z0-9]+]]: tensor<?x?x8xf32>
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %{{.*}} residual %[[ROWS]] :
// CHECK-DAG:     %[[M:.*]] = tensor.dim %[[R]], %c0
// CHECK-DAG:     %[[N:.*]] = tensor.dim %[[R]], %c1
// CHECK:         %[[SUM:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [%[[M]], %[[N]], 8] : tensor<?x8xf32> into tensor<?x?x8xf32>
// CHECK-NEXT:    return %[[SUM]]
func.func @unknown_batch(%r: tensor<?x?x8xf32>, %x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %m: index, %n: index, %e: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [%m, %n, 8] : tensor<?x8xf32> into tensor<?x?x8xf32>
  %2 = linalg.add ins(%1, %r : tensor<?x?x8xf32>, tensor<?x?x8xf32>) outs(%e : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}

// -----

// CHECK-LABEL: func @collapsed
// CHECK-SAME:    %[[R:[a-z0-9]+]]: tensor<?x8xf32>
// CHECK:         %[[WIDE:.*]] = tensor.expand_shape %[[R]] {{\[}}[0, 1], [2]] output_shape [2, %{{.*}}, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %{{.*}} residual %[[WIDE]] :
// CHECK:         %[[SUM:.*]] = tensor.collapse_shape %[[Y]] {{\[}}[0, 1], [2]] : tensor<2x?x8xf32> into tensor<?x8xf32>
// CHECK-NEXT:    return %[[SUM]]
func.func @collapsed(%r: tensor<?x8xf32>, %x: tensor<2x?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<2x?x4xf32>, tensor<8x4xf32> -> tensor<2x?x8xf32>
  %1 = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<2x?x8xf32> into tensor<?x8xf32>
  %2 = linalg.add ins(%r, %1 : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// -----

// Several reshapes, one after the other.

// CHECK-LABEL: func @collapsed_and_expanded
// CHECK-SAME:    %[[R:[a-z0-9]+]]: tensor<6x1x8xf32>
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2]] : tensor<6x1x8xf32> into tensor<6x8xf32>
// CHECK:         %[[WIDE:.*]] = tensor.expand_shape %[[ROWS]] {{\[}}[0, 1], [2]] output_shape [2, 3, 8] : tensor<6x8xf32> into tensor<2x3x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.linear %{{.*}} residual %[[WIDE]] :
// CHECK:         %[[BACK:.*]] = tensor.collapse_shape %[[Y]] {{\[}}[0, 1], [2]]
// CHECK:         %[[SUM:.*]] = tensor.expand_shape %[[BACK]] {{\[}}[0, 1], [2]] output_shape [6, 1, 8]
// CHECK-NEXT:    return %[[SUM]]
func.func @collapsed_and_expanded(%r: tensor<6x1x8xf32>, %x: tensor<2x3x4xf32>, %w: tensor<8x4xf32>, %e: tensor<6x1x8xf32>) -> tensor<6x1x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<2x3x4xf32>, tensor<8x4xf32> -> tensor<2x3x8xf32>
  %1 = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<2x3x8xf32> into tensor<6x8xf32>
  %2 = tensor.expand_shape %1 [[0, 1], [2]] output_shape [6, 1, 8] : tensor<6x8xf32> into tensor<6x1x8xf32>
  %3 = linalg.add ins(%2, %r : tensor<6x1x8xf32>, tensor<6x1x8xf32>) outs(%e : tensor<6x1x8xf32>) -> tensor<6x1x8xf32>
  return %3 : tensor<6x1x8xf32>
}
