// RUN: quant-opt %s --lowbit-cpu-expand-windows --canonicalize --split-input-file | FileCheck %s

// The example of the pass: a copy of windows is loops over runs.

// CHECK-LABEL: func.func @copy
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<64x100xf32>
// CHECK:         scf.forall (%[[I:.*]]) in (98) shared_outs(%[[O:.*]] = {{.*}}) -> (tensor<98x64x3xf32>)
// CHECK:           %[[PART:.*]] = tensor.extract_slice %[[O]][%[[I]], 0, 0] [1, 64, 3] [1, 1, 1]
// CHECK:           scf.for %[[C:.*]] = %c0 to %c64 step %c1 iter_args(%[[P:.*]] = %[[PART]])
// CHECK:             %[[SLICE:.*]] = tensor.extract_slice %[[X]][%[[C]], %[[I]]] [1, 3] [1, 1]
// CHECK:             tensor.insert_slice %[[SLICE]] into %[[P]][%[[C]], 0] [1, 3] [1, 1]
// CHECK:           tensor.parallel_insert_slice
#read = affine_map<(i, c, k) -> (c, i + k)>
#all = affine_map<(i, c, k) -> (i, c, k)>
func.func @copy(%x: tensor<64x100xf32>, %e: tensor<98x64x3xf32>) -> tensor<98x64x3xf32> {
  %0 = linalg.generic {indexing_maps = [#read, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<64x100xf32>) outs(%e : tensor<98x64x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<98x64x3xf32>
  return %0 : tensor<98x64x3xf32>
}

// -----

// Windows with gaps are runs with a step.

// CHECK-LABEL: func.func @dilated
// CHECK:         tensor.extract_slice %{{.*}}[%{{.*}}] [3] [2]
#read = affine_map<(i, k) -> (i + k * 2)>
#all = affine_map<(i, k) -> (i, k)>
func.func @dilated(%x: tensor<?xf32>, %e: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = linalg.generic {indexing_maps = [#read, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

// A pooling becomes a copy and a reduction.

// CHECK-LABEL: func.func @pooling
// CHECK:         scf.forall
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%{{.*}} : tensor<3x1x49x16xf32>
func.func @pooling(%x: tensor<1x99x16xf32>, %k: tensor<3xf32>, %y: tensor<1x49x16xf32>) -> tensor<1x49x16xf32> {
  %0 = linalg.pooling_nwc_max {strides = dense<2> : vector<1xi64>}
      ins(%x, %k : tensor<1x99x16xf32>, tensor<3xf32>) outs(%y : tensor<1x49x16xf32>) -> tensor<1x49x16xf32>
  return %0 : tensor<1x49x16xf32>
}
