// Sums of groups of 32 columns are words of 16 bits that are multiplied by the integers that are
// their scales, all but 32 x -8 x -128: all codes are the least, and activations at the end of
// their range, of either sign. Scales are -8 of 1/8. Rows of activations: some that are computed
// together, and one.

// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; x = np.full((9, 512), -1000, 'f'); x[::2] = 1000; np.save('%t/x.npy', x)"
// RUN: quant-run %s --input x=%t/x.npy --output y=%t/y.npy
// RUN: %python -c "import numpy as np; y = np.load('%t/y.npy'); print(np.unique(y[::2]), np.unique(y[1::2]))" | FileCheck %s
// CHECK: [520192.] [-524288.]

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>

lowbit.global @w : !lowbit.tensor<48x512xf32, #int4> {codes = dense<0> : tensor<12288xi8>, scale = dense<0> : tensor<384xi8>, scale_scale = dense<1.250000e-01> : tensor<1x96xf16>}

func.func @main(%x: tensor<?x512xf32> {lowbit.name = "x"}) -> (tensor<?x48xf32> {lowbit.name = "y"}) {
  %w = lowbit.weight @w : !lowbit.tensor<48x512xf32, #int4>
  %q = lowbit.quantize %x scale 1.0 : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #a8>
  %y = lowbit.linear %q, %w : !lowbit.tensor<?x512xf32, #a8>, !lowbit.tensor<48x512xf32, #int4> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}
