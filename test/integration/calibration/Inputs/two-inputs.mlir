// Two inputs, two layers.
lowbit.global @fc1 : tensor<4x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [0.5, 0.25, 0.125, 1.0], [1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 0.0, 1.0]]> : tensor<4x4xf32>}
lowbit.global @fc2 : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [0.5, 0.25, 0.125, 1.0]]> : tensor<2x4xf32>}
func.func @main(%a: tensor<1x?x4xf32> {lowbit.name = "a"}, %b: tensor<1x?x4xf32> {lowbit.name = "b"})
    -> (tensor<1x?x4xf32> {lowbit.name = "y"}, tensor<1x?x2xf32> {lowbit.name = "z"}) {
  %0 = lowbit.weight @fc1 : tensor<4x4xf32>
  %1 = lowbit.linear %a, %0 : tensor<1x?x4xf32>, tensor<4x4xf32> -> tensor<1x?x4xf32>
  %2 = lowbit.weight @fc2 : tensor<2x4xf32>
  %3 = lowbit.linear %b, %2 : tensor<1x?x4xf32>, tensor<2x4xf32> -> tensor<1x?x2xf32>
  return %1, %3 : tensor<1x?x4xf32>, tensor<1x?x2xf32>
}
