// RUN: quant-opt --lowbit-lower-to-linalg --verify-diagnostics --split-input-file %s

#int4 = #lowbit.encoding<int<4>>
#planes = #lowbit.planes<rows = 16, padding = 32>
!w = !lowbit.tensor<8x64xf32, #int4>
!p = !lowbit.tensor<8x64xf32, #int4, #planes>
func.func @pack(%w: !w) -> tensor<8x64xf32> {
  // expected-error @+1 {{requires a constant weight, whose bytes lowbit-pack-weights moves: the reference has no packing at run time}}
  %0 = lowbit.pack %w : !w -> !p
  %1 = lowbit.dequantize %0 : !p -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// -----

#int4 = #lowbit.encoding<int<4>>
#columns = #lowbit.tiles<8 by 1, 32, [(n8 : 4, b4 : 1)], column_major>
!w = !lowbit.tensor<?x64xf32, #int4, #columns>
func.func @column_major(%w: !w) -> tensor<?x64xf32> {
  // expected-error @+1 {{requires static dimensions or a layout of row-major blocks in the reference lowering, found '!lowbit.tensor<?x64xf32}}
  %0 = lowbit.dequantize %w : !w -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

#a8 = #lowbit.encoding<int<8>>
#planes = #lowbit.planes<rows = 16, padding = 32>
!q = !lowbit.tensor<8x64xf32, #a8, #planes>
func.func @packed_activation(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @+1 {{requires a dense result with columns in their own order in the reference lowering}}
  %0 = lowbit.quantize %x : tensor<8x64xf32> -> !q
  %1 = lowbit.dequantize %0 : !q -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}
