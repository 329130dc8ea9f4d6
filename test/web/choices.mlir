// What a page, or the device, chooses of a module: the variant of a kernel, and the
// size of workgroups. One kernel, in two variants, leaves its size open; others, in
// f16, are for those who ask for it.

// REQUIRES: webgpu
// RUN: rm -rf %t && mkdir %t
// RUN: quant-opt %s -lowbit-write-web-module="output=%t/scaled.webgpu.js" -o /dev/null
// RUN: FileCheck %s --input-file=%t/scaled.webgpu.json
// RUN: %dawn %S/harness/choices.mjs %t/scaled.webgpu.js | FileCheck %s --check-prefix=CHECKS

// CHECK: "dispatches":[{{.*}}"invocations":1000,"kernel":"multiply","workgroupSize":[64,1,1],"workgroups":[16,1,1]
// CHECK: override workgroup_size_x: u32 = 64u;
// CHECK: "variants":[{"features":["subgroups"],"kernels":{"multiply":"multiply_subgroups"},"name":"subgroups"},{"features":[],"kernels":{},"name":"base"},{"f16":["multiply"],"features":["f16","subgroups"],"kernels":{"multiply":"multiply_f16_subgroups"},"name":"f16+subgroups","onRequest":["f16"]},{"f16":["multiply"],"features":["f16"],"kernels":{"multiply":"multiply_f16"},"name":"f16","onRequest":["f16"]}]
// CHECKS: {{[1-9][0-9]*}} checks, 0 failed

module attributes {gpu.container_module,
    lowbit.weights = {lowbit.weight.w = dense<3.0> : tensor<1000xf32>}} {
  gpu.module @kernels {
    gpu.func @multiply(%x: memref<1000xf32>, %w: memref<1000xf32>, %y: memref<1000xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>, lowbit.invocations = 1000 : i64} {
      %c1000 = arith.constant 1000 : index
      %block = gpu.block_id x
      %size = gpu.block_dim x
      %thread = gpu.thread_id x
      %first = arith.muli %block, %size : index
      %i = arith.addi %first, %thread : index
      %exists = arith.cmpi ult, %i, %c1000 : index
      scf.if %exists {
        %0 = memref.load %x[%i] : memref<1000xf32>
        %1 = memref.load %w[%i] : memref<1000xf32>
        %2 = arith.mulf %0, %1 : f32
        memref.store %2, %y[%i] : memref<1000xf32>
      }
      gpu.return
    }
    gpu.func @multiply_subgroups(%x: memref<1000xf32>, %w: memref<1000xf32>, %y: memref<1000xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>, lowbit.invocations = 1000 : i64,
                    lowbit.features = ["subgroups"], lowbit.variant_of = @multiply} {
      %c1000 = arith.constant 1000 : index
      %block = gpu.block_id x
      %size = gpu.block_dim x
      %thread = gpu.thread_id x
      %word = arith.index_cast %size : index to i32
      %largest = gpu.subgroup_reduce maxui %word : (i32) -> i32
      %same = arith.index_cast %largest : i32 to index
      %first = arith.muli %block, %same : index
      %i = arith.addi %first, %thread : index
      %exists = arith.cmpi ult, %i, %c1000 : index
      scf.if %exists {
        %0 = memref.load %x[%i] : memref<1000xf32>
        %1 = memref.load %w[%i] : memref<1000xf32>
        %2 = arith.mulf %0, %1 : f32
        memref.store %2, %y[%i] : memref<1000xf32>
      }
      gpu.return
    }
    gpu.func @multiply_f16(%x: memref<1000xf32>, %w: memref<1000xf32>, %y: memref<1000xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>, lowbit.invocations = 1000 : i64,
                    lowbit.features = ["f16"], lowbit.variant_of = @multiply} {
      %c1000 = arith.constant 1000 : index
      %block = gpu.block_id x
      %size = gpu.block_dim x
      %thread = gpu.thread_id x
      %first = arith.muli %block, %size : index
      %i = arith.addi %first, %thread : index
      %exists = arith.cmpi ult, %i, %c1000 : index
      scf.if %exists {
        %0 = memref.load %x[%i] : memref<1000xf32>
        %1 = memref.load %w[%i] : memref<1000xf32>
        %2 = arith.truncf %0 : f32 to f16
        %3 = arith.truncf %1 : f32 to f16
        %4 = arith.mulf %2, %3 : f16
        %5 = arith.extf %4 : f16 to f32
        memref.store %5, %y[%i] : memref<1000xf32>
      }
      gpu.return
    }
    gpu.func @multiply_f16_subgroups(%x: memref<1000xf32>, %w: memref<1000xf32>, %y: memref<1000xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>, lowbit.invocations = 1000 : i64,
                    lowbit.features = ["f16", "subgroups"], lowbit.variant_of = @multiply} {
      %c1000 = arith.constant 1000 : index
      %block = gpu.block_id x
      %size = gpu.block_dim x
      %thread = gpu.thread_id x
      %word = arith.index_cast %size : index to i32
      %largest = gpu.subgroup_reduce maxui %word : (i32) -> i32
      %same = arith.index_cast %largest : i32 to index
      %first = arith.muli %block, %same : index
      %i = arith.addi %first, %thread : index
      %exists = arith.cmpi ult, %i, %c1000 : index
      scf.if %exists {
        %0 = memref.load %x[%i] : memref<1000xf32>
        %1 = memref.load %w[%i] : memref<1000xf32>
        %2 = arith.truncf %0 : f32 to f16
        %3 = arith.truncf %1 : f32 to f16
        %4 = arith.mulf %2, %3 : f16
        %5 = arith.extf %4 : f16 to f32
        memref.store %5, %y[%i] : memref<1000xf32>
      }
      gpu.return
    }
  }
  memref.global "private" constant @lowbit.weight.w : memref<4000xi8>
  func.func @main(%x: memref<4000xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<1000xf32>},
                  %y: memref<4000xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<1000xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %w = memref.get_global @lowbit.weight.w : memref<4000xi8>
    %0 = memref.view %x[%c0][] : memref<4000xi8> to memref<1000xf32>
    %1 = memref.view %w[%c0][] : memref<4000xi8> to memref<1000xf32>
    %2 = memref.view %y[%c0][] : memref<4000xi8> to memref<1000xf32>
    gpu.launch_func @kernels::@multiply blocks in (%c16, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%0 : memref<1000xf32>, %1 : memref<1000xf32>, %2 : memref<1000xf32>)
    return
  }
}
