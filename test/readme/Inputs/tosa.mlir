func.func @main(%x: tensor<1x8x32xf32>) -> tensor<1x8x2xf32> {
  %zero = "tosa.const"() {values = dense<0.0> : tensor<1xf32>} : () -> tensor<1xf32>
  %data = "tosa.const"() {values = dense<1.5> : tensor<1x2x32xf4E2M1FN>} : () -> tensor<1x2x32xf4E2M1FN>
  %scale = "tosa.const"() {values = dense<[[[2.0], [0.5]]]> : tensor<1x2x1xf8E8M0FNU>} : () -> tensor<1x2x1xf8E8M0FNU>
  %w = tosa.cast_from_block_scaled %data, %scale {block_size = BLOCK_SIZE_32} : (tensor<1x2x32xf4E2M1FN>, tensor<1x2x1xf8E8M0FNU>) -> tensor<1x2x32xf32>
  %t = tosa.transpose %w {perms = array<i32: 0, 2, 1>} : (tensor<1x2x32xf32>) -> tensor<1x32x2xf32>
  %y = tosa.matmul %x, %t, %zero, %zero : (tensor<1x8x32xf32>, tensor<1x32x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x8x2xf32>
  %r = tosa.tanh %y : (tensor<1x8x2xf32>) -> tensor<1x8x2xf32>
  return %r : tensor<1x8x2xf32>
}
