// RUN: quant-opt %s --lowbit-split-columns=count=1 | FileCheck %s
// RUN: quant-opt %s --lowbit-split-columns=ratio=100 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %s --lowbit-split-columns=count=0 2>&1 | FileCheck %s --check-prefix=COUNT

// NONE-NOT: @fc.mask
// COUNT: error: splitting columns requires a positive count and a ratio of at least 1, found 0 and 4

// The third column is a hundred times as large as the others are: it goes its
// own way, and is zero elsewhere.

// CHECK-DAG: lowbit.global @fc.mask : tensor<4xf32> {data = dense<[1.000000e+00, 1.000000e+00, 0.000000e+00, 1.000000e+00]>
// CHECK-DAG: lowbit.global @fc.outlier_columns : tensor<1xi32> {data = dense<2> : tensor<1xi32>}
// CHECK-DAG: lowbit.global @fc.outliers : tensor<2x1xf16> {data = dense<{{\[\[}}3.000000e+00], [7.000000e+00]]>
// CHECK-DAG: lowbit.global @fc : tensor<2x4xf32> {data = dense<{{\[\[}}1.000000e+00, 2.000000e+00, 0.000000e+00, 4.000000e+00], [5.000000e+00, 6.000000e+00, 0.000000e+00, 8.000000e+00]]>
// CHECK-DAG: maximum = dense<[1.000000e+00, 1.000000e+00, 0.000000e+00, 1.000000e+00]>
// CHECK: func.func @main(%[[X:.*]]: tensor<?x4xf32>)
// CHECK: %[[REST:.*]] = linalg.generic {{.*}} ins(%[[X]], %{{.*}} : tensor<?x4xf32>, tensor<4xf32>)
// CHECK:   arith.mulf
// CHECK: %[[O:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<1xi32>) outs(%{{.*}} : tensor<?x1xf32>)
// CHECK:   tensor.extract %[[X]]
// CHECK: %[[Y:.*]] = lowbit.linear %[[REST]]
// CHECK: %[[S:.*]] = lowbit.linear %[[O]], %{{.*}} {lowbit.keep_float} : tensor<?x1xf32>, tensor<2x1xf16> -> tensor<?x2xf32>
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %[[S]] :
lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>}
lowbit.statistics "fc" layers ["fc"] count 8 {
  maximum = dense<[1.0, 1.0, 100.0, 1.0]> : tensor<4xf32>, minimum = dense<0.0> : tensor<4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
