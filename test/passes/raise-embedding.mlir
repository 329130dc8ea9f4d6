// RUN: quant-opt %s --lowbit-raise-linear --split-input-file | FileCheck %s

// A lookup as ONNX defines it: negative indices count from the end, others are
// clamped so that nothing outside of the table is read.

#ids = affine_map<(b, s, d) -> (b, s)>
#out = affine_map<(b, s, d) -> (b, s, d)>
lowbit.global @table : tensor<16x4xf32> {data = dense<0.5> : tensor<16x4xf32>}

// CHECK-LABEL: func @lookup
// CHECK-SAME:    %[[IDS:[a-z0-9]+]]: tensor<1x?xi64>
func.func @lookup(%ids: tensor<1x?xi64>, %e: tensor<1x?x4xf32>) -> tensor<1x?x4xf32> {
  // CHECK: %[[W:.*]] = lowbit.weight @table
  // CHECK: lowbit.embedding %[[IDS]], %[[W]] : tensor<1x?xi64>, tensor<16x4xf32> -> tensor<1x?x4xf32>
  // CHECK-NOT: linalg.generic
  %w = lowbit.weight @table : tensor<16x4xf32>
  %c16 = arith.constant 16 : index
  %0 = linalg.generic {indexing_maps = [#ids, #out], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%ids : tensor<1x?xi64>) outs(%e : tensor<1x?x4xf32>) {
  ^bb0(%id: i64, %o: f32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %i = arith.index_cast %id : i64 to index
    %negative = arith.cmpi slt, %i, %c0 : index
    %moved = arith.addi %i, %c16 : index
    %wrapped = arith.select %negative, %moved, %i : index
    %last = arith.subi %c16, %c1 : index
    %low = arith.minsi %wrapped, %last : index
    %row = arith.maxsi %low, %c0 : index
    %d = linalg.index 2 : index
    %v = tensor.extract %w[%row, %d] : tensor<16x4xf32>
    linalg.yield %v : f32
  } -> tensor<1x?x4xf32>
  return %0 : tensor<1x?x4xf32>
}

// -----

// Without any treatment an index outside of the table has no meaning, so the
// embedding's own will do. A table that is widened is used as it is stored.

#ids = affine_map<(s, d) -> (s)>
#out = affine_map<(s, d) -> (s, d)>
lowbit.global @table : tensor<16x4xf16> {data = dense<0.5> : tensor<16x4xf16>}

// CHECK-LABEL: func @bare
func.func @bare(%ids: tensor<?xi32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: lowbit.embedding %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<16x4xf16> -> tensor<?x4xf32>
  %w = lowbit.weight @table : tensor<16x4xf16>
  %0 = linalg.generic {indexing_maps = [#ids, #out], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xi32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%id: i32, %o: f32):
    %row = arith.index_cast %id : i32 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %w[%row, %d] : tensor<16x4xf16>
    %f = arith.extf %v : f16 to f32
    linalg.yield %f : f32
  } -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// A clamp alone reads row 0 for -1, an embedding reads the last row.

#ids = affine_map<(s, d) -> (s)>
#out = affine_map<(s, d) -> (s, d)>
lowbit.global @table : tensor<16x4xf32> {data = dense<0.5> : tensor<16x4xf32>}

// CHECK-LABEL: func @clamped
func.func @clamped(%ids: tensor<?xi32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-NOT: lowbit.embedding
  %w = lowbit.weight @table : tensor<16x4xf32>
  %c0 = arith.constant 0 : index
  %0 = linalg.generic {indexing_maps = [#ids, #out], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xi32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%id: i32, %o: f32):
    %i = arith.index_cast %id : i32 to index
    %row = arith.maxsi %i, %c0 : index
    %d = linalg.index 1 : index
    %v = tensor.extract %w[%row, %d] : tensor<16x4xf32>
    linalg.yield %v : f32
  } -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
