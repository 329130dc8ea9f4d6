// RUN: quant-opt %s --split-input-file --lowbit-differentiate | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The gradient of the result is a new argument, and that of what the layer
// yields is observed. The body is computed again, and differentiated.

lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8xf32>, %[[SEED:[a-z0-9]+]]: tensor<?x4xf32> {lowbit.dims = ["batch", ""], lowbit.name = "y.gradient"}) -> (tensor<?x4xf32> {{.*}}"y"})
// CHECK: %[[Z:.*]] = lowbit.linear %[[X]]
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[Z]] : tensor<?x4xf32>)
// CHECK: %[[G:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} ins(%[[Z]], %[[SEED]] : tensor<?x4xf32>, tensor<?x4xf32>)
// CHECK-NEXT: ^bb0(%[[IN:.*]]: f32, %[[DY:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:   %[[EXP:.*]] = math.exp %[[IN]]
// CHECK-NEXT:   %[[DX:.*]] = arith.mulf %[[DY]], %[[EXP]]
// CHECK-NEXT:   linalg.yield %[[DX]]
// CHECK: lowbit.observe %[[G]] as "fc.gradient" layers ["fc"] with columns : tensor<?x4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<?x8xf32>) -> (tensor<?x4xf32> {lowbit.name = "y", lowbit.dims = ["batch", ""]}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %0 = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = math.exp %in : f32
    linalg.yield %2 : f32
  } -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// -----

// Through a layer the gradient is multiplied by its weight. Gradients of a value
// with several uses are added. What comes before the first layer, or depends on
// none, is left alone.

lowbit.global @up : tensor<8x8xf32> {data = dense<1.0> : tensor<8x8xf32>}
lowbit.global @down : tensor<8x8xf32> {data = dense<1.0> : tensor<8x8xf32>}

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x8xf32>, %[[SEED:[a-z0-9]+]]: tensor<2x8xf32> {lowbit.name = "0.gradient"}
// CHECK: %[[DOWN:.*]] = lowbit.weight @down
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[DOWN]] : tensor<8x8xf32>)
// CHECK: %[[H:.*]] = lowbit.linear %[[SEED]], %[[T]] : tensor<2x8xf32>, tensor<8x8xf32> -> tensor<2x8xf32>
// CHECK-NOT: lowbit.linear
// CHECK: %[[G:.*]] = linalg.generic {{.*}} ins(%[[SEED]], %[[H]] : tensor<2x8xf32>, tensor<2x8xf32>)
// CHECK: arith.addf
// CHECK: lowbit.observe %[[G]] as "up.gradient" layers ["up"]
// CHECK-NEXT: lowbit.observe %[[SEED]] as "down.gradient" layers ["down"]
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %wu = lowbit.weight @up : tensor<8x8xf32>
  %0 = lowbit.linear %x, %wu : tensor<2x8xf32>, tensor<8x8xf32> -> tensor<2x8xf32>
  %wd = lowbit.weight @down : tensor<8x8xf32>
  %1 = lowbit.linear %0, %wd residual %0 : tensor<2x8xf32>, tensor<8x8xf32> -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A sum hands its gradient to all terms; an operand that is broadcast has the
// sum of the gradients of its copies.

lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}

// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[SEED:[a-z0-9]+]]: tensor<2x4xf32> {lowbit.name = "0.gradient"}
// CHECK: %[[Z:.*]] = lowbit.linear
// CHECK: %[[DR:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ID]], #[[ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[Z]], %[[SEED]] :
// CHECK: %[[DS:.*]] = linalg.generic {indexing_maps = [#[[ROW]], #[[ID]]], iterator_types = ["parallel", "parallel"]} ins(%[[DR]] : tensor<2xf32>)
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %0 = lowbit.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%0 : tensor<2x4xf32>) outs(%init : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %out : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %sum : tensor<2x4xf32>, tensor<2xf32>) outs(%e2 : tensor<2x4xf32>) {
  ^bb0(%in: f32, %row: f32, %out: f32):
    %p = arith.mulf %in, %row : f32
    linalg.yield %p : f32
  } -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

// Attention becomes what it means, where gradients pass; elsewhere it stays.

lowbit.global @fc : tensor<6x6xf32> {data = dense<1.0> : tensor<6x6xf32>}

// CHECK-LABEL: func.func @main
// CHECK: lowbit.attention
// CHECK-NOT: lowbit.attention
// CHECK: lowbit.observe %{{.*}} as "fc.gradient"
func.func @main(%x: tensor<2x5x6xf32>) -> tensor<2x5x6xf32> {
  %w = lowbit.weight @fc : tensor<6x6xf32>
  %0 = lowbit.attention %x, %x, %x scale 0.5 causal : tensor<2x5x6xf32>, tensor<2x5x6xf32>, tensor<2x5x6xf32> -> tensor<2x5x6xf32>
  %1 = lowbit.linear %0, %w : tensor<2x5x6xf32>, tensor<6x6xf32> -> tensor<2x5x6xf32>
  %2 = lowbit.attention %1, %x, %x scale 0.5 : tensor<2x5x6xf32>, tensor<2x5x6xf32>, tensor<2x5x6xf32> -> tensor<2x5x6xf32>
  return %2 : tensor<2x5x6xf32>
}

// -----

// Comparisons and integers have gradient zero.

#id = affine_map<(i, j) -> (i, j)>

lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}

// CHECK-LABEL: func.func @main
// CHECK: ^bb0(%[[IN:.*]]: f32, %[[DY:.*]]: f32, %{{.*}}: f32):
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0{{.*}} : f32
// CHECK-DAG: %[[POSITIVE:.*]] = arith.cmpf ogt, %[[IN]]
// CHECK: %[[DX:.*]] = arith.select %[[POSITIVE]], %[[DY]], %[[ZERO]]
// CHECK-NEXT: linalg.yield %[[DX]]
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %0 = lowbit.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %isPositive = arith.cmpf ogt, %in, %zero : f32
    %relu = arith.select %isPositive, %in, %zero : f32
    %sign = arith.uitofp %isPositive : i1 to f32
    %2 = arith.addf %relu, %sign : f32
    linalg.yield %2 : f32
  } -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
