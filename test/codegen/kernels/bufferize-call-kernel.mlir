// RUN: quant-opt %s --one-shot-bufferize=bufferize-function-boundaries | FileCheck %s

// A kernel writes all of its output, so the buffer needs no initial contents.

func.func private @k(memref<?xi8, strided<[1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>, index, index)

// CHECK-LABEL: @call
func.func @call(%w: tensor<?xi8>, %n: index) -> tensor<?xf32> {
  // CHECK: %[[Y:.*]] = memref.alloc(%{{.*}}) {{.*}}: memref<?xf32>
  // CHECK-NOT: memref.copy
  // CHECK: lowbit.call_kernel @k {{.*}} outs(%[[Y]] : memref<?xf32>)
  // CHECK: return %[[Y]]
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = lowbit.call_kernel @k tiles(%n) grain(%n) ins(%w : tensor<?xi8>) outs(%e : tensor<?xf32>)
  return %r : tensor<?xf32>
}
