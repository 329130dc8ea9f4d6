// What a host does to run a lowered model: buffers, and dispatches in order.

// RUN: quant-opt %s -lowbit-gpu-print-schedule="output=%t.json" -o /dev/null
// RUN: FileCheck %s < %t.json
// RUN: not quant-opt %s -lowbit-gpu-print-schedule="output=%t.folder/none.json" -o /dev/null 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: the schedule's file '{{.*}}none.json' can't be written: No such file or directory

// CHECK:      "buffers": [
// CHECK:        "bytes": 256,
// CHECK-NEXT:   "first": 0,
// CHECK-NEXT:   "kind": "input",
// CHECK-NEXT:   "last": 1,
// CHECK-NEXT:   "name": "x",
// CHECK-NEXT:   "shape": [
// CHECK-NEXT:     1,
// CHECK-NEXT:     64
// CHECK-NEXT:   ],
// CHECK-NEXT:   "type": "f32"
// CHECK:        "kind": "output",
// CHECK-NEXT:   "last": 1,
// CHECK-NEXT:   "name": "y",
// CHECK:        "kind": "weight",
// CHECK-NEXT:   "last": 0,
// CHECK-NEXT:   "name": "lowbit.weight.w"
// CHECK:        "kind": "scratch",
// CHECK:      "dispatches": [
// CHECK:        "bindings": [
// CHECK:            "access": "read",
// CHECK-NEXT:       "buffer": 0,
// CHECK-NEXT:       "bytes": 256,
// CHECK-NEXT:       "offset": 0
// CHECK:            "access": "read",
// CHECK-NEXT:       "buffer": 2,
// CHECK:            "access": "write",
// CHECK-NEXT:       "buffer": 3,
// CHECK:        "kernel": "multiply",
// CHECK-NEXT:   "workgroupSize": [
// CHECK-NEXT:     64,
// CHECK:        "workgroups": [
// CHECK:        "kernel": "multiply",
// CHECK:      "function": "main"
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @multiply(%x: memref<64xf32>, %w: memref<64xf32>, %y: memref<64xf32>) kernel {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = memref.load %w[%i] : memref<64xf32>
      %2 = arith.mulf %0, %1 : f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
  }
  memref.global "private" constant @lowbit.weight.w : memref<256xi8>
  func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<1x64xf32>},
                  %y: memref<256xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<1x64xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %w = memref.get_global @lowbit.weight.w : memref<256xi8>
    %s = memref.alloc() : memref<256xi8>
    %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    %1 = memref.view %w[%c0][] : memref<256xi8> to memref<64xf32>
    %2 = memref.view %s[%c0][] : memref<256xi8> to memref<64xf32>
    %3 = memref.view %y[%c0][] : memref<256xi8> to memref<64xf32>
    gpu.launch_func @kernels::@multiply blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%0 : memref<64xf32>, %1 : memref<64xf32>, %2 : memref<64xf32>)
    gpu.launch_func @kernels::@multiply blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%2 : memref<64xf32>, %0 : memref<64xf32>, %3 : memref<64xf32>)
    return
  }
}
