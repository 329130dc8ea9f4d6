func.func @main(%a: tensor<1x4xf32> {lowbit.name = "a"}) -> (tensor<1x4xf32> {lowbit.name = "y"}) {
  return %a : tensor<1x4xf32>
}
