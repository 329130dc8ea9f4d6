// One float layer: y = tanh(x W), W stored as [K, N].
lowbit.global @fc : tensor<4x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, -8.0]]> : tensor<4x2xf32>}
func.func @main(%x: tensor<?x4xf32> {lowbit.name = "x"}) -> (tensor<?x2xf32> {lowbit.name = "y"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x4xf32>
  %w = lowbit.weight @fc : tensor<4x2xf32>
  %empty = tensor.empty(%rows) : tensor<?x2xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x2xf32>) -> tensor<?x2xf32>
  %product = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<?x2xf32>) -> tensor<?x2xf32>
  %y = linalg.map { math.tanh } ins(%product : tensor<?x2xf32>) outs(%empty : tensor<?x2xf32>)
  return %y : tensor<?x2xf32>
}
