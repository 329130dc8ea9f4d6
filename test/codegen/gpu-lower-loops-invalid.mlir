// What no kernel can do in loops is one error.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-lower-linalg

func.func @copies(%x: memref<4x8xf32>, %y: memref<4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %from = memref.subview %x[%i, 0] [1, 4] [1, 2] : memref<4x8xf32> to memref<1x4xf32, strided<[8, 2], offset: ?>>
    %to = memref.subview %y[%i, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<1x4xf32, strided<[4, 1], offset: ?>>
    // expected-error @+1 {{the GPU has no kernel for loops with 'memref.copy': it requires them to load, compute and store numbers}}
    memref.copy %from, %to : memref<1x4xf32, strided<[8, 2], offset: ?>> to memref<1x4xf32, strided<[4, 1], offset: ?>>
  }
  return
}

// -----

func.func @number(%x: memref<4xf32>, %y: memref<f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{the GPU has no kernel for a loop that yields a number to the host, found one of type 'f32'}}
  %all = scf.for %i = %c0 to %c4 step %c1 iter_args(%sum = %zero) -> (f32) {
    %0 = memref.load %x[%i] : memref<4xf32>
    %1 = arith.addf %sum, %0 : f32
    scf.yield %1 : f32
  }
  memref.store %all, %y[] : memref<f32>
  return
}

// -----

func.func @packed(%where: memref<4xi64>, %cache: memref<8x4xi8> {lowbit.kind = "state", lowbit.packed}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0 : i8
  // expected-error @+1 {{GPU kernels require packed states to be written element by element, found a loop}}
  scf.for %i = %c0 to %c4 step %c1 {
    %0 = memref.load %where[%i] : memref<4xi64>
    %1 = arith.index_cast %0 : i64 to index
    memref.store %zero, %cache[%1, %i] : memref<8x4xi8>
  }
  return
}

// -----

func.func @wide(%y: memref<4xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f64
  // expected-error @+1 {{GPU kernels require floats of at most 32 bits, found 'memref<4xf64>': compute them as f32}}
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %y[%i] : memref<4xf64>
  }
  return
}

// -----

func.func @chosen(%x: memref<4xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c4 step %c1 {
    %0 = memref.load %x[%i] : memref<4xf32>
    %1 = arith.cmpf ogt, %0, %zero : f32
    // expected-error @+1 {{GPU kernels have no words for what a branch yields, of type 'f64'}}
    %2 = scf.if %1 -> (f64) {
      %wide = arith.extf %0 : f32 to f64
      scf.yield %wide : f64
    } else {
      %wide = arith.extf %zero : f32 to f64
      scf.yield %wide : f64
    }
    %3 = arith.truncf %2 : f64 to f32
    memref.store %3, %y[%i] : memref<4xf32>
  }
  return
}
