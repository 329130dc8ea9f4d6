// RUN: quant-opt %s --lowbit-raise-attention --canonicalize --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-raise-attention=report --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: quant-opt %s --lowbit-raise-attention=disable-patterns=attention_pattern --split-input-file | FileCheck %s --check-prefix=OFF

// OFF-NOT: lowbit.attention

// The example of the pass: a transposed key, a quotient, a mask, one softmax.

// CHECK-LABEL: func @batches
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<4x?x64xf32>, %[[KT:[a-z0-9]+]]: tensor<4x64x?xf32>
// CHECK-SAME:    %[[V:[a-z0-9]+]]: tensor<4x?x64xf32>, %[[MASK:[a-z0-9]+]]: tensor<?x?xf32>
// CHECK:         %[[K:.*]] = linalg.transpose ins(%[[KT]] : tensor<4x64x?xf32>) {{.*}} permutation = [0, 2, 1]
// CHECK:         %[[Y:.*]] = lowbit.attention %[[Q]], %[[K]], %[[V]] mask %[[MASK]] scale 1.250000e-01
// CHECK-SAME:      : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>, mask tensor<?x?xf32> -> tensor<4x?x64xf32>
// CHECK-NEXT:    return %[[Y]]
#all = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
func.func @batches(%q: tensor<4x?x64xf32>, %kt: tensor<4x64x?xf32>, %v: tensor<4x?x64xf32>,
                   %mask: tensor<?x?xf32>, %scores: tensor<4x?x?xf32>, %out: tensor<4x?x64xf32>) -> tensor<4x?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %eight = arith.constant 8.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%scores : tensor<4x?x?xf32>) -> tensor<4x?x?xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<4x?x64xf32>, tensor<4x64x?xf32>)
                           outs(%z : tensor<4x?x?xf32>) -> tensor<4x?x?xf32>
  %t = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %mask : tensor<4x?x?xf32>, tensor<?x?xf32>) outs(%scores : tensor<4x?x?xf32>) {
  ^bb0(%in: f32, %m: f32, %o: f32):
    %scaled = arith.divf %in, %eight : f32
    %masked = arith.addf %scaled, %m : f32
    linalg.yield %masked : f32
  } -> tensor<4x?x?xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<4x?x?xf32>) outs(%scores : tensor<4x?x?xf32>) -> tensor<4x?x?xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%out : tensor<4x?x64xf32>) -> tensor<4x?x64xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<4x?x?xf32>, tensor<4x?x64xf32>)
                           outs(%zy : tensor<4x?x64xf32>) -> tensor<4x?x64xf32>
  return %y : tensor<4x?x64xf32>
}

// -----

// A softmax in steps; a mask made from positions that hides later keys; other
// orders of dimensions.

