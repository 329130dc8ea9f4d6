// RUN: quant-opt %s --lowbit-cpu-lower-attention --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-lower-attention="query-tile=16 key-tile=32" --split-input-file | FileCheck %s --check-prefix=TILES

// A task is a block of queries of one head. It goes through blocks of keys up to
// the last that it sees.

// CHECK-LABEL: func.func @causal
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<4x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<2x?x64xf32>, %[[V:[a-z0-9]+]]: tensor<2x?x32xf32>
// CHECK:         %[[KT:.*]] = linalg.transpose ins(%[[K]] : {{.*}} permutation = [0, 2, 1]
// CHECK:         scf.forall (%[[H:.*]], %[[I:.*]]) in (4, %{{.*}}) shared_outs({{.*}}) -> (tensor<4x?x32xf32>)
// CHECK:           tensor.extract_slice %[[Q]][%[[H]],
// CHECK:           scf.for %[[J:.*]] = %c0 to %{{.*}} step %c64 iter_args({{.*}}) -> (tensor<?x32xf32>, tensor<?xf32>, tensor<?xf32>)
// CHECK:             %[[G:.*]] = affine.apply #{{.*}}()[%[[H]]]
// CHECK:             tensor.extract_slice %[[KT]][%[[G]], 0, %[[J]]]
// CHECK:             linalg.matmul
// CHECK:             arith.cmpi sle
// CHECK:             arith.maxnumf
// CHECK:             math.exp
// CHECK:             tensor.extract_slice %[[V]][%[[G]], %[[J]], 0]
// CHECK:             linalg.matmul
// CHECK:           arith.divf
// CHECK:           tensor.parallel_insert_slice
// TILES-LABEL: func.func @causal
// TILES:         scf.for {{.*}} step %c32
func.func @causal(%q: tensor<4x?x64xf32>, %k: tensor<2x?x64xf32>, %v: tensor<2x?x32xf32>) -> tensor<4x?x32xf32> {
  %y = lowbit.attention %q, %k, %v scale 0.125 causal
      : tensor<4x?x64xf32>, tensor<2x?x64xf32>, tensor<2x?x32xf32> -> tensor<4x?x32xf32>
  return %y : tensor<4x?x32xf32>
}

// -----

// Transpositions of the query, the value and the result are not made.

// CHECK-LABEL: func.func @transposed
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x40x4x64xf32>, %[[K:[a-z0-9]+]]: tensor<1x4x50x64xf32>, %[[V:[a-z0-9]+]]: tensor<1x50x4x64xf32>, %[[M:[a-z0-9]+]]: tensor<1x1x1x50xf16>
// CHECK:         %[[Y:.*]] = scf.forall (%[[H:.*]]) in (4) shared_outs({{.*}}) -> (tensor<1x40x4x64xf32>)
// CHECK:           tensor.extract_slice %[[Q]][0, 0, %[[H]], 0] [1, 40, 1, 64]
// CHECK:           tensor.extract_slice %[[M]]
// CHECK:           tensor.extract_slice %[[V]]
// CHECK:           tensor.parallel_insert_slice %{{.*}} into %{{.*}}[0, 0, %[[H]], 0] [1, 40, 1, 64]
// CHECK:         return %[[Y]]
func.func @transposed(%q: tensor<1x40x4x64xf32>, %k: tensor<1x4x50x64xf32>, %v: tensor<1x50x4x64xf32>,
                      %m: tensor<1x1x1x50xf16>) -> tensor<1x40x4x64xf32> {
  %eq = tensor.empty() : tensor<1x4x40x64xf32>
  %qt = linalg.transpose ins(%q : tensor<1x40x4x64xf32>) outs(%eq : tensor<1x4x40x64xf32>) permutation = [0, 2, 1, 3]
  %ev = tensor.empty() : tensor<1x4x50x64xf32>
  %vt = linalg.transpose ins(%v : tensor<1x50x4x64xf32>) outs(%ev : tensor<1x4x50x64xf32>) permutation = [0, 2, 1, 3]
  %y = lowbit.attention %qt, %k, %vt mask %m scale 1.0
      : tensor<1x4x40x64xf32>, tensor<1x4x50x64xf32>, tensor<1x4x50x64xf32>, mask tensor<1x1x1x50xf16> -> tensor<1x4x40x64xf32>
  %ey = tensor.empty() : tensor<1x40x4x64xf32>
  %t = linalg.transpose ins(%y : tensor<1x4x40x64xf32>) outs(%ey : tensor<1x40x4x64xf32>) permutation = [0, 2, 1, 3]
  return %t : tensor<1x40x4x64xf32>
}

// -----

// One query has a single row of scores.

// CHECK-LABEL: func.func @one_query
// CHECK:         lowbit.attention
func.func @one_query(%q: tensor<4x1x64xf32>, %k: tensor<4x?x64xf32>) -> tensor<4x1x64xf32> {
  %y = lowbit.attention %q, %k, %k scale 0.125 causal
      : tensor<4x1x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32> -> tensor<4x1x64xf32>
  return %y : tensor<4x1x64xf32>
}
