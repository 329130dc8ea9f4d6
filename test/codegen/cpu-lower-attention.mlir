// RUN: quant-opt %s --lowbit-cpu-lower-attention --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-lower-attention="query-tile=16 key-tile=32" --split-input-file | FileCheck %s --check-prefix=TILES

// A task is a block of queries of one head. It goes through blocks of keys up to
// the last that it sees; only those that some of its queries see in part are
// masked. Where the only query is that of the next token, a task has all heads
// of a group, and keys stay where they are.

// CHECK-LABEL: func.func @causal
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<4x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<2x?x64xf32>, %[[V:[a-z0-9]+]]: tensor<2x?x32xf32>
// CHECK:         %[[ONE:.*]] = arith.cmpi eq, %{{.*}}, %c1
// CHECK:         scf.if %[[ONE]]
// CHECK:           scf.forall (%[[G:.*]]) in (2) shared_outs({{.*}}) -> (tensor<4x?x32xf32>)
// CHECK:             tensor.extract_slice %[[Q]][%{{.*}}, 0, 0] [2, 1, 64] {{.*}} to tensor<2x64xf32>
// CHECK:             scf.for %[[J:.*]] = %c0 to %{{.*}} step %c64
// CHECK:               tensor.extract_slice %[[K]][%[[G]], %[[J]], 0]
// CHECK:               scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK:                 linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK:             math.exp
// CHECK:             scf.for %[[L:.*]] = %c0 to %{{.*}} step %c64
// CHECK:               tensor.extract_slice %[[V]][%[[G]], %[[L]], 0]
// CHECK:               linalg.matmul
// CHECK:         } else {
// CHECK:         %[[KT:.*]] = linalg.transpose ins(%[[K]] : {{.*}} permutation = [0, 2, 1]
// CHECK:         scf.forall (%[[H:.*]], %[[I:.*]]) in (4, %{{.*}}) shared_outs({{.*}}) -> (tensor<4x?x32xf32>)
// CHECK:           tensor.extract_slice %[[Q]][%[[H]],
// CHECK:           scf.for %{{.*}} = %c0 to %{{.*}} step %c64 iter_args({{.*}}) -> (tensor<?x32xf32>, tensor<?xf32>, tensor<?xf32>)
// CHECK-NOT:         arith.cmpi
// CHECK:           scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %c64 iter_args({{.*}}) -> (tensor<?x32xf32>, tensor<?xf32>, tensor<?xf32>)
// CHECK:             tensor.extract_slice %[[KT]][%[[G:.*]], 0, %[[J]]]
// CHECK:             linalg.matmul
// CHECK:             arith.cmpi sle
// CHECK:             tensor.extract_slice %[[V]][%[[G]], %[[J]], 0]
// CHECK:             arith.maxnumf
// CHECK:             math.exp
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

// One query needs no transposed keys.

// CHECK-LABEL: func.func @one_query
// CHECK-NOT:     linalg.transpose
// CHECK:         scf.forall (%{{.*}}) in (4) shared_outs({{.*}}) -> (tensor<4x1x64xf32>)
func.func @one_query(%q: tensor<4x1x64xf32>, %k: tensor<4x?x64xf32>) -> tensor<4x1x64xf32> {
  %y = lowbit.attention %q, %k, %k scale 0.125 causal
      : tensor<4x1x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32> -> tensor<4x1x64xf32>
  return %y : tensor<4x1x64xf32>
}

// -----

// One key has no rows of scores.

// CHECK-LABEL: func.func @one_key
// CHECK:         lowbit.attention
func.func @one_key(%q: tensor<4x?x64xf32>, %k: tensor<4x1x64xf32>) -> tensor<4x?x64xf32> {
  %y = lowbit.attention %q, %k, %k scale 0.125
      : tensor<4x?x64xf32>, tensor<4x1x64xf32>, tensor<4x1x64xf32> -> tensor<4x?x64xf32>
  return %y : tensor<4x?x64xf32>
}

// -----

// A few blocks of keys are one where their number is known, and tasks have fewer
// queries: 64 * 64 / 197 of them, and a power of two. Not so with a causal mask,
// and not above four blocks.

// CHECK-LABEL: func.func @known_keys
// CHECK:         scf.forall (%{{.*}}, %[[I:.*]]) in (4, 13)
// CHECK:           affine.min
// CHECK:           linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<64x197xf32>)
// CHECK:           linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<?x197xf32>, tensor<197x64xf32>)
// TILES-LABEL: func.func @known_keys
// TILES:         scf.forall {{.*}} in (4, 13)
// TILES:         scf.for {{.*}} step %c32
func.func @known_keys(%q: tensor<4x197x64xf32>, %k: tensor<4x197x64xf32>, %v: tensor<4x197x64xf32>) -> tensor<4x197x64xf32> {
  %y = lowbit.attention %q, %k, %v scale 0.125
      : tensor<4x197x64xf32>, tensor<4x197x64xf32>, tensor<4x197x64xf32> -> tensor<4x197x64xf32>
  return %y : tensor<4x197x64xf32>
}

// -----

// CHECK-LABEL: func.func @known_causal
// CHECK:         scf.forall (%{{.*}}, %{{.*}}) in (4, 4)
// CHECK:         scf.for {{.*}} step %c64
func.func @known_causal(%q: tensor<4x197x64xf32>, %k: tensor<4x197x64xf32>, %v: tensor<4x197x64xf32>) -> tensor<4x197x64xf32> {
  %y = lowbit.attention %q, %k, %v scale 0.125 causal
      : tensor<4x197x64xf32>, tensor<4x197x64xf32>, tensor<4x197x64xf32> -> tensor<4x197x64xf32>
  return %y : tensor<4x197x64xf32>
}
