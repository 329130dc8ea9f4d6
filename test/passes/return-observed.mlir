// RUN: quant-opt %s --lowbit-return-observed | FileCheck %s
// RUN: quant-opt %s --lowbit-return-observed=drop-results | FileCheck %s --check-prefix=ALONE

// What is observed is returned besides what the function returns, called as its
// record.

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<64x64xf32>)
// CHECK-SAME: -> (tensor<?x64xf32> {lowbit.name = "y"}, tensor<?x64xf32> {lowbit.name = "fc1"}, tensor<?x64xf32> {lowbit.name = "fc2"})
// CHECK-NOT: lowbit.observe
// CHECK: %[[H:.*]] = lowbit.linear %[[X]]
// CHECK: %[[Y:.*]] = lowbit.linear %[[H]]
// CHECK: return %[[Y]], %[[X]], %[[H]]

// Without the results, what was computed for them goes, too.

// ALONE-LABEL: func.func @main
// ALONE-SAME: -> (tensor<?x64xf32> {lowbit.name = "fc1"}, tensor<?x64xf32> {lowbit.name = "fc2"})
// ALONE: %[[H:.*]] = lowbit.linear
// ALONE-NOT: lowbit.linear
// ALONE: return %{{.*}}, %[[H]]
func.func @main(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> (tensor<?x64xf32> {lowbit.name = "y"}) {
  lowbit.observe %x as "fc1" layers ["fc1"] with columns : tensor<?x64xf32>
  %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  lowbit.observe %0 as "fc2" layers ["fc2"] with columns : tensor<?x64xf32>
  %1 = lowbit.linear %0, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
