// A line of text can't ask for terabytes.

// RUN: not quant-run %s --output y=%t.npy 2>&1 | FileCheck %s
// CHECK: error: {{.*}}weight 'huge': requires a splat of at most 2^31 bytes when written out, found 4398046511104

lowbit.global @huge : tensor<1048576x1048576xf32> {data = dense<1.0> : tensor<1048576x1048576xf32>}

func.func @main() -> (tensor<2x2xf32> {lowbit.name = "y"}) {
  %w = lowbit.weight @huge : tensor<1048576x1048576xf32>
  %y = tensor.extract_slice %w[0, 0] [2, 2] [1, 1] : tensor<1048576x1048576xf32> to tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
