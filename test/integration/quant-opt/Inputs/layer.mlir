lowbit.global @fc : tensor<32x64xf32> {data = dense<0.5> : tensor<32x64xf32>}
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
  %w = lowbit.weight @fc : tensor<32x64xf32>
  %y = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
