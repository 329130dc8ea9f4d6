// Functions that GPUs lack, or get wrong, become polynomials; what doesn't
// change in a loop leaves it.

// RUN: quant-opt %s -lowbit-gpu-prepare-kernels | FileCheck %s

module attributes {gpu.container_module} {
  gpu.module @kernels {
    // CHECK-LABEL: gpu.func @k
    // CHECK:         memref.load
    // CHECK-NOT:     math.tanh
    // CHECK-NOT:     math.erf
    // CHECK:         arith.mulf
    // CHECK:         memref.store
    gpu.func @k(%x: memref<64xf32>, %y: memref<64xf32>) kernel {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = math.tanh %0 : f32
      %2 = math.erf %1 : f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
  }
}
