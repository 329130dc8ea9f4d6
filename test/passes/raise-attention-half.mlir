// RUN: quant-opt %s --lowbit-raise-attention --canonicalize --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-raise-attention=report --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORT

// Attention of 16 bits: operands are widened, the result is what the product
// had, and roundings between the operators are left out.

// Everything in f16, each operator's result rounded: the scale is a root that
// folders leave, and the mask of one column for each key is f16, too.

// CHECK-LABEL: func @rounded
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x?x16xf16>, %[[K:[a-z0-9]+]]: tensor<2x?x16xf16>, %[[V:[a-z0-9]+]]: tensor<2x?x8xf16>
// CHECK-SAME:    %[[M:[a-z0-9]+]]: tensor<1x?xf16>
// CHECK-DAG:     %[[QW:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<2x?x16xf16>) outs(%{{.*}} : tensor<2x?x16xf32>)
// CHECK-DAG:     %[[KW:.*]] = linalg.generic {{.*}} ins(%[[K]] : tensor<2x?x16xf16>) outs(%{{.*}} : tensor<2x?x16xf32>)
// CHECK-DAG:     %[[VW:.*]] = linalg.generic {{.*}} ins(%[[V]] : tensor<2x?x8xf16>) outs(%{{.*}} : tensor<2x?x8xf32>)
// CHECK-DAG:     %[[MW:.*]] = linalg.generic {{.*}} ins(%[[M]] : tensor<1x?xf16>)
// CHECK:         %[[Y:.*]] = lowbit.attention %[[QW]], %[[KW]], %[[VW]] mask %{{.*}} scale 0.408293456 :
// CHECK-SAME:      mask tensor<1x?xf32> -> tensor<2x?x8xf32>
// CHECK:         arith.truncf %{{.*}} : f32 to f16
// REPORT-NOT: remark
#all = affine_map<(h, i, j) -> (h, i, j)>
#rows = affine_map<(h, i, j) -> (h, i)>
#matrix = affine_map<(h, i) -> (h, i)>
#mask = affine_map<(h, i, j) -> (0, j)>
#none = affine_map<(h, i, j) -> ()>
#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
#p = affine_map<(h, i, e, j) -> (h, i, j)>
#v = affine_map<(h, i, e, j) -> (h, j, e)>
#y = affine_map<(h, i, e, j) -> (h, i, e)>
func.func @rounded(%q: tensor<2x?x16xf16>, %k: tensor<2x?x16xf16>, %v: tensor<2x?x8xf16>, %m: tensor<1x?xf16>,
                   %es: tensor<2x?x?xf16>, %er: tensor<2x?xf16>, %ws: tensor<2x?x?xf32>, %wr: tensor<2x?xf32>,
                   %wy: tensor<2x?x8xf32>, %ey: tensor<2x?x8xf16>) -> tensor<2x?x8xf16> {
  %zero = arith.constant 0.0 : f32
  %six = arith.constant 6.0 : f16
  %lowest = arith.constant 0xFC00 : f16
  %root = math.sqrt %six : f16
  %scale = tensor.from_elements %root : tensor<f16>
  %zs = linalg.fill ins(%zero : f32) outs(%ws : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x?x16xf16>, tensor<2x?x16xf16>) outs(%zs : tensor<2x?x?xf32>) {
  ^bb0(%a: f16, %b: f16, %o: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x?x?xf32>
  %h = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x?x?xf32>) outs(%es : tensor<2x?x?xf16>) {
  ^bb0(%in: f32, %o: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  } -> tensor<2x?x?xf16>
  %t = linalg.generic {indexing_maps = [#all, #none, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h, %scale, %m : tensor<2x?x?xf16>, tensor<f16>, tensor<1x?xf16>) outs(%es : tensor<2x?x?xf16>) {
  ^bb0(%in: f16, %by: f16, %add: f16, %o: f16):
    %0 = arith.divf %in, %by : f16
    %1 = arith.addf %0, %add : f16
    linalg.yield %1 : f16
  } -> tensor<2x?x?xf16>
  %zl = linalg.fill ins(%lowest : f16) outs(%er : tensor<2x?xf16>) -> tensor<2x?xf16>
  %l = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%t : tensor<2x?x?xf16>) outs(%zl : tensor<2x?xf16>) {
  ^bb0(%in: f16, %o: f16):
    %0 = arith.maxnumf %in, %o : f16
    linalg.yield %0 : f16
  } -> tensor<2x?xf16>
  %x = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t, %l : tensor<2x?x?xf16>, tensor<2x?xf16>) outs(%es : tensor<2x?x?xf16>) {
  ^bb0(%in: f16, %most: f16, %o: f16):
    %0 = arith.subf %in, %most : f16
    %1 = math.exp %0 : f16
    linalg.yield %1 : f16
  } -> tensor<2x?x?xf16>
  %zr = linalg.fill ins(%zero : f32) outs(%wr : tensor<2x?xf32>) -> tensor<2x?xf32>
  %sums = linalg.generic {indexing_maps = [#all, #rows], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x?x?xf16>) outs(%zr : tensor<2x?xf32>) {
  ^bb0(%in: f16, %o: f32):
    %0 = arith.extf %in : f16 to f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x?xf32>
  %sum = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%sums : tensor<2x?xf32>) outs(%er : tensor<2x?xf16>) {
  ^bb0(%in: f32, %o: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  } -> tensor<2x?xf16>
  %w = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %sum : tensor<2x?x?xf16>, tensor<2x?xf16>) outs(%es : tensor<2x?x?xf16>) {
  ^bb0(%in: f16, %by: f16, %o: f16):
    %0 = arith.divf %in, %by : f16
    linalg.yield %0 : f16
  } -> tensor<2x?x?xf16>
  %zy = linalg.fill ins(%zero : f32) outs(%wy : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  %y = linalg.generic {indexing_maps = [#p, #v, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<2x?x?xf16>, tensor<2x?x8xf16>) outs(%zy : tensor<2x?x8xf32>) {
  ^bb0(%a: f16, %b: f16, %o: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x?x8xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y : tensor<2x?x8xf32>) outs(%ey : tensor<2x?x8xf16>) {
  ^bb0(%in: f32, %o: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  } -> tensor<2x?x8xf16>
  return %r : tensor<2x?x8xf16>
}

// -----

// Products in bf16 around a softmax in f32, heads of keys and values repeated:
// those that are widened are the few.

// CHECK-LABEL: func @wide_softmax
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<4x3x8xbf16>, %[[K:[a-z0-9]+]]: tensor<2x5x8xbf16>, %[[V:[a-z0-9]+]]: tensor<2x5x8xbf16>
// CHECK-DAG:     %[[QW:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<4x3x8xbf16>)
// CHECK-DAG:     %[[KW:.*]] = linalg.generic {{.*}} ins(%[[K]] : tensor<2x5x8xbf16>)
// CHECK-DAG:     %[[VW:.*]] = linalg.generic {{.*}} ins(%[[V]] : tensor<2x5x8xbf16>)
// CHECK:         %[[Y:.*]] = lowbit.attention %[[QW]], %[[KW]], %[[VW]] scale 5.000000e-01
// CHECK-SAME:      : tensor<4x3x8xf32>, tensor<2x5x8xf32>, tensor<2x5x8xf32> -> tensor<4x3x8xf32>
// CHECK:         linalg.generic {{.*}} ins(%[[Y]] : tensor<4x3x8xf32>) outs(%{{.*}} : tensor<4x3x8xbf16>)
#all = affine_map<(h, i, j) -> (h, i, j)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#q = affine_map<(h, i, j, d) -> (h, i, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
func.func @wide_softmax(%q: tensor<4x3x8xbf16>, %k: tensor<2x5x8xbf16>, %v: tensor<2x5x8xbf16>,
                        %er: tensor<2x2x5x8xbf16>, %es: tensor<4x3x5xbf16>, %ws: tensor<4x3x5xf32>,
                        %ey: tensor<4x3x8xbf16>) -> tensor<4x3x8xbf16> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : bf16
  %none = arith.constant 0.0 : bf16
  %bk = linalg.broadcast ins(%k : tensor<2x5x8xbf16>) outs(%er : tensor<2x2x5x8xbf16>) dimensions = [1]
  %bv = linalg.broadcast ins(%v : tensor<2x5x8xbf16>) outs(%er : tensor<2x2x5x8xbf16>) dimensions = [1]
  %rk = tensor.collapse_shape %bk [[0, 1], [2], [3]] : tensor<2x2x5x8xbf16> into tensor<4x5x8xbf16>
  %rv = tensor.collapse_shape %bv [[0, 1], [2], [3]] : tensor<2x2x5x8xbf16> into tensor<4x5x8xbf16>
  %zs = linalg.fill ins(%zero : f32) outs(%ws : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %rk : tensor<4x3x8xbf16>, tensor<4x5x8xbf16>) outs(%zs : tensor<4x3x5xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<4x3x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<4x3x5xf32>) outs(%ws : tensor<4x3x5xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.truncf %in : f32 to bf16
    %1 = arith.mulf %0, %half : bf16
    %2 = arith.extf %1 : bf16 to f32
    linalg.yield %2 : f32
  } -> tensor<4x3x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<4x3x5xf32>) outs(%ws : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %w = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p : tensor<4x3x5xf32>) outs(%es : tensor<4x3x5xbf16>) {
  ^bb0(%in: f32, %o: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<4x3x5xbf16>
  %zy = linalg.fill ins(%none : bf16) outs(%ey : tensor<4x3x8xbf16>) -> tensor<4x3x8xbf16>
  %y = linalg.batch_matmul ins(%w, %rv : tensor<4x3x5xbf16>, tensor<4x5x8xbf16>) outs(%zy : tensor<4x3x8xbf16>) -> tensor<4x3x8xbf16>
  return %y : tensor<4x3x8xbf16>
}

// -----

// Scores of 8 bits are a quantization that attention doesn't have.

// CHECK-LABEL: func @narrow
// CHECK-NOT:     lowbit.attention
// REPORT: remark: attention is left: the scores go through 'arith.truncf'
#all = affine_map<(h, i, j) -> (h, i, j)>
func.func @narrow(%q: tensor<4x3x8xf32>, %k: tensor<4x8x5xf32>, %v: tensor<4x5x8xf32>, %es: tensor<4x3x5xf32>,
                  %ey: tensor<4x3x8xf32>) -> tensor<4x3x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<4x3x8xf32>, tensor<4x8x5xf32>) outs(%zs : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<4x3x5xf32>) outs(%es : tensor<4x3x5xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.truncf %in : f32 to f8E4M3FN
    %1 = arith.extf %0 : f8E4M3FN to f32
    linalg.yield %1 : f32
  } -> tensor<4x3x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<4x3x5xf32>) outs(%es : tensor<4x3x5xf32>) -> tensor<4x3x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<4x3x8xf32>) -> tensor<4x3x8xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<4x3x5xf32>, tensor<4x5x8xf32>) outs(%zy : tensor<4x3x8xf32>) -> tensor<4x3x8xf32>
  return %y : tensor<4x3x8xf32>
}