// CHECK-LABEL: func @causal
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<9x2x16xf32>, %[[K:[a-z0-9]+]]: tensor<2x9x16xf32>, %[[V:[a-z0-9]+]]: tensor<9x2x8xf32>
// CHECK-DAG:     %[[QT:.*]] = linalg.transpose ins(%[[Q]] : {{.*}} permutation = [1, 0, 2]
// CHECK-DAG:     %[[VT:.*]] = linalg.transpose ins(%[[V]] : {{.*}} permutation = [1, 0, 2]
// CHECK:         %[[Y:.*]] = lowbit.attention %[[QT]], %[[K]], %[[VT]] scale 2.500000e-01 causal
// CHECK-SAME:      -> tensor<2x9x8xf32>
// CHECK:         linalg.transpose ins(%[[Y]] : {{.*}} permutation = [1, 0, 2]
#rows = affine_map<(h, i, j) -> (h, i)>
#all = affine_map<(h, i, j) -> (h, i, j)>
#matrix = affine_map<(i, j) -> (i, j)>
#mask = affine_map<(h, i, j) -> (i, j)>
#q = affine_map<(h, i, j, d) -> (i, h, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#p = affine_map<(i, h, e, j) -> (h, i, j)>
#v = affine_map<(i, h, e, j) -> (j, h, e)>
#y = affine_map<(i, h, e, j) -> (i, h, e)>
func.func @causal(%q: tensor<9x2x16xf32>, %k: tensor<2x9x16xf32>, %v: tensor<9x2x8xf32>) -> tensor<9x2x8xf32> {
  %zero = arith.constant 0.0 : f32
  %quarter = arith.constant 0.25 : f32
  %least = arith.constant 0xFF800000 : f32
  %hidden = arith.constant -3.40282347E+38 : f32
  %es = tensor.empty() : tensor<2x9x9xf32>
  %er = tensor.empty() : tensor<2x9xf32>
  %ey = tensor.empty() : tensor<9x2x8xf32>
  %em = tensor.empty() : tensor<9x9xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%em : tensor<9x9xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sge, %i, %j : index
    %m = arith.select %isLater, %zero, %hidden : f32
    linalg.yield %m : f32
  } -> tensor<9x9xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x9x9xf32>) -> tensor<2x9x9xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<9x2x16xf32>, tensor<2x9x16xf32>) outs(%zs : tensor<2x9x9xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x9x9xf32>
  %t = linalg.generic {indexing_maps = [#mask, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%mask, %s : tensor<9x9xf32>, tensor<2x9x9xf32>) outs(%es : tensor<2x9x9xf32>) {
  ^bb0(%m: f32, %in: f32, %o: f32):
    %scaled = arith.mulf %quarter, %in : f32
    %masked = arith.addf %m, %scaled : f32
    linalg.yield %masked : f32
  } -> tensor<2x9x9xf32>
  %fl = linalg.fill ins(%least : f32) outs(%er : tensor<2x9xf32>) -> tensor<2x9xf32>
  %l = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%t : tensor<2x9x9xf32>) outs(%fl : tensor<2x9xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.maxnumf %in, %o : f32
    linalg.yield %0 : f32
  } -> tensor<2x9xf32>
  %e = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t, %l : tensor<2x9x9xf32>, tensor<2x9xf32>) outs(%es : tensor<2x9x9xf32>) {
  ^bb0(%in: f32, %max: f32, %o: f32):
    %0 = arith.subf %in, %max : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x9x9xf32>
  %ft = linalg.fill ins(%zero : f32) outs(%er : tensor<2x9xf32>) -> tensor<2x9xf32>
  %sum = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%e : tensor<2x9x9xf32>) outs(%ft : tensor<2x9xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.addf %in, %o : f32
    linalg.yield %0 : f32
  } -> tensor<2x9xf32>
  %p = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x9x9xf32>, tensor<2x9xf32>) outs(%es : tensor<2x9x9xf32>) {
  ^bb0(%in: f32, %total: f32, %o: f32):
    %0 = arith.divf %in, %total : f32
    linalg.yield %0 : f32
  } -> tensor<2x9x9xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<9x2x8xf32>) -> tensor<9x2x8xf32>
  %y = linalg.generic {indexing_maps = [#p, #v, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<2x9x9xf32>, tensor<9x2x8xf32>) outs(%zy : tensor<9x2x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<9x2x8xf32>
  return %y : tensor<9x2x8xf32>
}

// -----

// Scores that a condition replaces are masked by 0 and what replaces them. Heads
// that are repeated for groups of queries are read where they are.

// CHECK-LABEL: func @grouped
// CHECK-SAME:    %{{[a-z0-9]+}}: tensor<1x4x7x16xf32>, %[[K:[a-z0-9]+]]: tensor<1x2x5x16xf32>, %[[V:[a-z0-9]+]]: tensor<1x2x5x16xf32>
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<1x1x7x5xi1>) outs(%{{.*}} : tensor<7x5xf32>)
// CHECK:           arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK:         lowbit.attention %{{.*}}, %[[K]], %[[V]] mask %[[MASK]] scale 1.000000e+00
// CHECK-SAME:      : tensor<1x4x7x16xf32>, tensor<1x2x5x16xf32>, tensor<1x2x5x16xf32>, mask tensor<7x5xf32>
#heads = affine_map<(b, g, r, j, d) -> (b, g, j, d)>
#repeated = affine_map<(b, g, r, j, d) -> (b, g, r, j, d)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#all = affine_map<(b, h, i, j) -> (b, h, i, j)>
#one = affine_map<(b, h, i, j) -> (0, 0, i, j)>
func.func @grouped(%q: tensor<1x4x7x16xf32>, %k: tensor<1x2x5x16xf32>, %v: tensor<1x2x5x16xf32>,
                   %isSeen: tensor<1x1x7x5xi1>) -> tensor<1x4x7x16xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -1.0e+9 : f32
  %er = tensor.empty() : tensor<1x2x2x5x16xf32>
  %es = tensor.empty() : tensor<1x4x7x5xf32>
  %ey = tensor.empty() : tensor<1x4x7x16xf32>
  %rk = linalg.generic {indexing_maps = [#heads, #repeated], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<1x2x5x16xf32>) outs(%er : tensor<1x2x2x5x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<1x2x2x5x16xf32>
  %rv = linalg.broadcast ins(%v : tensor<1x2x5x16xf32>) outs(%er : tensor<1x2x2x5x16xf32>) dimensions = [2]
  %ks = tensor.collapse_shape %rk [[0], [1, 2], [3], [4]] : tensor<1x2x2x5x16xf32> into tensor<1x4x5x16xf32>
  %vs = tensor.collapse_shape %rv [[0], [1, 2], [3], [4]] : tensor<1x2x2x5x16xf32> into tensor<1x4x5x16xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x4x7x5xf32>) -> tensor<1x4x7x5xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %ks : tensor<1x4x7x16xf32>, tensor<1x4x5x16xf32>) outs(%zs : tensor<1x4x7x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x7x5xf32>
  %t = linalg.generic {indexing_maps = [#one, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%isSeen, %s : tensor<1x1x7x5xi1>, tensor<1x4x7x5xf32>) outs(%es : tensor<1x4x7x5xf32>) {
  ^bb0(%c: i1, %in: f32, %o: f32):
    %masked = arith.select %c, %in, %hidden : f32
    linalg.yield %masked : f32
  } -> tensor<1x4x7x5xf32>
  %p = linalg.softmax dimension(3) ins(%t : tensor<1x4x7x5xf32>) outs(%es : tensor<1x4x7x5xf32>) -> tensor<1x4x7x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<1x4x7x16xf32>) -> tensor<1x4x7x16xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, e, j) -> (b, h, i, j)>, affine_map<(b, h, i, e, j) -> (b, h, j, e)>,
                       affine_map<(b, h, i, e, j) -> (b, h, i, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %vs : tensor<1x4x7x5xf32>, tensor<1x4x5x16xf32>) outs(%zy : tensor<1x4x7x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x7x16xf32>
  return %y : tensor<1x4x7x16xf32>
}

