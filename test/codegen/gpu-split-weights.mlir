// A layer whose weight is too large to be bound becomes layers on some of its
// rows. Parameters go with their rows; one that all share is there for each.

// RUN: quant-opt %s -lowbit-gpu-split-weights=most-bytes=1024 | FileCheck %s

#int8 = #lowbit.encoding<int<8>, group = 16, scale = f16>
#shared = #lowbit.encoding<int<8>, tensor, scale = f16>
#words = #lowbit.tiles<1 by 32, 256, [(k4 : 8, k8 : 32, b8 : 1)], pad_row_end>

// CHECK-DAG: lowbit.global @w.rows0 : !lowbit.tensor<32x32xf32, #{{.*}}> {blob = dense<1> : tensor<1024xi8>, scale = dense<1.000000e+00> : tensor<32x2xf16>}
// CHECK-DAG: lowbit.global @w.rows32 : !lowbit.tensor<8x32xf32, #{{.*}}> {blob = dense<1> : tensor<256xi8>, scale = dense<1.000000e+00> : tensor<8x2xf16>}
// CHECK-NOT: lowbit.global @w :
lowbit.global @w : !lowbit.tensor<40x32xf32, #int8, #words> {blob = dense<1> : tensor<1280xi8>, scale = dense<1.0> : tensor<40x2xf16>}

// CHECK-LABEL: func.func @plain
// CHECK-SAME:    (%[[X:.*]]: tensor<2x32xf32>, %[[B:.*]]: tensor<40xf32>, %[[R:.*]]: tensor<2x40xf32>)
// CHECK:         %[[Y:.*]] = tensor.empty() : tensor<2x40xf32>
// CHECK:         %[[W0:.*]] = lowbit.weight @w.rows0
// CHECK:         %[[B0:.*]] = tensor.extract_slice %[[B]][0] [32] [1]
// CHECK:         %[[R0:.*]] = tensor.extract_slice %[[R]][0, 0] [2, 32] [1, 1]
// CHECK:         %[[Y0:.*]] = lowbit.linear %[[X]], %[[W0]] bias %[[B0]] residual %[[R0]]
// CHECK:         %[[FIRST:.*]] = tensor.insert_slice %[[Y0]] into %[[Y]][0, 0] [2, 32] [1, 1]
// CHECK:         %[[W1:.*]] = lowbit.weight @w.rows32
// CHECK:         %[[Y1:.*]] = lowbit.linear %[[X]], %[[W1]] bias
// CHECK:         tensor.insert_slice %[[Y1]] into %[[FIRST]][0, 32] [2, 8] [1, 1]
func.func @plain(%x: tensor<2x32xf32>, %b: tensor<40xf32>, %r: tensor<2x40xf32>) -> tensor<2x40xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<40x32xf32, #int8, #words>
  %y = lowbit.linear %x, %w bias %b residual %r
      : tensor<2x32xf32>, !lowbit.tensor<40x32xf32, #int8, #words> -> tensor<2x40xf32>, bias tensor<40xf32>
  return %y : tensor<2x40xf32>
}

// Two rows make a column of a gated layer.
// CHECK-LABEL: func.func @gated
// CHECK:         lowbit.linear {{.*}} gated {{.*}} -> tensor<1x16xf32>
// CHECK:         lowbit.linear {{.*}} gated {{.*}} -> tensor<1x4xf32>
// CHECK:         tensor.insert_slice {{.*}}[0, 16] [1, 4] [1, 1]
lowbit.global @g : !lowbit.tensor<40x32xf32, #shared, #words> {blob = dense<1> : tensor<1280xi8>, scale = dense<1.0> : tensor<1x1xf16>}
func.func @gated(%x: tensor<1x32xf32>) -> tensor<1x20xf32> {
  %w = lowbit.weight @g : !lowbit.tensor<40x32xf32, #shared, #words>
  %y = lowbit.linear %x, %w activation silu gated
      : tensor<1x32xf32>, !lowbit.tensor<40x32xf32, #shared, #words> -> tensor<1x20xf32>
  return %y : tensor<1x20xf32>
}

// What fits stays.
// CHECK-LABEL: func.func @small
// CHECK:         lowbit.weight @s :
lowbit.global @s : tensor<8x32xf32> {data = dense<1.0> : tensor<8x32xf32>}
func.func @small(%x: tensor<1x32xf32>) -> tensor<1x8xf32> {
  %w = lowbit.weight @s : tensor<8x32xf32>
  %y = lowbit.linear %x, %w : tensor<1x32xf32>, tensor<8x32xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// A table is several tables. Each is asked for rows from its first one on, and its
// last one stands for those behind; what it has takes the place of what was found
// before.
// CHECK-LABEL: func.func @table
// CHECK-SAME:    (%[[IDS:.*]]: tensor<1x3xi64>)
// CHECK-DAG:     %[[N:.*]] = arith.constant dense<40> : tensor<1x3xi64>
// CHECK-DAG:     %[[NEGATIVE:.*]] = arith.cmpi slt, %[[IDS]]
// CHECK-DAG:     %[[FROM_END:.*]] = arith.addi %[[IDS]], %[[N]]
// CHECK:         %[[ROWS:.*]] = arith.select %[[NEGATIVE]], %[[FROM_END]], %[[IDS]]
// CHECK:         %[[T0:.*]] = lowbit.weight @w.rows0
// CHECK:         %[[Y0:.*]] = lowbit.embedding %{{.*}}, %[[T0]]
// CHECK:         %[[START:.*]] = arith.constant dense<32> : tensor<1x3xi64>
// CHECK:         %[[OWN:.*]] = arith.subi %[[ROWS]], %[[START]]
// CHECK:         %[[AT:.*]] = arith.maxsi %[[OWN]]
// CHECK:         %[[T1:.*]] = lowbit.weight @w.rows32
// CHECK:         %[[Y1:.*]] = lowbit.embedding %[[AT]], %[[T1]]
// CHECK:         %[[THERE:.*]] = arith.cmpi sge, %[[ROWS]], %[[START]]
// CHECK:         linalg.generic {{.*}} ins(%[[THERE]], %[[Y1]] : {{.*}}) outs(%[[Y0]] :
func.func @table(%ids: tensor<1x3xi64>) -> tensor<1x3x32xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<40x32xf32, #int8, #words>
  %y = lowbit.embedding %ids, %w : tensor<1x3xi64>, !lowbit.tensor<40x32xf32, #int8, #words> -> tensor<1x3x32xf32>
  return %y : tensor<1x3x32xf32>
}
