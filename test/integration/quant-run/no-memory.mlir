// Memory that can't be had is an error, and no output is left.

// RUN: not quant-run %s --output y=%t.npy 2>&1 | FileCheck %s
// RUN: not ls %t.npy
// CHECK: quant-run: error: out of memory: the model asks for {{[0-9]+}} bytes at once; give it smaller inputs
// CHECK-NOT: {{.}}

func.func @main() -> (tensor<33554432x1048576xf32> {lowbit.name = "y"}) {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<33554432x1048576xf32>
  %y = linalg.fill ins(%one : f32) outs(%e : tensor<33554432x1048576xf32>) -> tensor<33554432x1048576xf32>
  return %y : tensor<33554432x1048576xf32>
}
