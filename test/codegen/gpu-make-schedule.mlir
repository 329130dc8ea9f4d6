// Dispatches on buffers become a host's schedule. %a and %c live at different
// times and share memory; %b lives beside both.

// RUN: quant-opt %s -lowbit-gpu-make-schedule | FileCheck %s

// CHECK:      module attributes
// CHECK-SAME:   lowbit.weights = {ids = dense<[1, 0, 1, 1]> : tensor<4xi32>, w = dense<1.000000e+00> : tensor<64xf32>}
module attributes {gpu.container_module, lowbit.weights = {w = dense<1.0> : tensor<64xf32>}} {
  gpu.module @kernels {
    gpu.func @exp(%x: memref<64xf32>, %y: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
    gpu.func @half(%x: memref<32xf32>, %y: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
    gpu.func @pick(%i: memref<4xi32>, %y: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
  }
  // CHECK: memref.global "private" constant @w : memref<256xi8>
  memref.global "private" constant @w : memref<64xf32>
  // CHECK: memref.global "private" constant @ids : memref<16xi8>
  memref.global "private" constant @ids : memref<4xi1> = dense<[true, false, true, true]>
  // CHECK:      func.func @main(%{{.*}}: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<8x8xf32>},
  // CHECK-SAME:                 %{{.*}}: memref<256xi8> {lowbit.kind = "state", lowbit.name = "cache", lowbit.tensor = tensor<64xf32>},
  // CHECK-SAME:                 %{{.*}}: memref<256xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<64xf32>})
  // CHECK-DAG:    memref.get_global @w : memref<256xi8>
  // CHECK-DAG:    %[[A:.*]] = memref.alloc() : memref<256xi8>
  // CHECK-DAG:    %[[B:.*]] = memref.alloc() : memref<256xi8>
  // CHECK-NOT:    memref.alloc
  // CHECK:        memref.view %[[A]]{{.*}} to memref<64xf32>
  // CHECK:        gpu.launch_func @kernels::@exp
  // CHECK-COUNT-4: gpu.launch_func
  // The first half of a buffer.
  // CHECK:        memref.view %{{.*}} to memref<32xf32>
  // CHECK:        gpu.launch_func @kernels::@half
  // CHECK-NOT:    lowbit.dispatch
  func.func @main(%x: memref<8x8xf32> {lowbit.name = "x"},
                  %cache: memref<64xf32> {lowbit.kind = "state", lowbit.name = "cache"},
                  %y: memref<64xf32> {bufferize.result, lowbit.name = "y"}) {
    %w = memref.get_global @w : memref<64xf32>
    %ids = memref.get_global @ids : memref<4xi1>
    %a = memref.alloc() : memref<8x8xf32>
    %b = memref.alloc() : memref<64xf32>
    %c = memref.alloc() : memref<64xf32>
    lowbit.dispatch @kernels::@exp [1, 1, 1] ins(%x : memref<8x8xf32>) outs(%a : memref<8x8xf32>)
    lowbit.dispatch @kernels::@exp [1, 1, 1] ins(%a : memref<8x8xf32>) outs(%b : memref<64xf32>)
    lowbit.dispatch @kernels::@exp [1, 1, 1] ins(%b : memref<64xf32>) outs(%c : memref<64xf32>)
    lowbit.dispatch @kernels::@pick [1, 1, 1] ins(%ids : memref<4xi1>) outs(%y : memref<64xf32>)
    lowbit.dispatch @kernels::@exp [1, 1, 1] ins(%w : memref<64xf32>) outs(%c : memref<64xf32>)
    %first = memref.subview %w[0] [32] [1] : memref<64xf32> to memref<32xf32, strided<[1]>>
    lowbit.dispatch @kernels::@half [1, 1, 1] ins(%first : memref<32xf32, strided<[1]>>) outs(%c : memref<64xf32>)
    return
  }
}
