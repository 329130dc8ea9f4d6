// RUN: quant-opt %s --lowbit-smooth-inputs=only-folds --split-input-file --verify-diagnostics

// What factors of columns can't pass. Without only-folds these inputs would be
// multiplied when the model runs.

// An argument, and a value that is returned, too.

lowbit.global @up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @down : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %u = lowbit.weight @up : tensor<4x4xf32>
  %d = lowbit.weight @down : tensor<4x4xf32>
  // expected-remark @+1 {{'up' and what shares its input keep their columns: its input is an argument}}
  %0 = lowbit.linear %x, %u : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  // expected-remark @+1 {{'down' and what shares its input keep their columns: its input has other readers}}
  %1 = lowbit.linear %0, %d : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %0, %1 : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// Rows of several tensors.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<16x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = tensor.concat dim(0) %x, %x : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<16x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: factors can't pass 'tensor.concat'}}
  %y = lowbit.linear %0, %w : tensor<16x4xf32>, tensor<4x4xf32> -> tensor<16x4xf32>
  return %y : tensor<16x4xf32>
}

// -----

// Columns that are rows before.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8xf32>) -> tensor<2x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = tensor.expand_shape %x [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its columns are mixed with rows by a reshape}}
  %y = lowbit.linear %0, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Columns in another order than in memory.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}
func.func @main(%x: tensor<8x8xf32>) -> tensor<8x4xf32> {
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %e = tensor.empty() : tensor<8x2x4xf32>
  %a = tensor.expand_shape %x [[0], [1, 2]] output_shape [8, 4, 2] : tensor<8x8xf32> into tensor<8x4x2xf32>
  %t = linalg.transpose ins(%a : tensor<8x4x2xf32>) outs(%e : tensor<8x2x4xf32>) permutation = [0, 2, 1]
  %0 = tensor.collapse_shape %t [[0], [1, 2]] : tensor<8x2x4xf32> into tensor<8x8xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its columns are reshaped in another order}}
  %y = lowbit.linear %0, %w : tensor<8x8xf32>, tensor<4x8xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A part of the rows.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = tensor.extract_slice %x[0, 0] [2, 4] [1, 1] : tensor<8x4xf32> to tensor<2x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its columns are cut in a way that mixes them with rows}}
  %y = lowbit.linear %0, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Columns that are positions of attention.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x32xf32> {data = dense<1.0> : tensor<4x32xf32>}
func.func @main(%q: tensor<1x2x8x4xf32>) -> tensor<1x2x4xf32> {
  %w = lowbit.weight @fc : tensor<4x32xf32>
  %a = lowbit.attention %q, %q, %q scale 1.0 : tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32> -> tensor<1x2x8x4xf32>
  %0 = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<1x2x8x4xf32> into tensor<1x2x32xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: attention mixes what its columns are made of}}
  %y = lowbit.linear %0, %w : tensor<1x2x32xf32>, tensor<4x32xf32> -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// An activation in between.

lowbit.global @up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @down : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %u = lowbit.weight @up : tensor<4x4xf32>
  %d = lowbit.weight @down : tensor<4x4xf32>
  // expected-remark @+1 {{'up' and what shares its input keep their columns: its input is an argument}}
  %0 = lowbit.linear %x, %u activation tanh : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  // expected-remark @+1 {{'down' and what shares its input keep their columns: the layer before has an activation, gate or residual}}
  %1 = lowbit.linear %0, %d : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}

// -----

// A quotient whose numerator is one number per row.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>, %s: tensor<8xf32>) -> tensor<8x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%s, %x : tensor<8xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: what decides its magnitude has no columns}}
  %y = lowbit.linear %0, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// Sums of indices.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<11x4xf32>) -> tensor<8x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 + d1, d1)>, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<11x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = arith.negf %a : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its input is indexed by sums}}
  %y = lowbit.linear %0, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A constant that differs by row.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %c = arith.constant dense<2.0> : tensor<8x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = arith.negf %a : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: what is multiplied or added is no constant vector of columns}}
  %y = lowbit.linear %0, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A square.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = arith.mulf %a, %a : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  // expected-remark @+1 {{'fc' and what shares its input keep their columns: its input is not linear in what it is computed from}}
  %y = lowbit.linear %0, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
