// RUN: quant-opt %s --lowbit-cpu-expand-reshapes | FileCheck %s

// Two extents of a group are dynamic: the op names them, so the view does.
// CHECK-LABEL: func @two_dynamic
// CHECK-SAME: (%[[X:.*]]: memref<?x8xf32>, %[[B:.*]]: index, %[[N:.*]]: index)
func.func @two_dynamic(%x: memref<?x8xf32>, %b: index, %n: index) -> memref<?x?x8xf32> {
  // CHECK: %[[BASE:.*]], %{{.*}}, %{{.*}}:2, %{{.*}}:2 = memref.extract_strided_metadata %[[X]]
  // CHECK: %[[ROWS:.*]] = affine.apply #{{.*}}()[%[[N]]]
  // CHECK: memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[B]], %[[N]], 8], strides: [%[[ROWS]], 8, 1]
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %n, 8] : memref<?x8xf32> into memref<?x?x8xf32>
  return %0 : memref<?x?x8xf32>
}

// One is left to upstream.
// CHECK-LABEL: func @one_dynamic
func.func @one_dynamic(%x: memref<?x8xf32>, %n: index) -> memref<?x2x8xf32> {
  // CHECK: memref.expand_shape
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%n, 2, 8] : memref<?x8xf32> into memref<?x2x8xf32>
  return %0 : memref<?x2x8xf32>
}
