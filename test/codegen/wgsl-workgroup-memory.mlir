// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-workgroup-memory)))' | FileCheck %s

gpu.module @kernels {
// CHECK-LABEL: gpu.func @sum
// CHECK-SAME:    workgroup(%[[SUMS:.*]] : memref<64xf32, #gpu.address_space<workgroup>>)
// CHECK-NOT:     memref.alloc
// CHECK:         memref.store %{{.*}}, %[[SUMS]]
// CHECK-NOT:     memref.dealloc
gpu.func @sum(%x: memref<64xf32>) kernel {
  %sums = memref.alloc() : memref<64xf32, #gpu.address_space<workgroup>>
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<64xf32>
  memref.store %0, %sums[%i] : memref<64xf32, #gpu.address_space<workgroup>>
  memref.dealloc %sums : memref<64xf32, #gpu.address_space<workgroup>>
  gpu.return
}
}
