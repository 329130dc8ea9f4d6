// RUN: quant-opt %s -lowbit-write-web-module="output=%t.js" -split-input-file -verify-diagnostics -o /dev/null

// expected-error@below {{weight 'w' requires data in the module's lowbit.weights, found none}}
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel { gpu.return }
  }
  memref.global "private" constant @w : memref<16xi8>
  func.func @main(%y: memref<16xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<4xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = memref.get_global @w : memref<16xi8>
    %0 = memref.view %w[%c0][] : memref<16xi8> to memref<4xf32>
    %1 = memref.view %y[%c0][] : memref<16xi8> to memref<4xf32>
    gpu.launch_func @kernels::@copy blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
        args(%0 : memref<4xf32>, %1 : memref<4xf32>)
    return
  }
}

// -----

// expected-error@below {{kernel 'fill' is launched with workgroups of two sizes; a shader has one}}
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @fill(%y: memref<4xf32>) kernel { gpu.return }
  }
  func.func @main(%y: memref<16xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<4xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %0 = memref.view %y[%c0][] : memref<16xi8> to memref<4xf32>
    gpu.launch_func @kernels::@fill blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%0 : memref<4xf32>)
    gpu.launch_func @kernels::@fill blocks in (%c1, %c1, %c1) threads in (%c4, %c1, %c1) args(%0 : memref<4xf32>)
    return
  }
}
