// RUN: quant-opt %s '--lowbit-assign-precision=budget=bytes=60 strategy=uniform candidates=int2-g4,uint4' | FileCheck %s
// RUN: not quant-opt %s '--lowbit-assign-precision=budget=bytes=50 strategy=uniform candidates=int2-g4,uint4' 2>&1 | FileCheck %s --check-prefix=NONE

// One encoding for all layers. Groups of 4 are cheaper for the first layer, whole rows for the second: 50 bytes are enough for
// the two together, but for neither alone.

// CHECK: #[[E:.*]] = #lowbit.encoding<int<2>, group = 4, scale = f16>
// CHECK-COUNT-2: lowbit.encoding = #[[E]]
// NONE: error: precision: no candidate fits all layers within 50 bytes; add a smaller one, or use another strategy

lowbit.global @h.0.up : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @h.1.up : tensor<1x64xf32> {data = dense<1.0> : tensor<1x64xf32>}
func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x64xf32>) -> (tensor<?x4xf32>, tensor<?x1xf32>) {
  %0 = lowbit.weight @h.0.up : tensor<4x4xf32>
  %1 = lowbit.linear %x, %0 : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %2 = lowbit.weight @h.1.up : tensor<1x64xf32>
  %3 = lowbit.linear %y, %2 : tensor<?x64xf32>, tensor<1x64xf32> -> tensor<?x1xf32>
  return %1, %3 : tensor<?x4xf32>, tensor<?x1xf32>
}
