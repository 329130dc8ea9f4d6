// RUN: quant-opt %s --lowbit-quantize-weights=method=int8 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights="method=int8 include-embeddings" | FileCheck %s --check-prefix=INCLUDED

// An embedding table and the head, the returned layer with as many outputs as
// the table has rows, stay float unless they are asked for.

// CHECK: lowbit.global @table : tensor<4x2xf32> {{.*}} {lowbit.keep_float}
// CHECK: lowbit.global @hidden : !lowbit.tensor<2x2xf32

// INCLUDED: lowbit.global @table : !lowbit.tensor<4x2xf32
// INCLUDED: lowbit.embedding {{.*}}!lowbit.tensor<4x2xf32

lowbit.global @table : tensor<4x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>}
lowbit.global @hidden : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}

func.func @tied(%ids: tensor<?xi64>) -> tensor<?x4xf32> {
  %table = lowbit.weight @table : tensor<4x2xf32>
  %w = lowbit.weight @hidden : tensor<2x2xf32>
  %0 = lowbit.embedding %ids, %table : tensor<?xi64>, tensor<4x2xf32> -> tensor<?x2xf32>
  %1 = lowbit.linear %0, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %2 = lowbit.linear %1, %table : tensor<?x2xf32>, tensor<4x2xf32> -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}
