// Arithmetic on whole tensors: shaders, and the WebAssembly beside them, give the
// same.

// REQUIRES: webgpu, wasm
// RUN: rm -rf %t && mkdir %t
// RUN: %python -c "import numpy as np; np.save('%t/x.npy', np.random.default_rng(3).standard_normal((3, 5)).astype('f'))"
// RUN: quant-opt %s --target=webgpu -o %t/m.webgpu.js
// RUN: %dawn %S/harness/run_module.mjs %t/m.webgpu.js --input x=%t/x.npy --output y=%t/gpu.npy
// RUN: node %S/harness/run_module.mjs %t/m.webgpu.js --backend wasm --input x=%t/x.npy --output y=%t/wasm.npy
// RUN: quant-run %s --input x=%t/x.npy --compare y=%t/gpu.npy --tolerance=1e-4
// RUN: quant-run %s --input x=%t/x.npy --compare y=%t/wasm.npy --tolerance=1e-4
// RUN: %python -c "import numpy as np; x, y = np.load('%t/x.npy'), np.load('%t/gpu.npy'); print(abs(np.where(x > 0, np.tanh(x), x * x) - y).max() < 1e-5)" | FileCheck %s
// CHECK: True

func.func @main(%x: tensor<3x5xf32> {lowbit.name = "x"}) -> (tensor<3x5xf32> {lowbit.name = "y"}) {
  %zero = arith.constant dense<0.0> : tensor<3x5xf32>
  %0 = math.tanh %x : tensor<3x5xf32>
  %1 = arith.mulf %x, %x : tensor<3x5xf32>
  %2 = arith.cmpf ogt, %x, %zero : tensor<3x5xf32>
  %y = arith.select %2, %0, %1 : tensor<3x5xi1>, tensor<3x5xf32>
  return %y : tensor<3x5xf32>
}
