// A layer whose matrix has no rows or no columns is left as it is, whatever the
// method; the others are quantized.

// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-g32 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=int8-a8 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=nf4 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=q4_k 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=gptq-int4 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=trellis2-s8 2>&1 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=f16 2>&1 | FileCheck %s --check-prefixes=CHECK,FLOAT

// CHECK-DAG: remark: weight 'none' stays float: a matrix without elements has nothing to quantize
// CHECK-DAG: remark: weight 'narrow' stays float: a matrix without elements has nothing to quantize
// CHECK-DAG: lowbit.global @none : tensor<0x256xf32>
// CHECK-DAG: lowbit.global @narrow : tensor<2x0xf32>
// FLOAT-DAG: lowbit.global @some : tensor<2x256xf16>
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x256xf32>, %[[E:.*]]: tensor<?x0xf32>)
// CHECK-DAG: %[[NONE:.*]] = lowbit.weight @none : tensor<0x256xf32>
// CHECK-DAG: %[[NARROW:.*]] = lowbit.weight @narrow : tensor<2x0xf32>
// CHECK-DAG: lowbit.linear %[[X]], %[[NONE]]
// CHECK-DAG: lowbit.linear %[[E]], %[[NARROW]]

lowbit.global @none : tensor<0x256xf32> {data = dense<> : tensor<0x256xf32>}
lowbit.global @narrow : tensor<2x0xf32> {data = dense<> : tensor<2x0xf32>}
lowbit.global @some : tensor<2x256xf32> {data = dense<0.5> : tensor<2x256xf32>}
lowbit.statistics "some" layers ["some"] count 8 {mean_square = dense<1.0> : tensor<256xf32>, second_moment = dense<1.0> : tensor<256x256xf32>}

func.func @main(%x: tensor<?x256xf32>, %e: tensor<?x0xf32>) -> (tensor<?x0xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %none = lowbit.weight @none : tensor<0x256xf32>
  %narrow = lowbit.weight @narrow : tensor<2x0xf32>
  %some = lowbit.weight @some : tensor<2x256xf32>
  %0 = lowbit.linear %x, %none : tensor<?x256xf32>, tensor<0x256xf32> -> tensor<?x0xf32>
  %1 = lowbit.linear %e, %narrow : tensor<?x0xf32>, tensor<2x0xf32> -> tensor<?x2xf32>
  %2 = lowbit.linear %x, %some : tensor<?x256xf32>, tensor<2x256xf32> -> tensor<?x2xf32>
  return %0, %1, %2 : tensor<?x0xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}
