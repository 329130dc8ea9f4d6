// A model of two kernels becomes a web module, which loads, runs and fails as its
// types say: on Dawn, from files, with SwiftShader as the adapter.

// RUN: rm -rf %t && mkdir %t
// RUN: quant-opt %s -lowbit-write-web-module="output=%t/scaled.webgpu.js float-bytes=2097152" -o /dev/null
// RUN: FileCheck %s --check-prefix=SCRIPT < %t/scaled.webgpu.js
// RUN: FileCheck %s --check-prefix=MANIFEST < %t/scaled.webgpu.json
// RUN: %python -c "import os; print(sorted(os.listdir('%t')))" | FileCheck %s --check-prefix=FILES

// RUN: not quant-opt %s -lowbit-write-web-module="output=%t/none/m.js" -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHERE
// WHERE: m.0.bin' cannot be written: 

// Precisions have manifests of their own, and no script; what both hold is stored once.

// RUN: mkdir %t/two
// RUN: quant-opt %s -lowbit-write-web-module="output=%t/two/m.js precision=a float-bytes=2097152" -o /dev/null
// RUN: quant-opt %s -lowbit-write-web-module="output=%t/two/m.js precision=b float-bytes=2097152 shares=%t/two/m.a.json" -o /dev/null
// RUN: %python -c "import os; print(sorted(os.listdir('%t/two')))" | FileCheck %s --check-prefix=TWO
// RUN: FileCheck %s --check-prefix=SHARED < %t/two/m.b.json
// TWO: ['m.a.0.bin', {{.*}}'m.a.7.bin', 'm.a.json', 'm.b.json']
// SHARED: "memoryBytes":1310720
// SHARED: "packedBytes":524288
// SHARED: "shards":[{"bytes":65536,"file":"m.a.{{[0-7]}}.bin"

// SCRIPT: // A model compiled by Lowbit; see scaled.webgpu.d.ts for its types.
// SCRIPT: const MANIFEST = "scaled.webgpu.json";
// SCRIPT: export async function load(

// MANIFEST:      "format":"lowbit-web"
// MANIFEST-SAME: "functions":{"main":{"buffers":[
// MANIFEST-SAME: "kernels":{"add":"// add{{.*}}","multiply":"// multiply
// MANIFEST-SAME: "shards":[{"bytes":65536,"file":"scaled.webgpu.0.bin","sha256":"{{[0-9a-f]*}}"}
// MANIFEST-SAME: "weights":[{"bytes":262144,"name":"lowbit.weight.w","offset":0},{"bytes":262144,"name":"lowbit.weight.b","offset":262144}]

// FILES: ['scaled.webgpu.0.bin', {{.*}}'scaled.webgpu.7.bin', 'scaled.webgpu.d.ts', 'scaled.webgpu.js', 'scaled.webgpu.json']

module attributes {gpu.container_module,
    lowbit.weights = {lowbit.weight.w = dense<3.0> : tensor<65536xf32>,
                      lowbit.weight.b = dense<0.5> : tensor<65536xf32>}} {
  gpu.module @kernels {
    gpu.func @multiply(%x: memref<65536xf32>, %w: memref<65536xf32>, %y: memref<65536xf32>) kernel {
      %i = gpu.global_id x
      %0 = memref.load %x[%i] : memref<65536xf32>
      %1 = memref.load %w[%i] : memref<65536xf32>
      %2 = arith.mulf %0, %1 : f32
      memref.store %2, %y[%i] : memref<65536xf32>
      gpu.return
    }
    gpu.func @add(%x: memref<65536xf32>, %b: memref<65536xf32>, %y: memref<65536xf32>) kernel {
      %i = gpu.global_id x
      %0 = memref.load %x[%i] : memref<65536xf32>
      %1 = memref.load %b[%i] : memref<65536xf32>
      %2 = arith.addf %0, %1 : f32
      memref.store %2, %y[%i] : memref<65536xf32>
      gpu.return
    }
  }
  memref.global "private" constant @lowbit.weight.w : memref<262144xi8>
  memref.global "private" constant @lowbit.weight.b : memref<262144xi8>
  func.func @main(%x: memref<262144xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<256x256xf32>},
                  %y: memref<262144xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<256x256xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c1024 = arith.constant 1024 : index
    %w = memref.get_global @lowbit.weight.w : memref<262144xi8>
    %b = memref.get_global @lowbit.weight.b : memref<262144xi8>
    %s = memref.alloc() : memref<262144xi8>
    %0 = memref.view %x[%c0][] : memref<262144xi8> to memref<65536xf32>
    %1 = memref.view %w[%c0][] : memref<262144xi8> to memref<65536xf32>
    %2 = memref.view %s[%c0][] : memref<262144xi8> to memref<65536xf32>
    %3 = memref.view %b[%c0][] : memref<262144xi8> to memref<65536xf32>
    %4 = memref.view %y[%c0][] : memref<262144xi8> to memref<65536xf32>
    gpu.launch_func @kernels::@multiply blocks in (%c1024, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%0 : memref<65536xf32>, %1 : memref<65536xf32>, %2 : memref<65536xf32>)
    gpu.launch_func @kernels::@add blocks in (%c1024, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%2 : memref<65536xf32>, %3 : memref<65536xf32>, %4 : memref<65536xf32>)
    return
  }
}
