// RUN: quant-opt %s --lowbit-cpu-expand-gathers | FileCheck %s

// CHECK-LABEL: func @rows
// CHECK: scf.forall (%[[R:.*]]) in (%{{.*}}) shared_outs(%[[O:.*]] = %{{.*}})
// CHECK: %[[ID:.*]] = tensor.extract %arg1[%[[R]]] : tensor<?xi64>
// CHECK: %[[I:.*]] = arith.index_cast %[[ID]]
// CHECK: %[[ROW:.*]] = tensor.extract_slice %arg0[%[[I]], 0] [1, 256] [1, 1] : tensor<1024x256xf32> to tensor<256xf32>
// CHECK: tensor.parallel_insert_slice %[[ROW]] into %[[O]][%[[R]], 0] [1, 256] [1, 1]
func.func @rows(%table: tensor<1024x256xf32>, %ids: tensor<?xi64>, %e: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<?xi64>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%id: i64, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %table[%i, %j] : tensor<1024x256xf32>
    linalg.yield %v : f32
  } -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}

// A transposed gather copies no rows.

// CHECK-LABEL: func @columns
// CHECK-NOT: scf.forall
// CHECK: linalg.generic
func.func @columns(%table: tensor<256x1024xf32>, %ids: tensor<?xi64>, %e: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<?xi64>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%id: i64, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %table[%j, %i] : tensor<256x1024xf32>
    linalg.yield %v : f32
  } -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
