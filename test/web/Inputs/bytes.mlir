// Computes with floats of 8 bits, which code has no form for.
func.func @main(%x: tensor<4x8xf8E4M3FN> {lowbit.name = "x"}) -> (tensor<4x8xf32> {lowbit.name = "y"}) {
  %0 = arith.extf %x : tensor<4x8xf8E4M3FN> to tensor<4x8xf32>
  %1 = arith.addf %0, %0 : tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
