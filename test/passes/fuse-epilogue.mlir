// RUN: quant-opt %s --lowbit-fuse-epilogue --split-input-file | FileCheck %s

// The example of the pass: a bias in one op, a silu in another.

#id = affine_map<(i, j) -> (i, j)>
#last = affine_map<(i, j) -> (j)>

// CHECK-LABEL: func @bias_and_silu
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x64xf32>, %[[W:[a-z0-9]+]]: tensor<256x64xf32>, %[[B:[a-z0-9]+]]: tensor<256xf32>
func.func @bias_and_silu(%x: tensor<?x64xf32>, %w: tensor<256x64xf32>, %b: tensor<256xf32>, %e: tensor<?x256xf32>) -> tensor<?x256xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] bias %[[B]] activation silu
  // CHECK-NEXT: return %[[Y]]
  %one = arith.constant 1.0 : f32
  %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<256x64xf32> -> tensor<?x256xf32>
  %1 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b : tensor<?x256xf32>, tensor<256xf32>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %sum = arith.addf %in, %bias : f32
    linalg.yield %sum : f32
  } -> tensor<?x256xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<?x256xf32>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%in: f32, %out: f32):
    %negated = arith.negf %in : f32
    %exp = math.exp %negated : f32
    %denominator = arith.addf %exp, %one : f32
    %silu = arith.divf %in, %denominator : f32
    linalg.yield %silu : f32
  } -> tensor<?x256xf32>
  return %2 : tensor<?x256xf32>
}

// -----

// Gelu as ONNX exporters write it: five ops of one scalar operation each, then
// the residual. Extents that are asked of the layer are its input's.

// CHECK-LABEL: func @gelu_in_five_ops
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x?x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[R:[a-z0-9]+]]: tensor<1x?x8xf32>
func.func @gelu_in_five_ops(%x: tensor<1x?x4xf32>, %w: tensor<8x4xf32>, %r: tensor<1x?x8xf32>) -> tensor<1x?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] activation gelu residual %[[R]]
  // CHECK-NEXT: return %[[Y]]
  %c1 = arith.constant 1 : index
  %root = arith.constant dense<1.41421354> : tensor<1x1x8xf32>
  %0 = lowbit.linear %x, %w : tensor<1x?x4xf32>, tensor<8x4xf32> -> tensor<1x?x8xf32>
  %s = tensor.dim %0, %c1 : tensor<1x?x8xf32>
  %e = tensor.empty(%s) : tensor<1x?x8xf32>
  %div = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (0, 0, c)>, affine_map<(a, b, c) -> (a, b, c)>],
                         iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %root : tensor<1x?x8xf32>, tensor<1x1x8xf32>) outs(%e : tensor<1x?x8xf32>) {
  ^bb0(%in: f32, %k: f32, %out: f32):
    %q = arith.divf %in, %k : f32
    linalg.yield %q : f32
  } -> tensor<1x?x8xf32>
  %erf = linalg.erf ins(%div : tensor<1x?x8xf32>) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %one = arith.constant 1.0 : f32
  %ones = linalg.fill ins(%one : f32) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %add = linalg.add ins(%erf, %ones : tensor<1x?x8xf32>, tensor<1x?x8xf32>) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %mul = linalg.mul ins(%0, %add : tensor<1x?x8xf32>, tensor<1x?x8xf32>) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %half = arith.constant 0.5 : f32
  %halves = linalg.fill ins(%half : f32) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %gelu = linalg.mul ins(%mul, %halves : tensor<1x?x8xf32>, tensor<1x?x8xf32>) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  %sum = linalg.add ins(%r, %gelu : tensor<1x?x8xf32>, tensor<1x?x8xf32>) outs(%e : tensor<1x?x8xf32>) -> tensor<1x?x8xf32>
  return %sum : tensor<1x?x8xf32>
}

// -----

// From an op that computes more, only the layer's part is taken: here the gate
// of a SwiGLU. Its product with the other branch stays.

#id = affine_map<(i, j) -> (i, j)>
#last = affine_map<(i, j) -> (j)>

// CHECK-LABEL: func @gate
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>, %[[UP:[a-z0-9]+]]: tensor<?x8xf32>
func.func @gate(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>, %up: tensor<?x8xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] bias %[[B]] activation silu
  // CHECK: linalg.generic {{.*}} ins(%[[UP]], %[[Y]] : tensor<?x8xf32>, tensor<?x8xf32>)
  // CHECK-NEXT: ^bb0(%[[U:.*]]: f32, %[[G:.*]]: f32, %{{.*}}: f32):
  // CHECK-NEXT:   %[[P:.*]] = arith.mulf %[[G]], %[[U]]
  // CHECK-NEXT:   linalg.yield %[[P]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #last, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b, %up : tensor<?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %bias: f32, %u: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %sum = arith.addf %bias, %in : f32
    %n = arith.negf %sum : f32
    %exp = math.exp %n : f32
    %d = arith.addf %exp, %one : f32
    %sigmoid = arith.divf %one, %d : f32
    %silu = arith.mulf %sum, %sigmoid : f32
    %p = arith.mulf %silu, %u : f32
    linalg.yield %p : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// A bias may come as a residual that repeats one row (ONNX Gemm), as a row of
