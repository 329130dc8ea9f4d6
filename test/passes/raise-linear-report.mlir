// RUN: quant-opt %s --lowbit-raise-linear=report --split-input-file --verify-diagnostics

// What is left is told by the weight's name, with the reason.

lowbit.global @experts : tensor<3x4x8xf32> {data = dense<0.5> : tensor<3x4x8xf32>}

func.func @weight_per_batch(%x: tensor<3x?x4xf32>, %y: tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
  %w = lowbit.weight @experts : tensor<3x4x8xf32>
  // expected-remark @below {{product with @experts is left: the weight differs between batches}}
  %0 = linalg.batch_matmul ins(%x, %w : tensor<3x?x4xf32>, tensor<3x4x8xf32>)
                           outs(%y : tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
  return %0 : tensor<3x?x8xf32>
}

// -----

lowbit.global @w : tensor<4x8xf32> {data = dense<0.5> : tensor<4x8xf32>}

func.func @weight_is_computed(%x: tensor<?x4xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = lowbit.weight @w : tensor<4x8xf32>
  %v = arith.negf %w : tensor<4x8xf32>
  // expected-remark @below {{product with @w is left: the weight is computed from constants; fold them in the model}}
  %0 = linalg.matmul ins(%x, %v : tensor<?x4xf32>, tensor<4x8xf32>)
                     outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Attention's factors are no weights, nor is what both come from constants.

lowbit.global @w : tensor<4x8xf32> {data = dense<0.5> : tensor<4x8xf32>}

func.func @no_weight(%x: tensor<4x8xf32>, %y: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %w = lowbit.weight @w : tensor<4x8xf32>
  %u = arith.negf %w : tensor<4x8xf32>
  %v = arith.mulf %x, %w : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %v : tensor<4x8xf32>, tensor<4x8xf32>) outs(%y : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%u, %u : tensor<4x8xf32>, tensor<4x8xf32>) outs(%y : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

#x = affine_map<(m, k) -> (m, k)>
#w = affine_map<(m, k) -> (k)>
#y = affine_map<(m, k) -> (m)>
func.func @weight_is_vector(%x: tensor<?x4xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %w = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  // expected-remark @below {{product with a constant is left: the weight is no matrix}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<?x4xf32>, tensor<4xf32>) outs(%y : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

#x = affine_map<(m, n, k, l) -> (m, k, l)>
#w = affine_map<(m, n, k, l) -> (n, k)>
#y = affine_map<(m, n, k, l) -> (m, n)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

func.func @input_summed(%x: tensor<?x4x3xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = lowbit.weight @w : tensor<8x4xf32>
  // expected-remark @below {{product with @w is left: the input alone is summed over a dimension}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<?x4x3xf32>, tensor<8x4xf32>) outs(%y : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n, 0)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

func.func @place_without_loop(%x: tensor<?x4xf32>, %y: tensor<?x8x1xf32>) -> tensor<?x8x1xf32> {
  %w = lowbit.weight @w : tensor<8x4xf32>
  // expected-remark @below {{product with @w is left: the result has a dimension that no loop runs with}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x4xf32>, tensor<8x4xf32>) outs(%y : tensor<?x8x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x8x1xf32>
  return %0 : tensor<?x8x1xf32>
}

// -----

#x = affine_map<(m, r, n, k) -> (m, k)>
#w = affine_map<(m, r, n, k) -> (n, k)>
#y = affine_map<(m, r, n, k) -> (m, r, n)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

func.func @repeated(%x: tensor<?x4xf32>, %y: tensor<?x3x8xf32>) -> tensor<?x3x8xf32> {
  %w = lowbit.weight @w : tensor<8x4xf32>
  // expected-remark @below {{product with @w is left: a dimension of the result is in neither operand}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x4xf32>, tensor<8x4xf32>) outs(%y : tensor<?x3x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x3x8xf32>
  return %0 : tensor<?x3x8xf32>
}

// -----

#x = affine_map<(m, n, k) -> (m, n)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

func.func @weight_summed(%x: tensor<?x8xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %w = lowbit.weight @w : tensor<8x4xf32>
  // expected-remark @below {{product with @w is left: the weight alone is summed over a dimension}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<?x8xf32>, tensor<8x4xf32>) outs(%y : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

#x = affine_map<(m, n, k) -> (0, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
lowbit.global @w : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

func.func @one_row(%x: tensor<1x4xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = lowbit.weight @w : tensor<8x4xf32>
  // expected-remark @below {{product with @w is left: the input is broadcast by a constant index}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x4xf32>, tensor<8x4xf32>) outs(%y : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

lowbit.global @w : tensor<4x8xf32> {data = dense<0.5> : tensor<4x8xf32>}

func.func @dynamic(%x: tensor<?x4xf32>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %w = lowbit.weight @w : tensor<4x8xf32>
  %v = tensor.cast %w : tensor<4x8xf32> to tensor<4x?xf32>
  // expected-remark @below {{product with @w is left: the constant has a dynamic shape}}
  %0 = linalg.matmul ins(%x, %v : tensor<?x4xf32>, tensor<4x?xf32>) outs(%y : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
