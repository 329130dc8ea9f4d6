// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-assign-names)))' | FileCheck %s

gpu.module @kernels {
// Buffers are called what their attribute says, or their location, or by number; no name
// is a word of WGSL's, and no two are the same.
// CHECK-LABEL: gpu.func @buffers
// CHECK-SAME:    memref<4xf32> {lowbit.name = "array_1"}
// CHECK-SAME:    memref<4xf32> {lowbit.name = "from_here"}
// CHECK-SAME:    memref<4xf32> {lowbit.name = "buffer2"}
// CHECK-SAME:    workgroup
// CHECK-SAME:    lowbit.names = ["tile"]
gpu.func @buffers(%a: memref<4xf32> {lowbit.name = "array"}, %b: memref<4xf32> {lowbit.name = "from__here"}, %c: memref<4xf32>)
    workgroup(%d: memref<4xf32, #gpu.address_space<workgroup>>) kernel {
  gpu.return
}

// Loads have names, what they were asked from and what a location says. What is
// used once is part of an expression.
// CHECK-LABEL: gpu.func @values
// CHECK:         %[[I:.*]] = gpu.thread_id  x
// CHECK:         memref.load %{{.*}}[%[[I]]] {lowbit.names = ["x_value"]}
// CHECK:         memref.load %{{.*}}[%[[I]]] {lowbit.names = ["angle"]}
// CHECK:         arith.mulf %{{[^{]*}} : f32
// CHECK:         arith.addf {{.*}} {lowbit.names = ["value"]}
gpu.func @values(%x: memref<4xf32> {lowbit.name = "x"}, %y: memref<4xf32> {lowbit.name = "y"}) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = memref.load %y[%i] : memref<4xf32> loc("angle")
  %2 = arith.mulf %0, %1 : f32
  %3 = arith.addf %2, %1 : f32
  %4 = arith.mulf %3, %3 : f32
  memref.store %4, %x[%i] : memref<4xf32>
  gpu.return
}

// A loop names its results, then its counter. An operation on literals alone
// gets one by name, which the compiler of the shader doesn't evaluate.
// CHECK-LABEL: gpu.func @loop
// CHECK:         arith.constant {lowbit.names = ["value"]} 1.000000e+03 : f32
// CHECK:         math.exp
// CHECK:         scf.for
// CHECK:         } {lowbit.names = ["sum", "i"]}
gpu.func @loop(%x: memref<4xf32> {lowbit.name = "x"}) kernel {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %large = arith.constant 1000.0 : f32
  %start = math.exp %large : f32
  %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %start) -> f32 {
    %0 = memref.load %x[%i] : memref<4xf32>
    %1 = arith.addf %s, %0 : f32
    scf.yield %1 : f32
  } loc("sum")
  memref.store %sum, %x[%c0] : memref<4xf32>
  gpu.return
}
}
