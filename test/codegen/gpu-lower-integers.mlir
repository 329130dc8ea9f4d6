// Integers of 8 and 16 bits are computed in words, of which they are the low bits,
// and wrap around: above them are zeros.

// RUN: quant-opt %s -lowbit-gpu-lower-linalg -canonicalize -cse | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// What a host gives may have a sign above. A sum loses what it carries, once it is
// one; that narrow numbers don't overflow says nothing of words.
// CHECK:      gpu.func @muli_of_2_8(%[[A:[a-z0-9]+]]: memref<8xi32> {{[^%]*}}, %[[B:[a-z0-9]+]]: memref<8xi32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<8xi32> {{[^%]*}})
// CHECK:        %[[MASK:.*]] = arith.constant 255 : i32
// CHECK:        %[[A0:.*]] = memref.load %[[A]]
// CHECK:        %[[A1:.*]] = arith.andi %[[A0]], %[[MASK]]
// CHECK:        %[[B0:.*]] = memref.load %[[B]]
// CHECK:        %[[B1:.*]] = arith.andi %[[B0]], %[[MASK]]
// CHECK:        %[[SUM:.*]] = arith.addi %[[A1]], %[[B1]] : i32
// CHECK:        %[[BITS:.*]] = arith.andi %[[SUM]], %[[MASK]]
// CHECK:        %[[PRODUCT:.*]] = arith.muli %[[BITS]], %[[B1]] : i32
// CHECK:        %[[WORD:.*]] = arith.andi %[[PRODUCT]], %[[MASK]]
// CHECK:        memref.store %[[WORD]], %[[Y]]
func.func @wrap(%a: memref<8xi8>, %b: memref<8xi8>, %y: memref<8xi8>) {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : memref<8xi8>, memref<8xi8>) outs(%y : memref<8xi8>) {
  ^bb0(%0: i8, %1: i8, %out: i8):
    %2 = arith.addi %0, %1 : i8
    %3 = arith.muli %2, %1 overflow<nsw, nuw> : i8
    linalg.yield %3 : i8
  }
  return
}

// Where signs count, numbers get theirs. A buffer of the GPU's own has zeros above.
// CHECK:      gpu.func @divsi_7(%[[A:[a-z0-9]+]]: memref<7xi32>
// CHECK:        %[[A0:.*]] = memref.load %[[A]]
// CHECK:        %[[UP:.*]] = arith.shli %[[A0]], %c16_i32
// CHECK:        %[[SIGNED:.*]] = arith.shrsi %[[UP]], %c16_i32
// CHECK:        %[[QUOTIENT:.*]] = arith.divsi %[[SIGNED]], %{{.*}} : i32
// CHECK:        arith.andi %[[QUOTIENT]], %c65535_i32
func.func @divide(%b: memref<7xi16>, %y: memref<7xi16>) {
  %a = memref.alloc() : memref<7xi16>
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : memref<7xi16>, memref<7xi16>) outs(%y : memref<7xi16>) {
  ^bb0(%0: i16, %1: i16, %out: i16):
    %2 = arith.divsi %0, %1 : i16
    linalg.yield %2 : i16
  }
  return
}

// Numbers without a sign are what their bits are.
// CHECK:      gpu.func @select_of_2_9
// CHECK-NOT:    arith.shrsi
// CHECK:        %[[TEST:.*]] = arith.cmpi ult, %[[A:.*]], %[[B:.*]] : i32
// CHECK:        %[[WORD:.*]] = arith.select %[[TEST]], %[[A]], %[[B]] : i32
// CHECK-NEXT:   memref.store %[[WORD]]
func.func @least(%a: memref<9xi8>, %b: memref<9xi8>, %y: memref<9xi8>) {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : memref<9xi8>, memref<9xi8>) outs(%y : memref<9xi8>) {
  ^bb0(%0: i8, %1: i8, %out: i8):
    %2 = arith.cmpi ult, %0, %1 : i8
    %3 = arith.select %2, %0, %1 : i8
    linalg.yield %3 : i8
  }
  return
}

// A remainder is what a quotient leaves: SPIR-V has none of numbers with a sign.
// CHECK:      gpu.func @remsi_10
// CHECK:        %[[QUOTIENT:.*]] = arith.divsi %[[A:.*]], %[[B:.*]] : i32
// CHECK:        %[[WHOLE:.*]] = arith.muli %[[QUOTIENT]], %[[B]] : i32
// CHECK:        arith.subi %[[A]], %[[WHOLE]] : i32
func.func @rest(%a: memref<10xi32>, %b: memref<10xi32>, %y: memref<10xi32>) {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : memref<10xi32>, memref<10xi32>) outs(%y : memref<10xi32>) {
  ^bb0(%0: i32, %1: i32, %out: i32):
    %2 = arith.remsi %0, %1 : i32
    linalg.yield %2 : i32
  }
  return
}
