// RUN: quant-opt %s --lowbit-split-weights=share=25 | FileCheck %s
// RUN: not quant-opt %s --lowbit-split-weights=share=100 2>&1 | FileCheck %s --check-prefix=SHARE

// SHARE: error: splitting weights requires a share between 0 and 100 percent, found 1.0{{.*}}e+02

// The largest quarter of each row, one number, leaves it; what it makes of its
// column of the input is added to the layer's output.

// CHECK-DAG: lowbit.global @fc.sparse : tensor<2x1xf16> {data = dense<{{\[\[}}-8.000000e+00], [4.000000e+00]]>
// CHECK-DAG: lowbit.global @fc.sparse_columns : tensor<2x1xi16> {data = dense<{{\[\[}}1], [3]]>
// CHECK-DAG: lowbit.global @fc : tensor<2x4xf32> {data = dense<{{\[\[}}1.000000e+00, 0.000000e+00, 5.000000e-01, 0.000000e+00], [0.000000e+00, 0.000000e+00, 1.000000e+00, 0.000000e+00]]>
// CHECK: func.func @main(%[[X:.*]]: tensor<?x4xf32>)
// CHECK-DAG: %[[V:.*]] = lowbit.weight @fc.sparse :
// CHECK-DAG: %[[C:.*]] = lowbit.weight @fc.sparse_columns
// CHECK: %[[Y:.*]] = lowbit.linear %[[X]]
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[V]], %[[C]] :
// CHECK: ^bb0(%[[NUMBER:.*]]: f16, %[[COLUMN:.*]]: i16, %[[SUM:.*]]: f32):
// CHECK:   %[[M:.*]] = linalg.index 0
// CHECK:   %[[K:.*]] = arith.index_castui %[[COLUMN]]
// CHECK:   tensor.extract %[[X]][%[[M]], %[[K]]]
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %[[S]] :
// CHECK:   arith.addf
lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, -8.0, 0.5, 0.0], [0.0, 0.0, 1.0, 4.0]]> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
