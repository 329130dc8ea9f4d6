// What GPU kernels don't read stays dense, with the reason.

// RUN: quant-opt %s -verify-diagnostics -lowbit-set-gpu-target -lowbit-pack-weights -o /dev/null

#learned = #lowbit.encoding<learned<3, channel>, channel, scale = f16>
#pairs = #lowbit.encoding<codebook<dense<[[-1.0, 1.0], [1.0, 1.0]]> : tensor<2x2xf32>>, group = 32, scale = f16>

lowbit.global @l : !lowbit.tensor<1x32xf32, #learned> {
  codes = dense<0> : tensor<12xi8>, scale = dense<1.0> : tensor<1x1xf16>, table = dense<1> : tensor<1x8xi8>}
lowbit.global @p : !lowbit.tensor<1x32xf32, #pairs> {codes = dense<0> : tensor<2xi8>, scale = dense<1.0> : tensor<1x1xf16>}

func.func @learned(%x: tensor<1x32xf32>) -> tensor<1x1xf32> {
  %w = lowbit.weight @l : !lowbit.tensor<1x32xf32, #learned>
  // expected-remark @+1 {{stays dense: GPU kernels read plain scales and tables of the format; run lowbit-expand-weights first}}
  %y = lowbit.linear %x, %w : tensor<1x32xf32>, !lowbit.tensor<1x32xf32, #learned> -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

func.func @pairs(%x: tensor<1x32xf32>) -> tensor<1x1xf32> {
  %w = lowbit.weight @p : !lowbit.tensor<1x32xf32, #pairs>
  // expected-remark @+1 {{stays dense: GPU kernels read codes of 1 to 8 bits of one number each}}
  %y = lowbit.linear %x, %w : tensor<1x32xf32>, !lowbit.tensor<1x32xf32, #pairs> -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
