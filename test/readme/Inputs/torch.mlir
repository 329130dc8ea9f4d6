#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#group = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#lhs = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#rhs = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#out = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
func.func @main(%x: tensor<8x2x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<[[[0, 1, 2, 3], [4, 5, 6, 7]], [[-8, -7, -6, -5], [-4, -3, -2, -1]]]> : tensor<2x2x4xi4>
  %scales = arith.constant dense<[[[0.5], [0.25]], [[2.0], [1.0]]]> : tensor<2x2x1xf32>
  %points = arith.constant dense<[[[8.0], [7.0]], [[0.0], [15.0]]]> : tensor<2x2x1xf32>
  %e = tensor.empty() : tensor<2x2x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #group, #group, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%codes, %scales, %points : tensor<2x2x4xi4>, tensor<2x2x1xf32>, tensor<2x2x1xf32>) outs(%e : tensor<2x2x4xf32>) {
  ^bb0(%code: i4, %scale: f32, %point: f32, %unused: f32):
    %0 = arith.extui %code : i4 to i32
    %1 = arith.uitofp %0 : i32 to f32
    %2 = arith.subf %1, %point : f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  } -> tensor<2x2x4xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<8x2x4xf32>, tensor<2x2x4xf32>) outs(%acc : tensor<8x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %sum : f32
    linalg.yield %1 : f32
  } -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}
