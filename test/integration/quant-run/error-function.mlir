// The error function, which activations are made of: to 6e-7 of it, from the smallest arguments to where it is 1, and never above.

// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; x = np.concatenate([np.linspace(-6, 6, 9001), np.linspace(3.5, 3.92, 9001), 10.0 ** np.linspace(-30, 0, 991), [-3.9192, 3.9192, 0.0, -0.0, np.inf, -np.inf, np.nan]]); np.save('%t/x.npy', x.astype('f'))"
// RUN: quant-run %s --input x=%t/x.npy --output y=%t/y.npy
// RUN: %python -c "import math, numpy as np; x, y = np.load('%t/x.npy'), np.load('%t/y.npy'); z = np.array([math.erf(v) for v in x]); \
// RUN:   print((abs(y - z) <= 6e-7 * abs(z))[:-1].all(), np.isnan(y[-1]), y[-3:-1], np.signbit(y[-5:-3]), abs(y[abs(x) > 4]).min(), np.nanmax(abs(y)) <= 1)" | FileCheck %s
// CHECK: True True [ 1. -1.] [False  True] 1.0 True

func.func @main(%x: tensor<?xf32> {lowbit.name = "x"}) -> (tensor<?xf32> {lowbit.name = "y"}) {
  %y = math.erf %x : tensor<?xf32>
  return %y : tensor<?xf32>
}
