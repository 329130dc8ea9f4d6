// RUN: quant-opt %s --lowbit-fuse-epilogue --split-input-file | FileCheck %s

// Sums behind a reshape that are no residual of the layer.

// A reshape that divides rows.

// CHECK-LABEL: func @divided_rows
// CHECK:         %[[Y:.*]] = lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         %[[HEADS:.*]] = tensor.expand_shape %[[Y]]
// CHECK:         linalg.add ins(%[[HEADS]], %{{.*}}
func.func @divided_rows(%r: tensor<?x2x4xf32>, %x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %n: index, %e: tensor<?x2x4xf32>) -> tensor<?x2x4xf32> {
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0], [1, 2]] output_shape [%n, 2, 4] : tensor<?x8xf32> into tensor<?x2x4xf32>
  %2 = linalg.add ins(%1, %r : tensor<?x2x4xf32>, tensor<?x2x4xf32>) outs(%e : tensor<?x2x4xf32>) -> tensor<?x2x4xf32>
  return %2 : tensor<?x2x4xf32>
}

// -----

// One that joins them.

// CHECK-LABEL: func @joined_rows
// CHECK:         %[[Y:.*]] = lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         %[[FLAT:.*]] = tensor.collapse_shape %[[Y]]
// CHECK:         linalg.add ins(%[[FLAT]], %{{.*}}
func.func @joined_rows(%r: tensor<?x24xf32>, %x: tensor<?x3x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x24xf32>) -> tensor<?x24xf32> {
  %0 = lowbit.linear %x, %w : tensor<?x3x4xf32>, tensor<8x4xf32> -> tensor<?x3x8xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2]] : tensor<?x3x8xf32> into tensor<?x24xf32>
  %2 = linalg.add ins(%1, %r : tensor<?x24xf32>, tensor<?x24xf32>) outs(%e : tensor<?x24xf32>) -> tensor<?x24xf32>
  return %2 : tensor<?x24xf32>
}

// -----

// Two unknown extents in one: how the residual's rows divide among them isn't
// known.

// CHECK-LABEL: func @unknown_extents
// CHECK:         %[[Y:.*]] = lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[Y]]
// CHECK:         linalg.add ins(%[[ROWS]], %{{.*}}
func.func @unknown_extents(%r: tensor<?x8xf32>, %x: tensor<?x?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<?x?x4xf32>, tensor<8x4xf32> -> tensor<?x?x8xf32>
  %1 = tensor.collapse_shape %0 [[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
  %2 = linalg.add ins(%1, %r : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// -----

// Other uses, of the layer and of what it is reshaped to.

// CHECK-LABEL: func @other_uses
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         linalg.add
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         linalg.add
func.func @other_uses(%r: tensor<2x?x8xf32>, %x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %v: tensor<8x4xf32>, %n: index, %e: tensor<2x?x8xf32>) -> (tensor<?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %2 = linalg.add ins(%1, %r : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  %3 = lowbit.linear %x, %v : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %4 = tensor.expand_shape %3 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %5 = linalg.add ins(%4, %r : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %0, %2, %4, %5 : tensor<?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>
}

// -----

// A row that is repeated, and loops that repeat the layer's rows.

#a8 = #lowbit.encoding<int<8>, group = 4, scale = f32>
#rows = affine_map<(b, i, j) -> (i, j)>
#row = affine_map<(b, i, j) -> (0, 0, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @repeated
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         linalg.generic
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         linalg.generic
func.func @repeated(%q: !lowbit.tensor<3x4xf32, #a8>, %w: tensor<8x4xf32>, %v: tensor<8x4xf32>, %b: tensor<1x1x8xf32>, %r: tensor<2x3x8xf32>, %e: tensor<1x3x8xf32>, %f: tensor<2x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<2x3x8xf32>) {
  %0 = lowbit.linear %q, %w : !lowbit.tensor<3x4xf32, #a8>, tensor<8x4xf32> -> tensor<3x8xf32>
  %1 = linalg.generic {indexing_maps = [#rows, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %b : tensor<3x8xf32>, tensor<1x1x8xf32>) outs(%e : tensor<1x3x8xf32>) {
  ^bb0(%in: f32, %a: f32, %out: f32):
    %sum = arith.addf %in, %a : f32
    linalg.yield %sum : f32
  } -> tensor<1x3x8xf32>
  %2 = lowbit.linear %q, %v : !lowbit.tensor<3x4xf32, #a8>, tensor<8x4xf32> -> tensor<3x8xf32>
  %3 = linalg.generic {indexing_maps = [#rows, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%2, %r : tensor<3x8xf32>, tensor<2x3x8xf32>) outs(%f : tensor<2x3x8xf32>) {
  ^bb0(%in: f32, %a: f32, %out: f32):
    %sum = arith.addf %in, %a : f32
    linalg.yield %sum : f32
  } -> tensor<2x3x8xf32>
  return %1, %3 : tensor<1x3x8xf32>, tensor<2x3x8xf32>
}

// -----

// The rows in another order, and a sum inside of a loop.

#rows = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
#turned = affine_map<(b, i, j) -> (b, j, i)>

// CHECK-LABEL: func @transposed
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         linalg.generic
// CHECK-LABEL: func @inside_of_a_loop
// CHECK:         lowbit.linear %{{[^ ]+}}, %{{[^ ]+}} :
// CHECK:         scf.for
// CHECK:         linalg.add
func.func @transposed(%r: tensor<1x8x8xf32>, %x: tensor<8x4xf32>, %w: tensor<8x4xf32>, %e: tensor<1x8x8xf32>) -> tensor<1x8x8xf32> {
  %0 = lowbit.linear %x, %w : tensor<8x4xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
  %1 = linalg.generic {indexing_maps = [#rows, #turned, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %r : tensor<8x8xf32>, tensor<1x8x8xf32>) outs(%e : tensor<1x8x8xf32>) {
  ^bb0(%in: f32, %a: f32, %out: f32):
    %sum = arith.addf %in, %a : f32
    linalg.yield %sum : f32
  } -> tensor<1x8x8xf32>
  return %1 : tensor<1x8x8xf32>
}

func.func @inside_of_a_loop(%r: tensor<2x?x8xf32>, %x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %n: index, %e: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %2 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %r) -> tensor<2x?x8xf32> {
    %3 = linalg.add ins(%1, %s : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
    scf.yield %3 : tensor<2x?x8xf32>
  }
  return %2 : tensor<2x?x8xf32>
}
