// A decoder finds the likeliest token on the GPU: of many words in parts, of which
// each has its largest number and its place.

// RUN: quant-opt %s -lowbit-gpu-pick-tokens | FileCheck %s

// CHECK:      gpu.func @argmax_64(%[[X:[a-z0-9]+]]: memref<64xf32> {{[^%]*}}, %[[TOKEN:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}) kernel
// CHECK:        scf.for
// CHECK:          memref.load %[[X]]
// CHECK:          arith.cmpf ogt
// CHECK:        lowbit.reduce_lanes max
// CHECK:        lowbit.reduce_lanes max
// CHECK:        scf.if
// CHECK:          memref.store %{{.*}}, %[[TOKEN]]
// CHECK:      gpu.func @argmax_5000(%{{.*}}: memref<5000xf32> {{[^%]*}}, %{{.*}}: memref<3xi32> {{[^%]*}}, %{{.*}}: memref<3xf32> {{[^%]*}}) kernel
// CHECK:      gpu.func @argmax_of_parts_3(%{{.*}}: memref<3xf32> {{[^%]*}}, %[[PLACES:[a-z0-9]+]]: memref<3xi32> {{[^%]*}}, %[[TOKEN:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}) kernel
// CHECK:        %[[PLACE:.*]] = memref.load %[[PLACES]]
// CHECK:        memref.store %[[PLACE]], %[[TOKEN]]

// CHECK-LABEL: func.func @decode
// CHECK-SAME:    -> (tensor<1x1x64xf32>, tensor<4x8xf32>, tensor<1xi32> {lowbit.kind = "token", lowbit.name = "lowbit.token"})
// CHECK:         %[[INIT:.*]] = tensor.empty() : tensor<1xi32>
// CHECK:         %[[TOKEN:.*]] = lowbit.dispatch @kernels::@argmax_64 [1, 1, 1] ins(%[[LOGITS:.*]] : tensor<1x1x64xf32>) outs(%[[INIT]]
// CHECK:         return %[[LOGITS]], %{{.*}}, %[[TOKEN]]
func.func @decode(%logits: tensor<1x1x64xf32>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64}) -> (tensor<1x1x64xf32>, tensor<4x8xf32>) {
  return %logits, %cache : tensor<1x1x64xf32>, tensor<4x8xf32>
}

// CHECK-LABEL: func.func @many
// CHECK:         %[[PARTS:.*]]:2 = lowbit.dispatch @kernels::@argmax_5000 [3, 1, 1]
// CHECK:         %[[TOKEN:.*]] = lowbit.dispatch @kernels::@argmax_of_parts_3 [1, 1, 1] ins(%[[PARTS]]#1, %[[PARTS]]#0 : tensor<3xf32>, tensor<3xi32>)
func.func @many(%logits: tensor<1x5000xf32>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64}) -> (tensor<1x5000xf32>, tensor<4x8xf32>) {
  return %logits, %cache : tensor<1x5000xf32>, tensor<4x8xf32>
}

// No decoder, the logits of several tokens, and no logits.
// CHECK-LABEL: func.func @plain
// CHECK-NOT:     lowbit.dispatch
func.func @plain(%logits: tensor<1x1x64xf32>) -> tensor<1x1x64xf32> {
  return %logits : tensor<1x1x64xf32>
}
func.func @several(%logits: tensor<1x2x64xf32>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64}) -> (tensor<1x2x64xf32>, tensor<4x8xf32>) {
  return %logits, %cache : tensor<1x2x64xf32>, tensor<4x8xf32>
}
func.func @integers(%x: tensor<1x1x64xi32>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64}) -> (tensor<1x1x64xi32>, tensor<4x8xf32>) {
  return %x, %cache : tensor<1x1x64xi32>, tensor<4x8xf32>
}
