// A layer whose weights a logarithmic format holds exactly.
module attributes {lowbit.target = #acme.dsp<lanes = 2>} {
  lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 4.0, -8.0], [8.0, -4.0, 0.0, 1.0]]> : tensor<2x4xf32>}
  func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
    %w = lowbit.weight @fc : tensor<2x4xf32>
    %y = lowbit.linear %x, %w : tensor<1x4xf32>, tensor<2x4xf32> -> tensor<1x2xf32>
    return %y : tensor<1x2xf32>
  }
}
