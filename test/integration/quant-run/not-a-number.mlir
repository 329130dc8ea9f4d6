// A row with NaN or an infinity among its activations has no finite result, wherever they
// stand: in a segment that is whole or in the last one, which is short here. Others don't see it.

// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; x = np.random.default_rng(3).standard_normal((40, 150)).astype('f'); x[3, 5], x[9, 149], x[20, 40], x[30, 127] = np.nan, -np.nan, np.inf, -np.inf; x[7] = 0; np.save('%t/x.npy', x)"
// RUN: quant-opt %s --quantize=int4-g32 -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int4-g32.npy
// RUN: quant-opt %s --quantize=int4-g32-a8 -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int4-g32-a8.npy
// RUN: quant-opt %s --quantize=int8-a8 -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int8-a8.npy
// RUN: quant-opt %s --quantize=int8-a8-token -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int8-a8-token.npy
// RUN: quant-opt %s --quantize=int4-g16-dq4-a8-token -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int4-g16-dq4-a8-token.npy
// RUN: quant-opt %s --quantize=int4-g32-abf16 -o %t/m.mlir
// RUN: quant-run %t/m.mlir --input x=%t/x.npy --output y=%t/int4-g32-abf16.npy
// RUN: %python -c "import numpy as np; x = np.load('%t/x.npy'); bad = ~np.isfinite(x).all(1); [print(m, (np.isfinite(y).all(1) == ~bad).all(), (y[7] == 0).all(), abs(y - x.sum(1, keepdims=True) / 2)[~bad].max() < 1) for m in ['int4-g32', 'int4-g32-a8', 'int8-a8', 'int8-a8-token', 'int4-g16-dq4-a8-token', 'int4-g32-abf16'] for y in [np.load('%t/' + m + '.npy')]]" | FileCheck %s
// CHECK: int4-g32 True True True
// CHECK: int4-g32-a8 True True True
// CHECK: int8-a8 True True True
// CHECK: int8-a8-token True True True
// CHECK: int4-g16-dq4-a8-token True True True
// CHECK: int4-g32-abf16 True True True

lowbit.global @w : tensor<48x150xf32> {data = dense<5.000000e-01> : tensor<48x150xf32>}

func.func @main(%x: tensor<?x150xf32> {lowbit.name = "x"}) -> (tensor<?x48xf32> {lowbit.name = "y"}) {
  %w = lowbit.weight @w : tensor<48x150xf32>
  %y = lowbit.linear %x, %w : tensor<?x150xf32>, tensor<48x150xf32> -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}
