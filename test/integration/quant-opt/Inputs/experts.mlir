// A layer, and a product that is none: its weight differs between batches.
lowbit.global @fc : tensor<64x32xf32> {data = dense<0.5> : tensor<64x32xf32>}
lowbit.global @experts : tensor<3x32x32xf32> {data = dense<0.5> : tensor<3x32x32xf32>}
func.func @main(%x: tensor<3x?x64xf32>, %init: tensor<3x?x32xf32>) -> tensor<3x?x32xf32> {
  %w = lowbit.weight @fc : tensor<64x32xf32>
  %e = tensor.empty() : tensor<32x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x32xf32>) outs(%e : tensor<32x64xf32>) permutation = [1, 0]
  %h = lowbit.linear %x, %t : tensor<3x?x64xf32>, tensor<32x64xf32> -> tensor<3x?x32xf32>
  %v = lowbit.weight @experts : tensor<3x32x32xf32>
  %y = linalg.batch_matmul ins(%h, %v : tensor<3x?x32xf32>, tensor<3x32x32xf32>)
                           outs(%init : tensor<3x?x32xf32>) -> tensor<3x?x32xf32>
  return %y : tensor<3x?x32xf32>
}
