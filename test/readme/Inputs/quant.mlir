!int4 = !quant.uniform<i4:f32:{0:1, 1:2}, {{0.5, 0.25:-1}, {2.0, 1.0}}>
func.func @main(%x: tensor<8x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<[[1, -2, 3, -4], [5, -6, 7, -8]]> : tensor<2x4xi4>
  %q = quant.scast %codes : tensor<2x4xi4> to tensor<2x4x!int4>
  %w = quant.dcast %q : tensor<2x4x!int4> to tensor<2x4xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x4xf32>) outs(%e : tensor<4x2xf32>) permutation = [1, 0]
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%x, %t : tensor<8x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}
