// What is copied is written to both places by the operation that computes it, if
// nothing has touched the copy's place since.

// RUN: quant-opt %s -lowbit-gpu-merge-copies -split-input-file | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// The copy's buffer is there before it is written.
// CHECK-LABEL: func.func @state(
// CHECK-SAME:    %[[X:.*]]: memref<8xf32>, %[[ROWS:.*]]: memref<4x8xf32>
// CHECK:         %[[ROW:.*]] = memref.subview
// CHECK:         %[[STATE:.*]] = memref.alloc()
// CHECK:         linalg.generic
// CHECK-SAME:      ins(%[[X]] : memref<8xf32>) outs(%[[ROW]], %[[STATE]] :
// CHECK:           %[[Y:.*]] = math.tanh
// CHECK:           linalg.yield %[[Y]], %[[Y]] : f32, f32
// CHECK-NOT:     memref.copy
// CHECK:         return
func.func @state(%x: memref<8xf32>, %rows: memref<4x8xf32>, %y: memref<8xf32>, %t: index) {
  %row = memref.subview %rows[%t, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%row : memref<8xf32, strided<[1], offset: ?>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  }
  memref.copy %row, %row : memref<8xf32, strided<[1], offset: ?>> to memref<8xf32, strided<[1], offset: ?>>
  %state = memref.alloc() : memref<8xf32>
  memref.copy %row, %state : memref<8xf32, strided<[1], offset: ?>> to memref<8xf32>
  linalg.exp ins(%state : memref<8xf32>) outs(%y : memref<8xf32>)
  return
}

// -----

#id = affine_map<(d0) -> (d0)>

// The operation reads what the copy overwrites; something else has read it since;
// the source has another writer in between.
// CHECK-LABEL: func.func @touched
// CHECK-COUNT-3: memref.copy
// CHECK-NOT:     memref.copy
func.func @touched(%x: memref<8xf32>, %y: memref<8xf32>, %z: memref<8xf32>, %a: memref<8xf32>, %b: memref<8xf32>, %c: memref<8xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  }
  memref.copy %y, %x : memref<8xf32> to memref<8xf32>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%z : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  }
  linalg.exp ins(%b : memref<8xf32>) outs(%a : memref<8xf32>)
  memref.copy %z, %b : memref<8xf32> to memref<8xf32>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%a : memref<8xf32>) outs(%z : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  }
  linalg.exp ins(%z : memref<8xf32>) outs(%z : memref<8xf32>)
  memref.copy %z, %c : memref<8xf32> to memref<8xf32>
  return
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>

// A sum is none of its elements', a part isn't what was written, eight buffers are
// all that a kernel binds, and what reductions begin with is no buffer.
// CHECK-LABEL: func.func @left
// CHECK-COUNT-4: memref.copy
// CHECK-NOT:     memref.copy
func.func @left(%x: memref<8xf32>, %sum: memref<f32>, %again: memref<f32>, %y: memref<8xf32>, %part: memref<4xf32>,
                %a: memref<8xf32>, %b: memref<8xf32>, %c: memref<8xf32>, %d: memref<8xf32>, %e: memref<8xf32>, %f: memref<8xf32>,
                %z: memref<8xf32>, %ninth: memref<8xf32>, %zeros: memref<8xf32>, %zeros2: memref<8xf32>) {
  linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : memref<8xf32>) outs(%sum : memref<f32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  memref.copy %sum, %again : memref<f32> to memref<f32>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  }
  %first = memref.subview %y[0] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1]>>
  memref.copy %first, %part : memref<4xf32, strided<[1]>> to memref<4xf32>
  linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %a, %b, %c, %d, %e, %f : memref<8xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>)
      outs(%z : memref<8xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32, %3: f32, %4: f32, %5: f32, %6: f32, %out: f32):
    %7 = arith.addf %0, %1 : f32
    %8 = arith.addf %7, %2 : f32
    %9 = arith.addf %8, %3 : f32
    %10 = arith.addf %9, %4 : f32
    %11 = arith.addf %10, %5 : f32
    %12 = arith.addf %11, %6 : f32
    linalg.yield %12 : f32
  }
  memref.copy %z, %ninth : memref<8xf32> to memref<8xf32>
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%zeros : memref<8xf32>) {
  ^bb0(%out: f32):
    linalg.yield %zero : f32
  }
  memref.copy %zeros, %zeros2 : memref<8xf32> to memref<8xf32>
  return
}