// -----

// One head of keys and values is read by all of the query's: where it is, as an
// operand without heads, or with them, repeated.

// CHECK-LABEL: func @one_head
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<?x4x7x16xf32>, %[[K:[a-z0-9]+]]: tensor<?x16x?xf32>, %[[V:[a-z0-9]+]]: tensor<?x?x16xf32>
// CHECK-DAG:     %[[KT:.*]] = linalg.transpose ins(%[[K]] : tensor<?x16x?xf32>) {{.*}} permutation = [0, 2, 1]
// CHECK-DAG:     %[[ONE:.*]] = tensor.expand_shape %[[KT]] {{\[\[}}0, 1], [2], [3]]
// CHECK-DAG:     %[[VALUES:.*]] = tensor.expand_shape %[[V]] {{\[\[}}0, 1], [2], [3]]
// CHECK:         lowbit.attention %[[Q]], %[[ONE]], %[[VALUES]] scale 1.000000e+00
// CHECK-SAME:      : tensor<?x4x7x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>
// CHECK-LABEL: func @one_text
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x4x7x16xf32>, %[[K:[a-z0-9]+]]: tensor<16x5xf32>, %[[V:[a-z0-9]+]]: tensor<5x16xf32>
// CHECK-DAG:     %[[KT:.*]] = linalg.transpose ins(%[[K]] : tensor<16x5xf32>) {{.*}} permutation = [1, 0]
// CHECK-DAG:     %[[ONE:.*]] = tensor.expand_shape %[[KT]] {{\[\[}}0, 1, 2], [3]]
// CHECK-DAG:     %[[VALUES:.*]] = tensor.expand_shape %[[V]] {{\[\[}}0, 1, 2], [3]]
// CHECK:         lowbit.attention %[[Q]], %[[ONE]], %[[VALUES]] scale 1.000000e+00
// CHECK-SAME:      : tensor<1x4x7x16xf32>, tensor<1x1x5x16xf32>, tensor<1x1x5x16xf32>
// CHECK-LABEL: func @one_head_of_values
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<?x4x7x16xf32>, %[[K:[a-z0-9]+]]: tensor<?x1x?x16xf32>, %[[V:[a-z0-9]+]]: tensor<?x?x16xf32>
// CHECK:         %[[VALUES:.*]] = tensor.expand_shape %[[V]]
// CHECK:         lowbit.attention %[[Q]], %[[K]], %[[VALUES]] scale 1.000000e+00
// CHECK-SAME:      : tensor<?x4x7x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#kt = affine_map<(b, h, i, j, d) -> (b, d, j)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
func.func @one_head(%q: tensor<?x4x7x16xf32>, %k: tensor<?x16x?xf32>, %v: tensor<?x?x16xf32>, %es: tensor<?x4x7x?xf32>,
                    %ey: tensor<?x4x7x16xf32>) -> tensor<?x4x7x16xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x4x7x?xf32>) -> tensor<?x4x7x?xf32>
  %s = linalg.generic {indexing_maps = [#q, #kt, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x4x7x16xf32>, tensor<?x16x?xf32>) outs(%zs : tensor<?x4x7x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x7x?xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<?x4x7x?xf32>) outs(%es : tensor<?x4x7x?xf32>) -> tensor<?x4x7x?xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<?x4x7x16xf32>) -> tensor<?x4x7x16xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, e, j) -> (b, h, i, j)>, affine_map<(b, h, i, e, j) -> (b, j, e)>,
                       affine_map<(b, h, i, e, j) -> (b, h, i, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<?x4x7x?xf32>, tensor<?x?x16xf32>) outs(%zy : tensor<?x4x7x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x7x16xf32>
  return %y : tensor<?x4x7x16xf32>
}
func.func @one_text(%q: tensor<1x4x7x16xf32>, %k: tensor<16x5xf32>, %v: tensor<5x16xf32>, %es: tensor<1x4x7x5xf32>,
                    %ey: tensor<1x4x7x16xf32>) -> tensor<1x4x7x16xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<1x4x7x5xf32>) -> tensor<1x4x7x5xf32>
  %s = linalg.generic {indexing_maps = [#q, affine_map<(b, h, i, j, d) -> (d, j)>, #s],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<1x4x7x16xf32>, tensor<16x5xf32>) outs(%zs : tensor<1x4x7x5xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x7x5xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<1x4x7x5xf32>) outs(%es : tensor<1x4x7x5xf32>) -> tensor<1x4x7x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<1x4x7x16xf32>) -> tensor<1x4x7x16xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, e, j) -> (b, h, i, j)>, affine_map<(b, h, i, e, j) -> (j, e)>,
                       affine_map<(b, h, i, e, j) -> (b, h, i, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<1x4x7x5xf32>, tensor<5x16xf32>) outs(%zy : tensor<1x4x7x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x4x7x16xf32>
  return %y : tensor<1x4x7x16xf32>
}
func.func @one_head_of_values(%q: tensor<?x4x7x16xf32>, %k: tensor<?x1x?x16xf32>, %v: tensor<?x?x16xf32>, %er: tensor<?x1x4x?x16xf32>,
                              %es: tensor<?x4x7x?xf32>, %ey: tensor<?x4x7x16xf32>) -> tensor<?x4x7x16xf32> {
  %zero = arith.constant 0.0 : f32
  %rk = linalg.broadcast ins(%k : tensor<?x1x?x16xf32>) outs(%er : tensor<?x1x4x?x16xf32>) dimensions = [2]
  %ks = tensor.collapse_shape %rk [[0], [1, 2], [3], [4]] : tensor<?x1x4x?x16xf32> into tensor<?x4x?x16xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x4x7x?xf32>) -> tensor<?x4x7x?xf32>
  %s = linalg.generic {indexing_maps = [#q, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, #s],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %ks : tensor<?x4x7x16xf32>, tensor<?x4x?x16xf32>) outs(%zs : tensor<?x4x7x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x7x?xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<?x4x7x?xf32>) outs(%es : tensor<?x4x7x?xf32>) -> tensor<?x4x7x?xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<?x4x7x16xf32>) -> tensor<?x4x7x16xf32>
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, e, j) -> (b, h, i, j)>, affine_map<(b, h, i, e, j) -> (b, j, e)>,
                       affine_map<(b, h, i, e, j) -> (b, h, i, e)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<?x4x7x?xf32>, tensor<?x?x16xf32>) outs(%zy : tensor<?x4x7x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x7x16xf32>
  return %y : tensor<?x4x7x16xf32>
}

// -----

// Several masks are one that is the sum of what they add, whichever of the scores'
// dimensions they have.

// CHECK-LABEL: func @several_masks
// CHECK-SAME:    %[[C:[a-z0-9]+]]: tensor<4x5xi1>, %[[M:[a-z0-9]+]]: tensor<1x5xf32>
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} ins(%[[C]], %[[M]] : tensor<4x5xi1>, tensor<1x5xf32>) outs(%{{.*}} : tensor<4x5xf32>)
// CHECK:           arith.select
// CHECK:           arith.addf
// CHECK:         lowbit.attention {{.*}} mask %[[MASK]] {{.*}} mask tensor<4x5xf32>
#pair = affine_map<(b, i, j) -> (i, j)>
#keys = affine_map<(b, i, j) -> (0, j)>
#scores = affine_map<(b, i, j) -> (b, i, j)>
func.func @several_masks(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %c: tensor<4x5xi1>, %m: tensor<1x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -1.0e+9 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.generic {indexing_maps = [#pair, #keys, #scores, #scores], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c, %m, %s : tensor<4x5xi1>, tensor<1x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%isSeen: i1, %added: f32, %in: f32, %out: f32):
    %1 = arith.addf %in, %added : f32
    %2 = arith.select %isSeen, %1, %hidden : f32
    linalg.yield %2 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// What is left says why.

// CHECK-LABEL: func @other_factor
// CHECK-NOT:     lowbit.attention
// REPORT: attention is left: the scores are multiplied by something else than a constant
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @other_factor(%q: tensor<4x5x64xf32>, %kt: tensor<4x64x5xf32>, %v: tensor<4x5x64xf32>,
                        %factors: tensor<4x5x5xf32>, %scores: tensor<4x5x5xf32>, %out: tensor<4x5x64xf32>) -> tensor<4x5x64xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%scores : tensor<4x5x5xf32>) -> tensor<4x5x5xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<4x5x64xf32>, tensor<4x64x5xf32>)
                           outs(%z : tensor<4x5x5xf32>) -> tensor<4x5x5xf32>
  %t = linalg.mul ins(%s, %factors : tensor<4x5x5xf32>, tensor<4x5x5xf32>) outs(%scores : tensor<4x5x5xf32>) -> tensor<4x5x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<4x5x5xf32>) outs(%scores : tensor<4x5x5xf32>) -> tensor<4x5x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%out : tensor<4x5x64xf32>) -> tensor<4x5x64xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<4x5x5xf32>, tensor<4x5x64xf32>)
                           outs(%zy : tensor<4x5x64xf32>) -> tensor<4x5x64xf32>
  return %y : tensor<4x5x64xf32>
}

