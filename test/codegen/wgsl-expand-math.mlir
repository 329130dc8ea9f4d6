// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-expand-math)))' | FileCheck %s

gpu.module @kernels {
// The argument of tanh stays where no adapter computes infinities; once is
// enough.
// CHECK-LABEL: gpu.func @tanh
// CHECK-DAG:     %[[LOW:.*]] = arith.constant -1.000000e+01 : f32
// CHECK-DAG:     %[[HIGH:.*]] = arith.constant 1.000000e+01 : f32
// CHECK:         %[[CLAMPED:.*]] = math.clampf %{{.*}} to [%[[LOW]], %[[HIGH]]] : f32
// CHECK-NEXT:    math.tanh %[[CLAMPED]]
// CHECK-NOT:     math.clampf
gpu.func @tanh(%x: memref<4xf32>) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = math.tanh %0 : f32
  memref.store %1, %x[%i] : memref<4xf32>
  gpu.return
}

// One exponential, and a sign.
// CHECK-LABEL: gpu.func @erf
// CHECK-NOT:     math.erf
// CHECK:         math.absf
// CHECK:         math.exp
// CHECK:         arith.select
gpu.func @erf(%x: memref<4xvector<4xf32>>) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xvector<4xf32>>
  %1 = math.erf %0 : vector<4xf32>
  memref.store %1, %x[%i] : memref<4xvector<4xf32>>
  gpu.return
}

// The argument less a whole number of quarter turns, in three steps.
// CHECK-LABEL: gpu.func @cosine
// CHECK-NOT:     math.cos
// CHECK:         math.roundeven
// CHECK-COUNT-3: arith.subf
// CHECK:         arith.fptosi
gpu.func @cosine(%x: memref<4xf32>) kernel {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = math.cos %0 : f32
  memref.store %1, %x[%i] : memref<4xf32>
  gpu.return
}

// Squares are products; other powers are of absolute values.
// CHECK-LABEL: gpu.func @power
// CHECK-NOT:     math.powf
// CHECK:         arith.mulf
// CHECK:         math.log2
// CHECK:         math.exp2
gpu.func @power(%x: memref<4xf32>, %y: memref<4xf32>) kernel {
  %two = arith.constant 2.0 : f32
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<4xf32>
  %1 = math.powf %0, %two : f32
  %2 = memref.load %y[%i] : memref<4xf32>
  %3 = math.powf %1, %2 : f32
  memref.store %3, %x[%i] : memref<4xf32>
  gpu.return
}

// A shader can't spell infinity: the largest numbers stand for it.
// CHECK-LABEL: gpu.func @infinity
// CHECK-DAG:     arith.constant -3.40282347E+38 : f32
// CHECK-DAG:     arith.constant dense<[3.40282347E+38, 1.000000e+00]> : vector<2xf32>
gpu.func @infinity(%x: memref<4xf32>, %y: memref<4xvector<2xf32>>) kernel {
  %minus = arith.constant 0xFF800000 : f32
  %both = arith.constant dense<[0x7F800000, 1.0]> : vector<2xf32>
  %i = gpu.thread_id x
  memref.store %minus, %x[%i] : memref<4xf32>
  memref.store %both, %y[%i] : memref<4xvector<2xf32>>
  gpu.return
}
}
