// RUN: quant-opt %s --lowbit-raise-attention --split-input-file | FileCheck %s

// What hides the keys behind a query makes attention causal, whatever it is
// written with, also where keys of tokens before come first. Of its mask stays
// what else hides keys: padding, a window, or nothing.

// The upper triangle of a hidden whole, to which the padding is added.

// CHECK-LABEL: func @triangle_and_padding
// CHECK-SAME:    %[[ONES:[a-z0-9]+]]: tensor<?x?xi64>
// CHECK:         %[[REST:.*]] = linalg.generic {{.*}} ins(%[[ONES]] : tensor<?x?xi64>) outs(%{{.*}} : tensor<?x?xf32>)
// CHECK:           arith.sitofp
// CHECK:           arith.subf
// CHECK:           arith.mulf
// CHECK-NEXT:      linalg.yield
// CHECK:         %[[MASK:.*]] = tensor.expand_shape %[[REST]] {{\[\[}}0, 1, 2], [3]] {{.*}} into tensor<?x1x1x?xf32>
// CHECK:         lowbit.attention {{.*}} mask %[[MASK]] scale 1.000000e+00 causal
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#places = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @triangle_and_padding(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_full = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %full = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_full : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    linalg.yield %lowest : f32
  } -> tensor<?x?xf32>
  %e_triangle = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %triangle = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%full : tensor<?x?xf32>) outs(%e_triangle : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c1 = arith.constant 1 : index
    %diagonal = arith.addi %past, %c1 : index
    %first = arith.addi %i, %diagonal : index
    %isLater = arith.cmpi sge, %j, %first : index
    %0 = arith.select %isLater, %in, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %e_off = tensor.empty(%batch, %keys) : tensor<?x?xf32>
  %off = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<?x?xi64>) outs(%e_off : tensor<?x?xf32>) {
  ^bb0(%in: i64, %o: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.sitofp %in : i64 to f32
    %1 = arith.subf %one, %0 : f32
    %2 = arith.mulf %1, %lowest : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [#places, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%triangle, %off : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// The less of both.

// CHECK-LABEL: func @least_of_both
// CHECK:         %[[REST:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x?xf32>)
// CHECK:           %[[PADDING:.*]] = arith.mulf
// CHECK:           arith.minimumf %[[PADDING]], %{{.*}}
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : {{.*}} mask tensor<?x1x1x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#places = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @least_of_both(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_full = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %full = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_full : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    linalg.yield %lowest : f32
  } -> tensor<?x?xf32>
  %e_triangle = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %triangle = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%full : tensor<?x?xf32>) outs(%e_triangle : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c1 = arith.constant 1 : index
    %diagonal = arith.addi %past, %c1 : index
    %first = arith.addi %i, %diagonal : index
    %isLater = arith.cmpi sge, %j, %first : index
    %0 = arith.select %isLater, %in, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %e_off = tensor.empty(%batch, %keys) : tensor<?x?xf32>
  %off = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<?x?xi64>) outs(%e_off : tensor<?x?xf32>) {
  ^bb0(%in: i64, %o: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.sitofp %in : i64 to f32
    %1 = arith.subf %one, %0 : f32
    %2 = arith.mulf %1, %lowest : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [#places, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%triangle, %off : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.minimumf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A triangle times a comparison of ranges, the past being none or more; padding
// replaces what the product leaves at 0.

// CHECK-LABEL: func @product_of_triangles
// CHECK-SAME:    %[[ONES:[a-z0-9]+]]: tensor<?x?xi64>
// CHECK:         %[[REST:.*]] = linalg.generic {{.*}} ins(%[[ONES]] : tensor<?x?xi64>) outs(%{{.*}} : tensor<?x?xf32>)
// CHECK:           %[[OFF:.*]] = arith.cmpi eq
// CHECK:           arith.select %[[OFF]], %{{.*}}, %{{.*}} : f32
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : {{.*}} mask tensor<?x1x1x?xf32>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#places = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @product_of_triangles(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_full = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %full = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_full : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    linalg.yield %lowest : f32
  } -> tensor<?x?xf32>
  %e_from = tensor.empty(%queries) : tensor<?xi64>
  %from = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_from : tensor<?xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %0 = arith.index_cast %i : index to i64
    %1 = arith.index_cast %past : index to i64
    %2 = arith.addi %0, %1 : i64
    linalg.yield %2 : i64
  } -> tensor<?xi64>
  %e_to = tensor.empty(%keys) : tensor<?xi64>
  %to = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_to : tensor<?xi64>) {
  ^bb0(%o: i64):
    %j = linalg.index 0 : index
    %0 = arith.index_cast %j : index to i64
    linalg.yield %0 : i64
  } -> tensor<?xi64>
  %e_later = tensor.empty(%queries, %keys) : tensor<?x?xi1>
  %later = linalg.generic {indexing_maps = [#column, #row, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%to, %from : tensor<?xi64>, tensor<?xi64>) outs(%e_later : tensor<?x?xi1>) {
  ^bb0(%j: i64, %i: i64, %o: i1):
    %0 = arith.cmpi sgt, %j, %i : i64
    linalg.yield %0 : i1
  } -> tensor<?x?xi1>
  %e_own = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %own = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%full : tensor<?x?xf32>) outs(%e_own : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %0 = arith.select %isLater, %in, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %e_causal = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %causal = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%own, %later : tensor<?x?xf32>, tensor<?x?xi1>) outs(%e_causal : tensor<?x?xf32>) {
  ^bb0(%in: f32, %isLater: i1, %o: f32):
    %0 = arith.uitofp %isLater : i1 to f32
    %1 = arith.mulf %in, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [#places, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%causal, %ones : tensor<?x?xf32>, tensor<?x?xi64>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%in: f32, %one: i64, %o: f32):
    %none = arith.constant 0 : i64
    %isOff = arith.cmpi eq, %one, %none : i64
    %isOpen = arith.cmpf oeq, %in, %zero : f32
    %both = arith.andi %isOff, %isOpen : i1
    %0 = arith.select %both, %lowest, %in : f32
    linalg.yield %0 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Padding where the sum of both is 0.

// CHECK-LABEL: func @sum_compared
// CHECK:         %[[REST:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x?xf32>)
// CHECK:           %[[ONE:.*]] = arith.sitofp
// CHECK:           arith.cmpf oeq, %[[ONE]], %{{.*}}
// CHECK:           arith.select
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : {{.*}} mask tensor<?x1x1x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#places = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @sum_compared(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_full = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %full = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_full : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    linalg.yield %lowest : f32
  } -> tensor<?x?xf32>
  %e_triangle = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %triangle = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%full : tensor<?x?xf32>) outs(%e_triangle : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c1 = arith.constant 1 : index
    %diagonal = arith.addi %past, %c1 : index
    %first = arith.addi %i, %diagonal : index
    %isLater = arith.cmpi sge, %j, %first : index
    %0 = arith.select %isLater, %in, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [#places, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%triangle, %ones : tensor<?x?xf32>, tensor<?x?xi64>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%in: f32, %one: i64, %o: f32):
    %0 = arith.sitofp %one : i64 to f32
    %1 = arith.addf %in, %0 : f32
    %2 = arith.cmpf oeq, %1, %zero : f32
    %3 = arith.select %2, %lowest, %in : f32
    linalg.yield %3 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Truth values joined, then numbers chosen; nothing else is hidden.

// CHECK-LABEL: func @truth_values
// CHECK-NOT:     linalg.generic
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 causal : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @truth_values(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_from = tensor.empty(%queries) : tensor<?xi64>
  %from = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_from : tensor<?xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %0 = arith.index_cast %i : index to i64
    %1 = arith.index_cast %past : index to i64
    %2 = arith.addi %0, %1 : i64
    linalg.yield %2 : i64
  } -> tensor<?xi64>
  %e_to = tensor.empty(%keys) : tensor<?xi64>
  %to = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_to : tensor<?xi64>) {
  ^bb0(%o: i64):
    %j = linalg.index 0 : index
    %0 = arith.index_cast %j : index to i64
    linalg.yield %0 : i64
  } -> tensor<?xi64>
  %e_later = tensor.empty(%queries, %keys) : tensor<?x?xi1>
  %later = linalg.generic {indexing_maps = [#column, #row, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%to, %from : tensor<?xi64>, tensor<?xi64>) outs(%e_later : tensor<?x?xi1>) {
  ^bb0(%j: i64, %i: i64, %o: i1):
    %0 = arith.cmpi sgt, %j, %i : i64
    linalg.yield %0 : i1
  } -> tensor<?x?xi1>
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%later : tensor<?x?xi1>) outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%isLater: i1, %o: f32):
    %true = arith.constant true
    %isSeen = arith.xori %isLater, %true : i1
    %both = arith.andi %isSeen, %true : i1
    %0 = arith.select %both, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A stored triangle, of which the rows of the queries are taken.

// CHECK-LABEL: func @stored
// CHECK-NOT:     tensor<1x1x4x4xi1>
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : {{.*}} mask tensor<?x1x1x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @stored(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %stored = arith.constant dense<[[[[true, false, false, false], [true, true, false, false], [true, true, true, false], [true, true, true, true]]]]> : tensor<1x1x4x4xi1>
  %rows = tensor.extract_slice %stored[0, 0, %past, 0] [1, 1, %queries, 4] [1, 1, 1, 1] : tensor<1x1x4x4xi1> to tensor<1x1x?x4xi1>
  %part = tensor.extract_slice %rows[0, 0, 0, 0] [1, 1, %queries, %keys] [1, 1, 1, 1] : tensor<1x1x?x4xi1> to tensor<1x1x?x?xi1>
  %e_off = tensor.empty(%batch, %keys) : tensor<?x?xf32>
  %off = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<?x?xi64>) outs(%e_off : tensor<?x?xf32>) {
  ^bb0(%in: i64, %o: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.sitofp %in : i64 to f32
    %1 = arith.subf %one, %0 : f32
    %2 = arith.mulf %1, %lowest : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (0, 0, i, j)>, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%part, %off : tensor<1x1x?x?xi1>, tensor<?x?xf32>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%isSeen: i1, %b: f32, %o: f32):
    %0 = arith.select %isSeen, %zero, %lowest : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// One that has a hole is none.

// CHECK-LABEL: func @hole
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x1x?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
#padding = affine_map<(b, i, j) -> (b, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @hole(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %ones: tensor<?x?xi64>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %stored = arith.constant dense<[[[[true, false, false, false], [true, true, false, false], [true, false, true, false], [true, true, true, true]]]]> : tensor<1x1x4x4xi1>
  %rows = tensor.extract_slice %stored[0, 0, %past, 0] [1, 1, %queries, 4] [1, 1, 1, 1] : tensor<1x1x4x4xi1> to tensor<1x1x?x4xi1>
  %part = tensor.extract_slice %rows[0, 0, 0, 0] [1, 1, %queries, %keys] [1, 1, 1, 1] : tensor<1x1x?x4xi1> to tensor<1x1x?x?xi1>
  %e_off = tensor.empty(%batch, %keys) : tensor<?x?xf32>
  %off = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<?x?xi64>) outs(%e_off : tensor<?x?xf32>) {
  ^bb0(%in: i64, %o: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.sitofp %in : i64 to f32
    %1 = arith.subf %one, %0 : f32
    %2 = arith.mulf %1, %lowest : f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %e_sum = tensor.empty(%batch, %queries, %keys) : tensor<?x?x?xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (0, 0, i, j)>, #padding, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%part, %off : tensor<1x1x?x?xi1>, tensor<?x?xf32>) outs(%e_sum : tensor<?x?x?xf32>) {
  ^bb0(%isSeen: i1, %b: f32, %o: f32):
    %0 = arith.select %isSeen, %zero, %lowest : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x?x?xf32>
  %mask = tensor.expand_shape %sum [[0, 1], [2], [3]] output_shape [%batch, 1, %queries, %keys] : tensor<?x?x?xf32> into tensor<?x1x?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A stored triangle of numbers whose diagonal lies one column further on hides
// less than `causal` does.

// CHECK-LABEL: func @stored_further
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
func.func @stored_further(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %stored = arith.constant dense<[[0.0, 0.0, -1.0e+9], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]> : tensor<3x3xf32>
  %mask = tensor.extract_slice %stored[%past, 0] [%queries, %keys] [1, 1] : tensor<3x3xf32> to tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// The same without that.

// CHECK-LABEL: func @stored_numbers
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
func.func @stored_numbers(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %stored = arith.constant dense<[[0.0, -1.0e+9, -1.0e+9], [0.0, 0.0, -1.0e+9], [0.0, 0.0, 0.0]]> : tensor<3x3xf32>
  %mask = tensor.extract_slice %stored[%past, 0] [%queries, %keys] [1, 1] : tensor<3x3xf32> to tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A window that slides.

// CHECK-LABEL: func @window
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x?xf32>)
// CHECK:           %[[NEAR:.*]] = arith.cmpi sgt
// CHECK-NEXT:      arith.select %[[NEAR]]
// CHECK:         lowbit.attention {{.*}} mask %[[MASK]] scale 1.000000e+00 causal
#matrix = affine_map<(i, j) -> (i, j)>
func.func @window(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %four = arith.constant 4 : index
    %last = arith.addi %i, %past : index
    %end = arith.subi %last, %four : index
    %isNear = arith.cmpi sgt, %j, %end : index
    %isSeen = arith.cmpi sle, %j, %last : index
    %both = arith.andi %isNear, %isSeen : i1
    %0 = arith.select %both, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A query that doesn't see its own key may see none, and then all keys count.

// CHECK-LABEL: func @own_hidden
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @own_hidden(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %four = arith.constant 4 : index
    %last = arith.addi %i, %past : index
    %end = arith.subi %last, %four : index
    %isNear = arith.cmpi sgt, %j, %end : index
    %isSeen = arith.cmpi slt, %j, %last : index
    %both = arith.andi %isNear, %isSeen : i1
    %0 = arith.select %both, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Numbers that are small hide nothing.

// CHECK-LABEL: func @small
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @small(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %small = arith.constant -3.0 : f32
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %four = arith.constant 4 : index
    %last = arith.addi %i, %past : index
    %end = arith.subi %last, %four : index
    %isNear = arith.cmpi sgt, %j, %end : index
    %isSeen = arith.cmpi sle, %j, %last : index
    %both = arith.andi %isNear, %isSeen : i1
    %0 = arith.select %both, %zero, %small : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Keys from another number on may be seen by causal queries, or by none.

// CHECK-LABEL: func @another_number
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @another_number(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %other: index) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %four = arith.constant 4 : index
    %last = arith.addi %i, %other : index
    %end = arith.subi %last, %four : index
    %isNear = arith.cmpi sgt, %j, %end : index
    %isSeen = arith.cmpi sle, %j, %last : index
    %both = arith.andi %isNear, %isSeen : i1
    %0 = arith.select %both, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// One more than the past hides less than `causal` does.

// CHECK-LABEL: func @one_further
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @one_further(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %four = arith.constant 4 : index
    %last = arith.addi %i, %past : index
    %one = arith.constant 1 : index
    %next = arith.addi %last, %one : index
    %end = arith.subi %last, %four : index
    %isNear = arith.cmpi sgt, %j, %end : index
    %isSeen = arith.cmpi sle, %j, %next : index
    %both = arith.andi %isNear, %isSeen : i1
    %0 = arith.select %both, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Rounded to 16 bits and widened, as in models of halves.

// CHECK-LABEL: func @halves
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 causal : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @halves(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_from = tensor.empty(%queries) : tensor<?xi64>
  %from = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_from : tensor<?xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %0 = arith.index_cast %i : index to i64
    %1 = arith.index_cast %past : index to i64
    %2 = arith.addi %0, %1 : i64
    linalg.yield %2 : i64
  } -> tensor<?xi64>
  %e_to = tensor.empty(%keys) : tensor<?xi64>
  %to = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%e_to : tensor<?xi64>) {
  ^bb0(%o: i64):
    %j = linalg.index 0 : index
    %0 = arith.index_cast %j : index to i64
    linalg.yield %0 : i64
  } -> tensor<?xi64>
  %e_later = tensor.empty(%queries, %keys) : tensor<?x?xi1>
  %later = linalg.generic {indexing_maps = [#column, #row, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%to, %from : tensor<?xi64>, tensor<?xi64>) outs(%e_later : tensor<?x?xi1>) {
  ^bb0(%j: i64, %i: i64, %o: i1):
    %0 = arith.cmpi sgt, %j, %i : i64
    linalg.yield %0 : i1
  } -> tensor<?x?xi1>
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%later : tensor<?x?xi1>) outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%isLater: i1, %o: f32):
    %half = arith.constant -65504.0 : f16
    %0 = arith.uitofp %isLater : i1 to f16
    %1 = arith.mulf %0, %half : f16
    %2 = arith.extf %1 : f16 to f32
    linalg.yield %2 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A mask that is an input says nothing of places.

// CHECK-LABEL: func @input
// CHECK-SAME:    %[[M:[a-z0-9]+]]: tensor<?x1x?x?xf32>
// CHECK:         lowbit.attention {{.*}} mask %[[M]] scale 1.000000e+00 :
func.func @input(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>, %mask: tensor<?x1x?x?xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x1x?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// A mask that adds nothing is none.

// CHECK-LABEL: func @nothing
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32> -> tensor<?x2x?x8xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @nothing(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// Sums of sums are as many as an exponential of their number: they are left.

// CHECK-LABEL: func @doubled
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 : {{.*}} mask tensor<?x?xf32>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @doubled(%q: tensor<?x2x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x8xf32>,
    %before: tensor<?x2x?x8xf32>) -> tensor<?x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %batch = tensor.dim %q, %c0 : tensor<?x2x?x8xf32>
  %queries = tensor.dim %q, %c2 : tensor<?x2x?x8xf32>
  %past = tensor.dim %before, %c2 : tensor<?x2x?x8xf32>
  %keys = arith.addi %queries, %past : index
  %e_mask = tensor.empty(%queries, %keys) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%e_mask : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %d0 = linalg.index 0 : index
    %j = linalg.index 1 : index
    %d1 = arith.addi %d0, %d0 : index
    %d2 = arith.addi %d1, %d1 : index
    %d3 = arith.addi %d2, %d2 : index
    %d4 = arith.addi %d3, %d3 : index
    %d5 = arith.addi %d4, %d4 : index
    %d6 = arith.addi %d5, %d5 : index
    %d7 = arith.addi %d6, %d6 : index
    %d8 = arith.addi %d7, %d7 : index
    %d9 = arith.addi %d8, %d8 : index
    %d10 = arith.addi %d9, %d9 : index
    %d11 = arith.addi %d10, %d10 : index
    %d12 = arith.addi %d11, %d11 : index
    %d13 = arith.addi %d12, %d12 : index
    %d14 = arith.addi %d13, %d13 : index
    %d15 = arith.addi %d14, %d14 : index
    %d16 = arith.addi %d15, %d15 : index
    %d17 = arith.addi %d16, %d16 : index
    %d18 = arith.addi %d17, %d17 : index
    %d19 = arith.addi %d18, %d18 : index
    %d20 = arith.addi %d19, %d19 : index
    %d21 = arith.addi %d20, %d20 : index
    %d22 = arith.addi %d21, %d21 : index
    %d23 = arith.addi %d22, %d22 : index
    %d24 = arith.addi %d23, %d23 : index
    %d25 = arith.addi %d24, %d24 : index
    %d26 = arith.addi %d25, %d25 : index
    %d27 = arith.addi %d26, %d26 : index
    %d28 = arith.addi %d27, %d27 : index
    %d29 = arith.addi %d28, %d28 : index
    %d30 = arith.addi %d29, %d29 : index
    %d31 = arith.addi %d30, %d30 : index
    %d32 = arith.addi %d31, %d31 : index
    %d33 = arith.addi %d32, %d32 : index
    %d34 = arith.addi %d33, %d33 : index
    %d35 = arith.addi %d34, %d34 : index
    %d36 = arith.addi %d35, %d35 : index
    %d37 = arith.addi %d36, %d36 : index
    %d38 = arith.addi %d37, %d37 : index
    %d39 = arith.addi %d38, %d38 : index
    %d40 = arith.addi %d39, %d39 : index
    %isSeen = arith.cmpi sle, %j, %d40 : index
    %0 = arith.select %isSeen, %zero, %lowest : f32
    linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<?x2x?x8xf32>
  return %y : tensor<?x2x?x8xf32>
}

// -----

// The largest integer, beside which padding is compared, is no double: it stays
// what it is.

// CHECK-LABEL: func @largest_integer
// CHECK:         %[[MOST:.*]] = arith.constant 9223372036854775807 : i64
// CHECK:         linalg.generic
// CHECK:           arith.cmpi slt, %{{.*}}, %[[MOST]] : i64
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal : {{.*}} mask tensor<1x?xf32>
#padding = affine_map<(i, j) -> (0, j)>
#whole = affine_map<(i, j) -> (i, j)>
func.func @largest_integer(%q: tensor<1x2x?x8xf32>, %ones: tensor<1x?xi64>) -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -1.0e+30 : f32
  %most = arith.constant 9223372036854775807 : i64
  %n = tensor.dim %q, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%n, %n) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#padding, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<1x?xi64>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%one: i64, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isEarlier = arith.cmpi sle, %j, %i : index
    %isReal = arith.cmpi slt, %one, %most : i64
    %both = arith.andi %isEarlier, %isReal : i1
    %m = arith.select %both, %zero, %lowest : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %q, %q mask %mask scale 1.0 : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<1x2x?x8xf32>
  return %y : tensor<1x2x?x8xf32>
}

// -----

// A bias of positions makes up for no number that hides keys in f16.

// CHECK-LABEL: func @hidden_beside_a_bias
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 causal
#places = affine_map<(i, j) -> (i, j)>
func.func @hidden_beside_a_bias(%q: tensor<1x2x?x8xf32>, %k: tensor<1x2x?x8xf32>, %v: tensor<1x2x?x8xf32>,
    %bias: tensor<?x?xf32>) -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -6.5504E+4 : f32
  %n = tensor.dim %q, %c2 : tensor<1x2x?x8xf32>
  %empty = tensor.empty(%n, %n) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#places, #places], iterator_types = ["parallel", "parallel"]}
      ins(%bias : tensor<?x?xf32>) outs(%empty : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %0 = arith.select %isLater, %hidden, %zero : f32
    %1 = arith.addf %0, %in : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<1x2x?x8xf32>
  return %y : tensor<1x2x?x8xf32>
}

// -----

// It might for a lesser one.

// CHECK-LABEL: func @bias_unhides
// CHECK:         lowbit.attention {{.*}} scale 1.000000e+00 :
#places = affine_map<(i, j) -> (i, j)>
func.func @bias_unhides(%q: tensor<1x2x?x8xf32>, %k: tensor<1x2x?x8xf32>, %v: tensor<1x2x?x8xf32>,
    %bias: tensor<?x?xf32>) -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -1.0E+4 : f32
  %n = tensor.dim %q, %c2 : tensor<1x2x?x8xf32>
  %empty = tensor.empty(%n, %n) : tensor<?x?xf32>
  %mask = linalg.generic {indexing_maps = [#places, #places], iterator_types = ["parallel", "parallel"]}
      ins(%bias : tensor<?x?xf32>) outs(%empty : tensor<?x?xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %0 = arith.select %isLater, %hidden, %zero : f32
    %1 = arith.addf %0, %in : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %y = lowbit.attention %q, %k, %v mask %mask scale 1.0 : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, mask tensor<?x?xf32> -> tensor<1x2x?x8xf32>
  return %y : tensor<1x2x?x8xf32>
}
