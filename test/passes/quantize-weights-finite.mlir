// Numbers that are not finite are an error of every method, which says where
// they are.

// RUN: not quant-opt %s --lowbit-quantize-weights=method=int4-g2 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=uint4-dq 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=nf4 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=mxfp8-e4m3 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=nvfp4 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=ternary 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=q4_k 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=kmeans3 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=kmeans3-tensor 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=cb2-auto 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=gptq-int4 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=trellis2-s8 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-scale-columns=method=int4 2>&1 | FileCheck %s --check-prefix=COLUMNS
// RUN: not quant-opt %s --lowbit-quantize-weights=method=f16 2>&1 | FileCheck %s
// RUN: not quant-opt %s --lowbit-quantize-weights=method=bf16 2>&1 | FileCheck %s

// CHECK: weight 'inf': row 1, column 2: weights must be finite, found -inf
// COLUMNS: weight 'inf': {{.*}}finite

lowbit.global @inf : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 0xFF800000, 4.0]]> : tensor<2x4xf32>}
lowbit.statistics "inf" layers ["inf"] count 8 {mean_square = dense<1.0> : tensor<4xf32>, second_moment = dense<[[4.0, 1.0, 0.0, 0.0], [1.0, 4.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 4.0]]> : tensor<4x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @inf : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
