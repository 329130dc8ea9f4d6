lowbit.global @fc : tensor<4x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, -8.0]]> : tensor<4x2xf32>}
func.func @main(%x: tensor<8x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @fc : tensor<4x2xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<8x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<8x2xf32>) -> tensor<8x2xf32>
  %act = linalg.map { math.tanh } ins(%y : tensor<8x2xf32>) outs(%init : tensor<8x2xf32>)
  return %act : tensor<8x2xf32>
}
