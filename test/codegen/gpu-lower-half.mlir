// Floats of 16 bits are f32 that are their numbers: results are rounded to them.

// RUN: quant-opt %s -lowbit-gpu-lower-linalg -canonicalize -cse | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// What the host gives may be any f32; a scratch buffer holds what was rounded. A
// bf16 is the upper half of a word. NaN stays as it is: what is added to its bits
// could make a number of it.
// CHECK:      gpu.func @addf_4(%[[X:[a-z0-9]+]]: memref<4xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<4xf32> {{[^%]*}}) kernel
// CHECK:        %[[GIVEN:.*]] = memref.load %[[X]]
// CHECK:        %[[BITS:.*]] = arith.bitcast %[[GIVEN]] : f32 to i32
// CHECK:        %[[MAGNITUDE:.*]] = arith.andi %[[BITS]], %c2147483647_i32
// CHECK:        arith.shrui %[[BITS]], %c16_i32
// CHECK:        arith.andi %{{.*}}, %c-65536_i32
// CHECK:        %[[ROUNDED:.*]] = arith.bitcast
// CHECK:        %[[IS_NAN:.*]] = arith.cmpi ugt, %[[MAGNITUDE]], %c2139095040_i32
// CHECK:        %[[NUMBER:.*]] = arith.select %[[IS_NAN]], %[[GIVEN]], %[[ROUNDED]] : f32
// CHECK:        %[[SUM:.*]] = arith.addf %[[NUMBER]], %[[NUMBER]] : f32
// CHECK:        arith.bitcast %[[SUM]] : f32 to i32
// CHECK:        arith.andi %{{.*}}, %c-65536_i32
// CHECK:        %[[ROUNDED:.*]] = arith.select %{{.*}}, %[[SUM]], %{{.*}} : f32
// CHECK:        memref.store %[[ROUNDED]], %[[Y]]

// The sign of a number takes no rounding, nor does a choice.
// CHECK:      gpu.func @maximumf_of_2_4
// CHECK:        %[[NUMBER:.*]] = memref.load
// CHECK-NEXT:   %[[OTHER:.*]] = arith.negf %[[NUMBER]] : f32
// CHECK-NEXT:   %[[LARGER:.*]] = arith.maximumf %[[NUMBER]], %[[OTHER]] : f32
// CHECK-NEXT:   memref.store %[[LARGER]]

// Integers become numbers of f16, and bytes.
// CHECK:      gpu.func @fptoui_of_2_4(%[[N:[a-z0-9]+]]: memref<4xi32> {{[^%]*}}, %[[B:[a-z0-9]+]]: memref<4xi32> {{[^%]*}}) kernel
// CHECK:        arith.sitofp %{{.*}} : i32 to f32
// CHECK:        arith.select
// CHECK:        %[[CODE:.*]] = arith.fptoui %{{.*}} : f32 to i32
// CHECK:        %[[BYTE:.*]] = arith.andi %[[CODE]], %c255_i32
// CHECK:        memref.store %[[BYTE]], %[[B]]

// What is too large for f16 is infinity, with its sign; in a cache, where two
// numbers are in a word, NaN is one.
// CHECK:      gpu.func @truncf_4(%[[X:[a-z0-9]+]]: memref<4xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<4xf32> {{[^%]*}}) kernel
// CHECK:        %[[BITS:.*]] = arith.bitcast %{{.*}} : f32 to i32
// CHECK:        %[[MAGNITUDE:.*]] = arith.andi %[[BITS]], %c2147483647_i32
// CHECK:        %[[IS_FINITE:.*]] = arith.cmpi ult, %[[MAGNITUDE]], %c1199566848_i32
// CHECK:        %[[SIGN:.*]] = arith.subi %[[BITS]], %[[MAGNITUDE]]
// CHECK:        %[[INFINITY:.*]] = arith.ori %[[SIGN]], %c2139095040_i32
// CHECK:        %[[SIGNED:.*]] = arith.bitcast %[[INFINITY]] : i32 to f32
// CHECK:        arith.select %[[IS_FINITE]], %{{.*}}, %[[SIGNED]] : f32
// CHECK:      gpu.func @truncf_{{.*}}: memref<{{[0-9]+}}xi32>
// CHECK:        %[[CODE:.*]] = arith.select %{{.*}}, %{{.*}}, %c31744_i32
// CHECK:        %[[IS_NUMBER:.*]] = arith.cmpi ult, %{{.*}}, %c2139095041_i32
// CHECK:        arith.select %[[IS_NUMBER]], %[[CODE]], %c32256_i32

// CHECK-LABEL: func.func @sum
func.func @sum(%x: memref<4xbf16>, %y: memref<4xbf16>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xbf16>) outs(%y : memref<4xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    %0 = arith.addf %in, %in : bf16
    linalg.yield %0 : bf16
  }
  return
}

// CHECK-LABEL: func.func @exact
func.func @exact(%y: memref<4xf16>) {
  %x = memref.alloc() : memref<4xf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xf16>) outs(%y : memref<4xf16>) {
  ^bb0(%in: f16, %out: f16):
    %0 = arith.negf %in : f16
    %1 = arith.maximumf %in, %0 : f16
    linalg.yield %1 : f16
  }
  return
}

// CHECK-LABEL: func.func @codes
func.func @codes(%x: memref<4xi64>, %y: memref<4xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xi64>) outs(%y : memref<4xi8>) {
  ^bb0(%in: i64, %out: i8):
    %0 = arith.sitofp %in : i64 to f16
    %1 = arith.fptoui %0 : f16 to i8
    linalg.yield %1 : i8
  }
  return
}

func.func @large(%x: memref<4xf32>, %y: memref<4xf16>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xf32>) outs(%y : memref<4xf16>) {
  ^bb0(%in: f32, %out: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  }
  return
}

func.func @cache(%x: memref<4xf32>, %y: memref<4xf16> {lowbit.kind = "state", lowbit.packed}) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<4xf32>) outs(%y : memref<4xf16>) {
  ^bb0(%in: f32, %out: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  }
  return
}
