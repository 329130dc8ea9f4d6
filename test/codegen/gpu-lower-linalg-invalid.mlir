// What no kernel can say is one error.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-lower-linalg

#id = affine_map<(d0) -> (d0)>
func.func @dynamic(%x: memref<?xf32>, %y: memref<?xf32>) {
  // expected-error @+1 {{GPU kernels require shapes that are known when the model is compiled: fix dynamic dimensions with --shape}}
  linalg.exp ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
  return
}

// -----

func.func @dynamic_place(%x: memref<4xf32, strided<[1], offset: ?>>, %y: memref<4xf32>) {
  // expected-error @+1 {{GPU kernels require buffers whose shape and place are known when the model is compiled, found 'memref<4xf32, strided<[1], offset: ?>>': fix dynamic dimensions with --shape}}
  linalg.exp ins(%x : memref<4xf32, strided<[1], offset: ?>>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @double_buffer(%x: memref<4xf64>, %y: memref<4xf64>) {
  // expected-error @+1 {{GPU kernels require floats of at most 32 bits, found 'memref<4xf64>': compute them as f32}}
  linalg.exp ins(%x : memref<4xf64>) outs(%y : memref<4xf64>)
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @many(%a: memref<4xf32>, %b: memref<4xf32>, %c: memref<4xf32>, %d: memref<4xf32>, %e: memref<4xf32>,
                %f: memref<4xf32>, %g: memref<4xf32>, %h: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{GPU kernels bind at most 8 buffers, found an operation on 9}}
  linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b, %c, %d, %e, %f, %g, %h : memref<4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>,
          memref<4xf32>, memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32, %5: f32, %6: f32, %7: f32, %out: f32):
    %8 = arith.addf %0, %1 : f32
    %9 = arith.addf %8, %2 : f32
    %10 = arith.addf %9, %3 : f32
    %11 = arith.addf %10, %4 : f32
    %12 = arith.addf %11, %5 : f32
    %13 = arith.addf %12, %6 : f32
    %14 = arith.addf %13, %7 : f32
    linalg.yield %14 : f32
  }
  return
}

// -----

func.func @scalar(%x: f32, %y: memref<4xf32>) {
  // expected-error @+1 {{GPU kernels require scalars to come from buffers, found an argument of type 'f32'}}
  linalg.fill ins(%x : f32) outs(%y : memref<4xf32>)
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>
func.func @last(%x: memref<4xf32>, %y: memref<f32>) {
  // expected-error @+1 {{GPU kernels require a reduction to use what it has so far}}
  linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]} ins(%x : memref<4xf32>) outs(%y : memref<f32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @wide(%x: memref<4xi64>, %y: memref<4xi64>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xi64>) outs(%y : memref<4xi64>) {
  ^bb0(%in: i64, %out: i64):
    // expected-error @+1 {{GPU kernels require integers of 32 bits, found 4294967296 : i64}}
    %c = arith.constant 4294967296 : i64
    %0 = arith.addi %in, %c : i64
    linalg.yield %0 : i64
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @double(%x: memref<4xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    // expected-error @+1 {{GPU kernels have no form of 'arith.extf' in 32-bit words, of type 'f64'}}
    %0 = arith.extf %in : f32 to f64
    %1 = math.exp %0 : f64
    %2 = arith.truncf %1 : f64 to f32
    linalg.yield %2 : f32
  }
  return
}

// -----

func.func @packed(%x: memref<4x8xi8>, %cache: memref<4x8xi8> {lowbit.kind = "state", lowbit.packed}) {
  // expected-error @+1 {{GPU kernels require packed states to be written element by element, found another operation}}
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : memref<4x8xi8>) outs(%cache : memref<4x8xi8>) {
  ^bb0(%in: i8, %out: i8):
    %0 = arith.xori %in, %out : i8
    linalg.yield %0 : i8
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @narrow(%x: memref<4xi8>, %y: memref<4xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) {
  ^bb0(%in: i8, %out: i8):
    // expected-error @+1 {{GPU kernels have no form of 'math.ctlz' in 32-bit words, of type 'i8'}}
    %0 = math.ctlz %in : i8
    linalg.yield %0 : i8
  }
  return
}

// -----

// The number is 1 when the row is chosen, and 2 when a kernel would look for it.
func.func @overwritten(%x: memref<4x8xf32>, %y: memref<1x8xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = memref.alloc() : memref<index>
  memref.store %c1, %n[] : memref<index>
  // expected-note @+1 {{it is loaded here}}
  %0 = memref.load %n[] : memref<index>
  memref.store %c2, %n[] : memref<index>
  %row = memref.subview %x[%0, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  // expected-error @+1 {{GPU kernels require numbers that a host would load to be where they were, found one that @kernels::@store_1 overwrites}}
  memref.copy %row, %y : memref<1x8xf32, strided<[8, 1], offset: ?>> to memref<1x8xf32>
  return
}