// -----

// What is added before scores are scaled is scaled with them.

// CHECK-LABEL: func @mask_before_scale
// CHECK-SAME:    %[[M:[a-z0-9]+]]: tensor<2x4x5xf32>
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} ins(%[[M]] : tensor<2x4x5xf32>)
// CHECK:           arith.mulf %{{.*}}, %cst
// CHECK:         lowbit.attention %{{.*}} mask %[[MASK]] scale 5.000000e-01
func.func @mask_before_scale(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %m: tensor<2x4x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %u = linalg.add ins(%s, %m : tensor<2x4x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %half = arith.constant 0.5 : f32
  %t = linalg.map ins(%u : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>)
    (%in: f32, %out: f32) {
      %0 = arith.mulf %in, %half : f32
      linalg.yield %0 : f32
    }
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// Several masks are one, of all dimensions that one of them has.

// CHECK-LABEL: func @two_masks
// CHECK-SAME:    %[[M:[a-z0-9]+]]: tensor<2x4x5xf32>, %[[N:[a-z0-9]+]]: tensor<2x4x5xf32>
// CHECK:         %[[MASK:.*]] = linalg.generic {{.*}} ins(%[[N]], %[[M]] :
// CHECK:           arith.addf
// CHECK:         lowbit.attention %{{.*}} mask %[[MASK]] scale 1.000000e+00
func.func @two_masks(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %m: tensor<2x4x5xf32>, %n: tensor<2x4x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %u = linalg.add ins(%s, %m : tensor<2x4x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.add ins(%u, %n : tensor<2x4x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// A mask of keys, as encoders have it: 1 where a key counts.

// CHECK-LABEL: func @padding
// CHECK-SAME:    %[[ONES:[a-z0-9]+]]: tensor<?x?xf32>
// CHECK:         %[[PAD:.*]] = linalg.generic {{.*}} ins(%[[ONES]] :
// CHECK:         %[[MASK:.*]] = tensor.expand_shape %[[PAD]] {{\[\[}}0, 1, 2], [3]] {{.*}} : tensor<?x?xf32> into tensor<?x1x1x?xf32>
// CHECK:         lowbit.attention %{{.*}} mask %[[MASK]] scale 2.500000e-01
#keys = affine_map<(b, h, i, j) -> (b, j)>
#all = affine_map<(b, h, i, j) -> (b, h, i, j)>
#same = affine_map<(b, j) -> (b, j)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
func.func @padding(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>, %v: tensor<?x4x?x16xf32>, %ones: tensor<?x?xf32>,
    %em: tensor<?x?xf32>, %es: tensor<?x4x?x?xf32>, %ey: tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %least = arith.constant -1.0e4 : f32
  %quarter = arith.constant 0.25 : f32
  %pad = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%ones : tensor<?x?xf32>) outs(%em : tensor<?x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.subf %one, %in : f32
    %1 = arith.mulf %0, %least : f32
    linalg.yield %1 : f32
  } -> tensor<?x?xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) outs(%zs : tensor<?x4x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x?x?xf32>
  %t = linalg.generic {indexing_maps = [#all, #keys, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %pad : tensor<?x4x?x?xf32>, tensor<?x?xf32>) outs(%es : tensor<?x4x?x?xf32>) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %0 = arith.mulf %in, %quarter : f32
    %1 = arith.addf %0, %m : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x?x?xf32>
  %p = linalg.softmax dimension(3) ins(%t : tensor<?x4x?x?xf32>) outs(%es : tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, h, i, e, j) -> (b, h, i, j)>,
                                        affine_map<(b, h, i, e, j) -> (b, h, j, e)>,
                                        affine_map<(b, h, i, e, j) -> (b, h, i, e)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<?x4x?x?xf32>, tensor<?x4x?x16xf32>) outs(%zy : tensor<?x4x?x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x4x?x16xf32>
  return %y : tensor<?x4x?x16xf32>
}

// -----

// Batches and heads that are one dynamic dimension are batches of one head.

// CHECK-LABEL: func @merged_heads
// CHECK:         %[[Q:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2], [3]] {{.*}} : tensor<?x4x8xf32> into tensor<?x1x4x8xf32>
// CHECK:         %[[Y:.*]] = lowbit.attention %[[Q]], {{.*}} -> tensor<?x1x4x8xf32>
// CHECK:         tensor.collapse_shape %[[Y]] {{\[\[}}0, 1], [2], [3]]
func.func @merged_heads(%q: tensor<?x4x8xf32>, %kt: tensor<?x8x5xf32>, %v: tensor<?x5x8xf32>,
    %es: tensor<?x4x5xf32>, %ey: tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<?x4x8xf32>, tensor<?x8x5xf32>) outs(%zs : tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<?x4x5xf32>) outs(%es : tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<?x4x5xf32>, tensor<?x5x8xf32>) outs(%zy : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  return %y : tensor<?x4x8xf32>
}

// -----

// A mask of the keys behind a query, as the upper triangle of a hidden whole is
// imported.

// CHECK-LABEL: func @upper_triangle
// CHECK-NOT:     linalg.index
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 causal
// CHECK-SAME:      -> tensor<2x5x8xf32>
#all = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @upper_triangle(%q: tensor<2x5x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>) -> tensor<2x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -3.40282347E+38 : f32
  %c1 = arith.constant 1 : index
  %em = tensor.empty() : tensor<5x5xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%em : tensor<5x5xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %next = arith.addi %i, %c1 : index
    %isLater = arith.cmpi sge, %j, %next : index
    %m = arith.select %isLater, %hidden, %zero : f32
    linalg.yield %m : f32
  } -> tensor<5x5xf32>
  %es = tensor.empty() : tensor<2x5x5xf32>
  %ey = tensor.empty() : tensor<2x5x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x5x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %mask : tensor<2x5x5xf32>, tensor<5x5xf32>) outs(%es : tensor<2x5x5xf32>) {
  ^bb0(%in: f32, %m: f32, %o: f32):
    %0 = arith.addf %in, %m : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x5x5xf32>) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x5x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

// The same with more keys than queries hides other keys than `causal` does: it
// stays a mask.

// CHECK-LABEL: func @upper_part
// CHECK:         %[[MASK:.*]] = linalg.generic
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} mask %[[MASK]] scale 1.000000e+00 :
#all = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @upper_part(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -3.40282347E+38 : f32
  %em = tensor.empty() : tensor<4x5xf32>
  %mask = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%em : tensor<4x5xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %m = arith.select %isLater, %hidden, %zero : f32
    linalg.yield %m : f32
  } -> tensor<4x5xf32>
  %es = tensor.empty() : tensor<2x4x5xf32>
  %ey = tensor.empty() : tensor<2x4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %mask : tensor<2x4x5xf32>, tensor<4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%in: f32, %m: f32, %o: f32):
    %0 = arith.addf %in, %m : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// A choice whose condition says what is hidden; the condition is of places, or
// a triangle of ones that is compared, inverted, or both.

// CHECK-LABEL: func @later_hidden
// CHECK-NOT:     linalg.index
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 causal
// CHECK-SAME:      -> tensor<2x5x8xf32>
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @later_hidden(%q: tensor<2x5x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>) -> tensor<2x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -3.40282347E+38 : f32
  %es = tensor.empty() : tensor<2x5x5xf32>
  %ey = tensor.empty() : tensor<2x5x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x5x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x5x5xf32>) outs(%es : tensor<2x5x5xf32>) {
  ^bb0(%in: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %0 = arith.select %isLater, %hidden, %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x5x5xf32>) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x5x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

// CHECK-LABEL: func @triangle_of_ones
// CHECK-NOT:     linalg.index
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 causal
// CHECK-SAME:      -> tensor<2x5x8xf32>
#all = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
#matrix = affine_map<(i, j) -> (i, j)>
func.func @triangle_of_ones(%q: tensor<2x5x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>) -> tensor<2x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %large = arith.constant -1.0e+9 : f32
  %true = arith.constant true
  %em = tensor.empty() : tensor<5x5xf32>
  %triangle = linalg.generic {indexing_maps = [#matrix], iterator_types = ["parallel", "parallel"]}
      outs(%em : tensor<5x5xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %isLater = arith.cmpi sgt, %j, %i : index
    %isSeen = arith.xori %isLater, %true : i1
    %m = arith.select %isSeen, %one, %zero : f32
    linalg.yield %m : f32
  } -> tensor<5x5xf32>
  %es = tensor.empty() : tensor<2x5x5xf32>
  %ey = tensor.empty() : tensor<2x5x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x5x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %triangle : tensor<2x5x5xf32>, tensor<5x5xf32>) outs(%es : tensor<2x5x5xf32>) {
  ^bb0(%in: f32, %m: f32, %o: f32):
    %inverse = arith.subf %one, %m : f32
    %addend = arith.mulf %inverse, %large : f32
    %0 = arith.addf %in, %addend : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x5x5xf32>) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x5x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

// A tensor that says what is hidden is a mask, whichever of both is meant.

// CHECK-LABEL: func @hides_where_true
// CHECK:         %[[HIDDEN:.*]] = arith.constant -1.000000e+09 : f32
// CHECK:         %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK:         linalg.generic
// CHECK:           arith.select %{{.*}}, %[[HIDDEN]], %[[ZERO]] : f32
// CHECK:         lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} scale 1.000000e+00 :
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @hides_where_true(%q: tensor<2x5x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %m: tensor<5xi1>) -> tensor<2x5x8xf32> {
  %zero = arith.constant 0.0 : f32
  %hidden = arith.constant -1.0e+9 : f32
  %es = tensor.empty() : tensor<2x5x5xf32>
  %ey = tensor.empty() : tensor<2x5x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x5x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %t = linalg.generic {indexing_maps = [#all, affine_map<(b, i, j) -> (j)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<2x5x5xf32>, tensor<5xi1>) outs(%es : tensor<2x5x5xf32>) {
  ^bb0(%in: f32, %c: i1, %o: f32):
    %0 = arith.select %c, %hidden, %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x5x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x5x5xf32>) outs(%es : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x5x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x5x8xf32>) -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}
