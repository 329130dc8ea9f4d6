// A layer whose codes overlap: shaders have no kernel for them, CPUs a layout that
// repeats codes.
#trellis = #lowbit.encoding<trellis<state = 12, rate = 2>, channel, scale = f16>
lowbit.global @w : !lowbit.tensor<64x64xf32, #trellis>
  {codes = dense<27> : tensor<1024xi8>, scale = dense<0.5> : tensor<64x1xf16>}
func.func @main(%x: tensor<2x64xf32> {lowbit.name = "x"}) -> (tensor<2x64xf32> {lowbit.name = "y"}) {
  %w = lowbit.weight @w : !lowbit.tensor<64x64xf32, #trellis>
  %y = lowbit.linear %x, %w : tensor<2x64xf32>, !lowbit.tensor<64x64xf32, #trellis> -> tensor<2x64xf32>
  return %y : tensor<2x64xf32>
}
