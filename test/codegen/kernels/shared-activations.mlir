// Queries, keys and values that are no merged layer read one activation, which
// is rounded once: with one method, and where each has its own with groups of
// the same length.

// RUN: rm -rf %t && mkdir %t
// DEFINE: %{method} = int4-g32
// DEFINE: %{check} = quant-opt %s --quantize=%{method} --disable-patterns=qkv --target=cpu --mcpu=znver4 -o %t/apart.mlir && quant-opt %t/apart.mlir --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=CPU
// RUN: %{check}
// REDEFINE: %{method} = int8-a8
// RUN: %{check}
// REDEFINE: %{method} = int4-g32-a8
// RUN: %{check}
// REDEFINE: %{method} = uint4-g64-a8-token
// RUN: %{check}
// REDEFINE: %{method} = nf4-a8
// RUN: %{check}
// REDEFINE: %{method} = lattice2-a8
// RUN: %{check}
// REDEFINE: %{method} = int4-g32-afp8
// RUN: %{check}
// REDEFINE: %{method} = int4-g32-abf16
// RUN: %{check}
// RUN: echo '{"layers": {"q": "int4-g32", "k": "int8-g32", "v": "nf4-g32"}}' > %t/rules.json
// RUN: quant-opt %s --quantize=int6-g32-a8 --precision=%t/rules.json --target=cpu --mcpu=znver4 -o %t/own.mlir
// RUN: quant-opt %t/own.mlir --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=CPU
// RUN: quant-opt %s --quantize=int4-g32-a8 --disable-patterns=qkv --target=spirv -o %t/gpu.mlir
// RUN: quant-opt %t/gpu.mlir --lowbit-lower-to-gpu-kernels | FileCheck %s --check-prefix=GPU

// CPU-LABEL: func.func @main
// CPU-COUNT-1: call_kernel @lowbit_panel
// CPU-COUNT-3: call_kernel @lowbit_linear
// CPU-NOT:     call_kernel
// CPU:         return

// GPU-LABEL: func.func @main
// GPU-COUNT-1: lowbit.dispatch @kernels::@quantize
// GPU-COUNT-3: lowbit.dispatch @kernels::@linear
// GPU-NOT:     lowbit.dispatch
// GPU:         return

lowbit.global @q : tensor<64x64xf32> {data = dense<0.5> : tensor<64x64xf32>}
lowbit.global @k : tensor<32x64xf32> {data = dense<0.25> : tensor<32x64xf32>}
lowbit.global @v : tensor<32x64xf32> {data = dense<-1.0> : tensor<32x64xf32>}

func.func @main(%x: tensor<1x5x64xf32>) -> (tensor<1x5x64xf32>, tensor<1x5x32xf32>, tensor<1x5x32xf32>) {
  %wq = lowbit.weight @q : tensor<64x64xf32>
  %wk = lowbit.weight @k : tensor<32x64xf32>
  %wv = lowbit.weight @v : tensor<32x64xf32>
  %q = lowbit.linear %x, %wq : tensor<1x5x64xf32>, tensor<64x64xf32> -> tensor<1x5x64xf32>
  %k = lowbit.linear %x, %wk : tensor<1x5x64xf32>, tensor<32x64xf32> -> tensor<1x5x32xf32>
  %v = lowbit.linear %x, %wv : tensor<1x5x64xf32>, tensor<32x64xf32> -> tensor<1x5x32xf32>
  return %q, %k, %v : tensor<1x5x64xf32>, tensor<1x5x32xf32>, tensor<1x5x32xf32>
}
