// RUN: quant-opt %s --lowbit-cpu-expand-convolutions | FileCheck %s

// The columns are windows of the input; the product has a row per filter.
// CHECK-DAG: #[[READ:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3 * 2 + d2)>
// CHECK-LABEL: func @strided
// CHECK-SAME: (%[[X:.*]]: tensor<1x3x9xf32>, %[[W:.*]]: tensor<4x3x3xf32>, %[[INIT:.*]]: tensor<1x4x4xf32>)
func.func @strided(%x: tensor<1x3x9xf32>, %w: tensor<4x3x3xf32>, %init: tensor<1x4x4xf32>) -> tensor<1x4x4xf32> {
  // CHECK: %[[COLUMNS:.*]] = linalg.generic {indexing_maps = [#[[READ]],
  // CHECK-SAME: ins(%[[X]] : tensor<1x3x9xf32>) outs(%{{.*}} : tensor<1x3x3x4xf32>)
  // CHECK: %[[RIGHT:.*]] = tensor.collapse_shape %[[COLUMNS]] {{\[\[}}0], [1, 2], [3]]
  // CHECK: %[[LEFT:.*]] = tensor.collapse_shape %[[W]] {{\[\[}}0], [1, 2]]
  // CHECK: %[[Y:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
  // CHECK-SAME: ins(%[[RIGHT]], %[[LEFT]] : tensor<1x9x4xf32>, tensor<4x9xf32>) outs(%[[INIT]] : tensor<1x4x4xf32>)
  // CHECK: return %[[Y]]
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : tensor<1xi64>, strides = dense<2> : tensor<1xi64>}
      ins(%x, %w : tensor<1x3x9xf32>, tensor<4x3x3xf32>) outs(%init : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %0 : tensor<1x4x4xf32>
}

// Positions of two dimensions are one dimension of the product, and the result
// is expanded again. A task has a block of them: here one image's row.
// CHECK-LABEL: func @image
func.func @image(%x: tensor<?x3x?x?xf32>, %w: tensor<8x3x3x3xf32>, %init: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
  // CHECK: scf.forall
  // CHECK: tensor.collapse_shape %{{.*}} into tensor<1x27x?xf32>
  // CHECK: tensor.expand_shape
  // CHECK: tensor.parallel_insert_slice
  %0 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<?x3x?x?xf32>, tensor<8x3x3x3xf32>) outs(%init : tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32>
  return %0 : tensor<?x8x?x?xf32>
}

// Pooling has the same windows, but multiplies nothing.
// CHECK-LABEL: func @pooling
func.func @pooling(%x: tensor<1x3x9xf32>, %w: tensor<3xf32>, %init: tensor<1x3x7xf32>) -> tensor<1x3x7xf32> {
  // CHECK: linalg.pooling_ncw_sum
  %0 = linalg.pooling_ncw_sum {dilations = dense<1> : tensor<1xi64>, strides = dense<1> : tensor<1xi64>}
      ins(%x, %w : tensor<1x3x9xf32>, tensor<3xf32>) outs(%init : tensor<1x3x7xf32>) -> tensor<1x3x7xf32>
  return %0 : tensor<1x3x7xf32>
}

// Padding is a filled tensor that the source lies in.
// CHECK-LABEL: func @padded
func.func @padded(%x: tensor<3x4xf32>) -> tensor<3x6xf32> {
  %zero = arith.constant 0.0 : f32
  // CHECK: %[[FILL:.*]] = linalg.fill
  // CHECK: tensor.insert_slice %{{.*}} into %[[FILL]][0, 1] [3, 4] [1, 1]
  %0 = tensor.pad %x low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<3x4xf32> to tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}
