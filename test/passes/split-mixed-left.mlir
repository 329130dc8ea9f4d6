// RUN: quant-opt %s --lowbit-split-mixed --verify-diagnostics

#mixed = #lowbit.encoding<mixed<2 int<4>, 2 int<2>>>
lowbit.global @fc : !lowbit.tensor<4x4xf32, #mixed> {codes = dense<1> : tensor<6xi8>, scale = dense<1.0> : tensor<4x1xf16>, column_part = dense<5> : tensor<1xi8>}
func.func @gated(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<4x4xf32, #mixed>
  // expected-remark @+1 {{keeps what its weight has by column: its input is quantized elsewhere, or its rows are gated}}
  %y = lowbit.linear %x, %w activation silu gated : tensor<?x4xf32>, !lowbit.tensor<4x4xf32, #mixed> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
