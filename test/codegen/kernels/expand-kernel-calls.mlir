// RUN: quant-opt %s --lowbit-expand-kernel-calls | FileCheck %s

// Tasks of `grain` tiles; the last one may be short.

func.func private @k(memref<?xi8, strided<[1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>, index, index)

// CHECK-LABEL: @call
// CHECK-SAME: (%[[W:.*]]: memref<64xi8>, %[[Y:.*]]: memref<?xf32>, %[[N:.*]]: index, %[[G:.*]]: index)
func.func @call(%w: memref<64xi8>, %y: memref<?xf32>, %n: index, %g: index) {
  // CHECK-DAG: %[[W1:.*]] = memref.cast %[[W]]
  // CHECK-DAG: %[[Y1:.*]] = memref.cast %[[Y]]
  // CHECK: scf.parallel (%[[T:.*]]) = (%c0{{.*}}) to (%[[N]]) step (%[[G]])
  // CHECK: %[[NEXT:.*]] = arith.addi %[[T]], %[[G]]
  // CHECK: %[[END:.*]] = arith.minsi %[[NEXT]], %[[N]]
  // CHECK: func.call @k(%[[W1]], %[[Y1]], %[[T]], %[[END]])
  lowbit.call_kernel @k tiles(%n) grain(%g) ins(%w : memref<64xi8>) outs(%y : memref<?xf32>)
  return
}
