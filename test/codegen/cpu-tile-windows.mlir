// RUN: quant-opt %s --lowbit-cpu-tile-windows=scratch-elements=4096 --split-input-file | FileCheck %s

// The example of the pass: memory runs along the rows, so the block's copy has
// them last, and the product of the weight with it is the result as it is.

// CHECK-DAG: #[[READ:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d0, d1 + d3)>
// CHECK-LABEL: func @channels_first
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x8x194xf32>, %[[W:[a-z0-9]+]]: tensor<16x24xf32>
// CHECK:         %[[E:.*]] = tensor.empty() : tensor<1x16x192xf32>
// CHECK:         scf.forall (%[[I:.*]]) in (2) shared_outs(%{{.*}} = %[[E]])
// CHECK:           %[[FIRST:.*]] = affine.apply #{{.*}}()[%[[I]]]
// CHECK:           %[[PART:.*]] = tensor.extract_slice %[[X]][0, 0, %{{.*}}] [1, 8, 98] [1, 1, 1]
// CHECK:           %[[COPY:.*]] = linalg.generic {indexing_maps = [#[[READ]], #{{.*}}], {{.*}} ins(%[[PART]] : tensor<1x8x98xf32>) outs(%{{.*}} : tensor<8x3x1x96xf32>)
// CHECK:           %[[COLUMNS:.*]] = tensor.collapse_shape %[[COPY]] {{\[\[}}0, 1], [2, 3]] : {{.*}} into tensor<24x96xf32>
// CHECK:           linalg.matmul ins(%[[W]], %[[COLUMNS]] : tensor<16x24xf32>, tensor<24x96xf32>)
// CHECK:           tensor.parallel_insert_slice %{{.*}}[0, 0, %[[FIRST]]] [1, 16, 96] [1, 1, 1]
#read = affine_map<(n, o, c, k) -> (n, c, o + k)>
#all = affine_map<(n, o, c, k) -> (n, o, c, k)>
func.func @channels_first(%x: tensor<1x8x194xf32>, %w: tensor<16x24xf32>) -> tensor<1x16x192xf32> {
  %e = tensor.empty() : tensor<1x192x8x3xf32>
  %0 = linalg.generic {indexing_maps = [#read, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x8x194xf32>) outs(%e : tensor<1x192x8x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x192x8x3xf32>
  %1 = tensor.collapse_shape %0 [[0], [1], [2, 3]] : tensor<1x192x8x3xf32> into tensor<1x192x24xf32>
  %2 = lowbit.linear %1, %w : tensor<1x192x24xf32>, tensor<16x24xf32> -> tensor<1x192x16xf32>
  %f = tensor.empty() : tensor<1x16x192xf32>
  %3 = linalg.transpose ins(%2 : tensor<1x192x16xf32>) outs(%f : tensor<1x16x192xf32>) permutation = [0, 2, 1]
  return %3 : tensor<1x16x192xf32>
}

// -----

// A layer with codes quantizes the rows of its block. Any length: the last
// block has what is left.

// CHECK-LABEL: func @codes
// CHECK:         scf.forall
// CHECK:           %[[ROWS:.*]] = affine.min
// CHECK:           linalg.transpose ins(%{{.*}} : tensor<24x?xf32>)
// CHECK:           %[[Q:.*]] = lowbit.quantize %{{.*}} : tensor<?x24xf32> -> !lowbit.tensor<?x24xf32, #{{.*}}>
// CHECK:           lowbit.linear %[[Q]], %{{.*}} activation relu : {{.*}} -> tensor<?x16xf32>
#read = affine_map<(n, o, c, k) -> (n, c, o * 2 + k)>
#all = affine_map<(n, o, c, k) -> (n, o, c, k)>
#int8 = #lowbit.encoding<int<8>, channel, scale = f32>
#a16 = #lowbit.encoding<int<16>, channel, scale = f32>
func.func @codes(%x: tensor<1x8x?xf32>, %n: index, %w: !lowbit.tensor<16x24xf32, #int8>) -> tensor<1x?x16xf32> {
  %e = tensor.empty(%n) : tensor<1x?x8x3xf32>
  %0 = linalg.generic {indexing_maps = [#read, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x8x?xf32>) outs(%e : tensor<1x?x8x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x?x8x3xf32>
  %1 = tensor.collapse_shape %0 [[0], [1], [2, 3]] : tensor<1x?x8x3xf32> into tensor<1x?x24xf32>
  %q = lowbit.quantize %1 : tensor<1x?x24xf32> -> !lowbit.tensor<1x?x24xf32, #a16>
  %2 = lowbit.linear %q, %w activation relu : !lowbit.tensor<1x?x24xf32, #a16>, !lowbit.tensor<16x24xf32, #int8> -> tensor<1x?x16xf32>
  return %2 : tensor<1x?x16xf32>
}

// -----

// Channels last: windows are rows as they lie.

// CHECK-LABEL: func @channels_last
// CHECK:         %[[W:.*]] = linalg.transpose ins(%{{.*}} : tensor<16x96xf32>) {{.*}} permutation = [1, 0]
// CHECK:         scf.forall
// CHECK:           linalg.generic {{.*}} outs(%{{.*}} : tensor<1x40x3x32xf32>)
// CHECK:           linalg.matmul ins(%{{.*}}, %[[W]] : tensor<40x96xf32>, tensor<96x16xf32>)
#read = affine_map<(n, o, k, c) -> (n, o + k, c)>
#all = affine_map<(n, o, k, c) -> (n, o, k, c)>
func.func @channels_last(%x: tensor<1x202x32xf32>, %w: tensor<16x96xf32>) -> tensor<1x200x16xf32> {
  %e = tensor.empty() : tensor<1x200x3x32xf32>
  %0 = linalg.generic {indexing_maps = [#read, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x202x32xf32>) outs(%e : tensor<1x200x3x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<1x200x3x32xf32>
  %1 = tensor.collapse_shape %0 [[0], [1], [2, 3]] : tensor<1x200x3x32xf32> into tensor<1x200x96xf32>
  %2 = lowbit.linear %1, %w : tensor<1x200x96xf32>, tensor<16x96xf32> -> tensor<1x200x16xf32>
  return %2 : tensor<1x200x16xf32>
}
