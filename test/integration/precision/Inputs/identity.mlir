func.func @main(%x: tensor<1x2x8xf32> {lowbit.name = "x"}) -> (tensor<1x2x8xf32> {lowbit.name = "y"}) {
  return %x : tensor<1x2x8xf32>
}