// unit dimensions, or through a broadcast.

// CHECK-LABEL: func @shapes_of_a_bias
// CHECK-SAME:    %[[B:[a-z0-9]+]]: tensor<8xf32>, %[[ROW:[a-z0-9]+]]: tensor<1x8xf32>
func.func @shapes_of_a_bias(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>, %row: tensor<1x8xf32>, %e: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} bias %[[B]] :
  %many = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<?x8xf32>) dimensions = [0]
  %0 = lowbit.linear %x, %w residual %many : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  // CHECK: %[[VECTOR:.*]] = tensor.collapse_shape %[[ROW]] {{\[}}[0, 1]] : tensor<1x8xf32> into tensor<8xf32>
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} bias %[[VECTOR]] :
  %1 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%1, %row : tensor<?x8xf32>, tensor<1x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %sum = arith.addf %in, %bias : f32
    linalg.yield %sum : f32
  } -> tensor<?x8xf32>
  return %0, %2 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// What is used elsewhere is not absorbed, and an op that isn't absorbed is left
// as it was.

// CHECK-LABEL: func @other_uses
func.func @other_uses(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %r: tensor<?x8xf32>, %e: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: %[[T:.*]] = linalg.tanh ins(%[[Y]]
  // CHECK: return %[[Y]], %[[T]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.tanh ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// After a residual an activation can't be absorbed any more: it would come
// before the sum.

// CHECK-LABEL: func @activation_after_residual
func.func @activation_after_residual(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %r: tensor<?x8xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} residual %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.tanh ins(%[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.add ins(%0, %r : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = linalg.tanh ins(%1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// -----

// Loops of extent 1 that a layer lacks and its users have: it takes them, so
// that the residual fits.

#rows = affine_map<(b, i, j) -> (i, j)>
#all = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @unit_loops
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x?x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[R:[a-z0-9]+]]: tensor<1x?x8xf32>
func.func @unit_loops(%x: tensor<1x?x4xf32>, %w: tensor<8x4xf32>, %r: tensor<1x?x8xf32>, %e: tensor<1x?x8xf32>) -> tensor<1x?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] residual %[[R]] : tensor<1x?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x?x4xf32> into tensor<?x4xf32>
  %1 = lowbit.linear %0, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %2 = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %1 : tensor<1x?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<1x?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<1x?x8xf32>
  return %2 : tensor<1x?x8xf32>
}

// -----

// A layer outside of a loop is not pulled into it.

// CHECK-LABEL: func @user_in_a_loop
func.func @user_in_a_loop(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %r: tensor<?x8xf32>, %e: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: scf.for
  // CHECK: linalg.add
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %r) -> tensor<?x8xf32> {
    %2 = linalg.add ins(%0, %s : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    scf.yield %2 : tensor<?x8xf32>
  }
  return %1 : tensor<?x8xf32>
}

// -----

// Channels first, as convolutions have it, with extents that aren't known: the
// transposition goes behind all that the layer absorbs.

#all = affine_map<(n, f, h) -> (n, f, h)>
#filters = affine_map<(n, f, h) -> (f)>

// CHECK-LABEL: func @channels_first
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x?x12xf32>, %[[W:[a-z0-9]+]]: tensor<16x12xf32>, %[[B:[a-z0-9]+]]: tensor<16xf32>
func.func @channels_first(%x: tensor<?x?x12xf32>, %w: tensor<16x12xf32>, %b: tensor<16xf32>, %e: tensor<?x16x?xf32>) -> tensor<?x16x?xf32> {
  // CHECK: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]] bias %[[B]] activation relu
  // CHECK: linalg.transpose ins(%[[Y]] : tensor<?x?x16xf32>) {{.*}} permutation = [0, 2, 1]
  %zero = arith.constant 0.0 : f32
  %0 = lowbit.linear %x, %w : tensor<?x?x12xf32>, tensor<16x12xf32> -> tensor<?x?x16xf32>
  %1 = linalg.transpose ins(%0 : tensor<?x?x16xf32>) outs(%e : tensor<?x16x?xf32>) permutation = [0, 2, 1]
  %2 = linalg.generic {indexing_maps = [#all, #filters, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%1, %b : tensor<?x16x?xf32>, tensor<16xf32>) outs(%e : tensor<?x16x?xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %sum = arith.addf %in, %bias : f32
    linalg.yield %sum : f32
  } -> tensor<?x16x?xf32>
  %3 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%2 : tensor<?x16x?xf32>) outs(%e : tensor<?x16x?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %relu = arith.maximumf %in, %zero : f32
    linalg.yield %relu : f32
  } -> tensor<?x16x?xf32>
  return %3 : tensor<?x16x?xf32>
}
