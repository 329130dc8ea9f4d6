// y = x W + r with W = 0.5 everywhere, and r itself.
lowbit.global @fc : tensor<64x32xf32> {data = dense<0.5> : tensor<64x32xf32>}
func.func @main(%x: tensor<?x64xf32> {lowbit.dims = ["rows", ""], lowbit.name = "x"},
                %r: tensor<?x32xf32> {lowbit.dims = ["rows", ""], lowbit.name = "the/residual"})
    -> (tensor<?x32xf32> {lowbit.dims = ["rows", ""], lowbit.name = "y"},
        tensor<?x32xf32> {lowbit.dims = ["rows", ""], lowbit.name = "class"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @fc : tensor<64x32xf32>
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %empty = tensor.empty(%rows) : tensor<?x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x32xf32>) -> tensor<?x32xf32>
  %p = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x32xf32>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.add ins(%p, %r : tensor<?x32xf32>, tensor<?x32xf32>) outs(%empty : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y, %r : tensor<?x32xf32>, tensor<?x32xf32>
}
