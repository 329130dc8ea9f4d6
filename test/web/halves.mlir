// A module with two products: activations of one have 16 bits, so that devices take
// its kernel in f16 by themselves; those of the other are f32, and f16 must be named.

// REQUIRES: webgpu
// RUN: rm -rf %t && mkdir %t
// RUN: quant-opt %s -lowbit-write-web-module="output=%t/halves.webgpu.js" -o /dev/null
// RUN: FileCheck %s --input-file=%t/halves.webgpu.json
// RUN: %dawn %S/harness/halves.mjs %t/halves.webgpu.js | FileCheck %s --check-prefix=CHECKS

// CHECK: "variants":[{"f16":["scale"],"features":["f16"],"kernels":{"scale":"scale_f16"},"name":"f16"},{"features":[],"kernels":{},"name":"base"},{"f16":["scale","translate"],"features":["f16"],"kernels":{"scale":"scale_f16","translate":"translate_f16"},"name":"f16-all","onRequest":["f16"]}]
// CHECKS: {{[1-9][0-9]*}} checks, 0 failed

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @scale(%x: memref<64xf32>, %y: memref<64xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>} {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = arith.constant 2.0 : f32
      %2 = arith.mulf %0, %1 : f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
    gpu.func @scale_f16(%x: memref<64xf32>, %y: memref<64xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>,
                    lowbit.features = ["f16"], lowbit.unasked, lowbit.variant_of = @scale} {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = arith.constant 2.0 : f32
      %3 = arith.truncf %0 : f32 to f16
      %4 = arith.truncf %1 : f32 to f16
      %5 = arith.mulf %3, %4 : f16
      %2 = arith.extf %5 : f16 to f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
    gpu.func @translate(%x: memref<64xf32>, %y: memref<64xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>} {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = arith.constant 2.0 : f32
      %2 = arith.addf %0, %1 : f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
    gpu.func @translate_f16(%x: memref<64xf32>, %y: memref<64xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>,
                    lowbit.features = ["f16"], lowbit.variant_of = @translate} {
      %i = gpu.thread_id x
      %0 = memref.load %x[%i] : memref<64xf32>
      %1 = arith.constant 2.0 : f32
      %3 = arith.truncf %0 : f32 to f16
      %4 = arith.truncf %1 : f32 to f16
      %5 = arith.addf %3, %4 : f16
      %2 = arith.extf %5 : f16 to f32
      memref.store %2, %y[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>},
                  %y: memref<256xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<64xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %t = memref.alloc() : memref<256xi8>
    %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    %1 = memref.view %t[%c0][] : memref<256xi8> to memref<64xf32>
    %2 = memref.view %y[%c0][] : memref<256xi8> to memref<64xf32>
    gpu.launch_func @kernels::@scale blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%0 : memref<64xf32>, %1 : memref<64xf32>)
    gpu.launch_func @kernels::@translate blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%1 : memref<64xf32>, %2 : memref<64xf32>)
    return
  }
}
