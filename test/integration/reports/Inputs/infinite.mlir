#int4 = #lowbit.encoding<int<4>, scale = f16>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = dense<[16, 50, 84, 118]> : tensor<4xi8>, scale = dense<[[0x7C00], [1.0]]> : tensor<2x1xf16>}
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
  %y = lowbit.linear %x, %w : tensor<1x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
