// Weights may be called what functions are called.

// RUN: quant-run %s --output y=%t.npy
// RUN: %python -c "import struct, sys; print(struct.unpack('<2f', open(sys.argv[1], 'rb').read()[-8:]))" %t.npy | FileCheck %s
// CHECK: (11.0, 22.0)

lowbit.global @malloc : tensor<2xf32> {data = dense<[1.0, 2.0]> : tensor<2xf32>}
lowbit.global @lowbit_entry : tensor<2xf32> {data = dense<[10.0, 20.0]> : tensor<2xf32>}

func.func @main() -> (tensor<2xf32> {lowbit.name = "y"}) {
  %a = lowbit.weight @malloc : tensor<2xf32>
  %b = lowbit.weight @lowbit_entry : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.add ins(%a, %b : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
