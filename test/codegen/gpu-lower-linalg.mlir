// Linalg on buffers becomes kernels: a thread for each element of the result.

// RUN: quant-opt %s -lowbit-gpu-lower-linalg -canonicalize -cse | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Buffers are flat in kernels; 48 elements don't fill a workgroup.
// CHECK:      gpu.module @kernels
// CHECK:      gpu.func @negf_6x8(%[[X:[a-z0-9]+]]: memref<48xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<48xf32> {{[^%]*}}) kernel
// CHECK-SAME: known_block_size = array<i32: 64, 1, 1>
// CHECK:        %[[T:.*]] = gpu.thread_id x
// CHECK:        %[[INSIDE:.*]] = arith.cmpi ult
// CHECK:        scf.if %[[INSIDE]]
// CHECK:          memref.load %[[X]]
// CHECK:          arith.negf
// CHECK:          memref.store %{{.*}}, %[[Y]]

// A sum loops in its thread.
// CHECK:      gpu.func @reduce_addf_6x8(%{{.*}}: memref<48xf32> {{[^%]*}}, %{{.*}}: memref<6xf32> {{[^%]*}})
// CHECK:        scf.for {{.*}} iter_args

// The number that it begins with is in the kernel, and no kernel fills.
// CHECK:      gpu.func @reduce_addf_6x8_1
// CHECK:        %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK:        scf.for {{.*}} iter_args(%{{.*}} = %[[ZERO]])

// Integers of 64 bits are words.
// CHECK:      gpu.func @addi_4(%{{.*}}: memref<4xi32> {{[^%]*}}, %{{.*}}: memref<4xi32> {{[^%]*}})
// CHECK:        arith.addi {{.*}} : i32

// So are the ends of their range, with which searches begin.
// CHECK:      gpu.func @select_of_2_4(%{{.*}}: memref<4xi32> {{[^%]*}}, %{{.*}}: memref<4xi32> {{[^%]*}})
// CHECK-DAG:    arith.constant 2147483647 : i32
// CHECK-DAG:    arith.constant -2147483648 : i32

// Weights of narrow elements are read as they are stored.
// CHECK:      gpu.func @sitofp_8(%[[W:[a-z0-9]+]]: memref<2xi32> {{[^%]*}}, %{{.*}}: memref<8xf32> {{[^%]*}})
// CHECK:        %[[WORD:.*]] = memref.load %[[W]]
// CHECK:        arith.shrui %[[WORD]]
// CHECK:        arith.andi
// CHECK:        arith.shli
// CHECK:        arith.shrsi
// CHECK:        arith.sitofp

// CHECK:      gpu.func @extf_8(%[[W:[a-z0-9]+]]: memref<2xi32> {{[^%]*}}, %{{.*}}: memref<8xf32> {{[^%]*}})
// CHECK:        %[[BYTE:.*]] = arith.andi
// CHECK:        %[[EXPONENT:.*]] = arith.shli %[[BYTE]], %c23_i32
// CHECK:        arith.bitcast %[[EXPONENT]] : i32 to f32
// CHECK:      gpu.func @extui_of_2_8(%{{.*}}: memref<2xi32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<8xi32> {{[^%]*}})
// CHECK:        %[[BYTE:.*]] = arith.andi
// CHECK-NEXT:   memref.store %[[BYTE]], %[[Y]]

// A view is part of the address, of the buffer it is of.
// CHECK:      gpu.func @copy_2x4(%[[X:[a-z0-9]+]]: memref<48xf32> {{[^%]*}}, %{{.*}}: memref<8xf32> {{[^%]*}})

// Where a cache is written the host would know: each thread finds it out.
// CHECK:      gpu.func @copy_1x8(%[[X:[a-z0-9]+]]: memref<8xf32> {{[^%]*}}, %[[P:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}, %[[CACHE:[a-z0-9]+]]: memref<128xf32> {{[^%]*}})
// CHECK:        %[[WORD:.*]] = memref.load %[[P]]
// CHECK:        arith.index_cast %[[WORD]]
// CHECK:        arith.maxsi
// CHECK:        %[[ROW:.*]] = arith.minsi
// CHECK:        %[[FIRST:.*]] = arith.muli %[[ROW]], %c8
// CHECK:        %[[AT:.*]] = arith.addi %[[FIRST]]
// CHECK:        memref.store %{{.*}}, %[[CACHE]][%[[AT]]]

// Of a packed state a thread writes a word: two numbers of 16 bits.
// CHECK:      gpu.func @truncf_16x8(%[[X:[a-z0-9]+]]: memref<128xf32> {{[^%]*}}, %[[CACHE:[a-z0-9]+]]: memref<64xi32> {{[^%]*}})
// CHECK-COUNT-2: memref.load %[[X]]
// CHECK:        %[[UPPER:.*]] = arith.shli %{{.*}}, %c16_i32
// CHECK:        %[[WORD:.*]] = arith.ori %{{.*}}, %[[UPPER]]
// CHECK:        memref.store %[[WORD]], %[[CACHE]]

// Threads take numbers of a row in turns; what each found is combined with what
// the buffer had.
// CHECK:      gpu.func @reduce_maximumf_3x128(%[[X:[a-z0-9]+]]: memref<384xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<3xf32> {{[^%]*}})
// CHECK:        %[[THREAD:.*]] = arith.addi
// CHECK:        %[[EXISTS:.*]] = arith.cmpi ult, %[[THREAD]], %c96
// CHECK:        %[[LANE:.*]] = arith.remui %[[THREAD]], %c32
// CHECK:        %[[START:.*]] = memref.load %[[Y]]
// CHECK:        %[[OWN:.*]] = scf.for %{{.*}} = %[[LANE]] to %c128 step %c32
// CHECK:        %[[ALL:.*]] = lowbit.reduce_lanes max %[[OWN]] of 32 : f32
// CHECK:        %[[MOST:.*]] = arith.maximumf %[[START]], %[[ALL]]
// CHECK:        %[[FIRST:.*]] = arith.cmpi eq, %[[LANE]], %c0
// CHECK:        %[[WRITES:.*]] = arith.andi %[[FIRST]], %[[EXISTS]]
// CHECK:        scf.if %[[WRITES]]
// CHECK-NEXT:     memref.store %[[MOST]], %[[Y]]

// CHECK:      gpu.func @reduce_addf_70x128
// CHECK-NOT:    reduce_lanes

// CHECK-LABEL: func.func @elementwise
// CHECK-NEXT:    lowbit.dispatch @kernels::@negf_6x8 [1, 1, 1] ins(%{{.*}} : memref<6x8xf32>) outs(%{{.*}} : memref<6x8xf32>)
func.func @elementwise(%x: memref<6x8xf32>, %y: memref<6x8xf32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<6x8xf32>) outs(%y : memref<6x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  return
}

// CHECK-LABEL: func.func @reduction
func.func @reduction(%x: memref<6x8xf32>, %y: memref<6xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<6x8xf32>) outs(%y : memref<6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}

// CHECK-LABEL: func.func @filled
// CHECK-NEXT:    lowbit.dispatch @kernels::@reduce_addf_6x8_1
// CHECK-NEXT:    return
func.func @filled(%x: memref<6x8xf32>, %y: memref<6xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<6xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<6x8xf32>) outs(%y : memref<6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}

// CHECK-LABEL: func.func @integers
func.func @integers(%x: memref<4xi64>, %y: memref<4xi64>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<4xi64>) outs(%y : memref<4xi64>) {
  ^bb0(%in: i64, %out: i64):
    %c = arith.constant 3 : i64
    %0 = arith.addi %in, %c : i64
    linalg.yield %0 : i64
  }
  return
}

// CHECK-LABEL: func.func @ends
func.func @ends(%x: memref<4xi64>, %y: memref<4xi64>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<4xi64>) outs(%y : memref<4xi64>) {
  ^bb0(%in: i64, %out: i64):
    %largest = arith.constant 9223372036854775807 : i64
    %smallest = arith.constant -9223372036854775808 : i64
    %0 = arith.cmpi eq, %in, %largest : i64
    %1 = arith.select %0, %smallest, %in : i64
    linalg.yield %1 : i64
  }
  return
}

memref.global "private" constant @w : memref<8xi8>

// CHECK-LABEL: func.func @bytes
func.func @bytes(%y: memref<8xf32>) {
  %w = memref.get_global @w : memref<8xi8>
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%w : memref<8xi8>) outs(%y : memref<8xf32>) {
  ^bb0(%in: i8, %out: f32):
    %0 = arith.sitofp %in : i8 to f32
    linalg.yield %0 : f32
  }
  return
}

memref.global "private" constant @scales : memref<8xf8E8M0FNU>

// Floats of 8 bits are their bits until one is widened.
// CHECK-LABEL: func.func @powers
// CHECK:         lowbit.dispatch @kernels::@extf_8 [1, 1, 1] ins(%{{.*}} : memref<8xf8E8M0FNU>)
// CHECK:         lowbit.dispatch @kernels::@extui_of_2_8 [1, 1, 1] ins(%{{.*}} : memref<8xf8E8M0FNU>)
func.func @powers(%y: memref<8xf32>, %n: memref<8xi32>) {
  %w = memref.get_global @scales : memref<8xf8E8M0FNU>
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%w : memref<8xf8E8M0FNU>) outs(%y : memref<8xf32>) {
  ^bb0(%in: f8E8M0FNU, %out: f32):
    %0 = arith.extf %in : f8E8M0FNU to f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%w : memref<8xf8E8M0FNU>) outs(%n : memref<8xi32>) {
  ^bb0(%in: f8E8M0FNU, %out: i32):
    %0 = arith.bitcast %in : f8E8M0FNU to i8
    %1 = arith.extui %0 : i8 to i32
    linalg.yield %1 : i32
  }
  return
}

// CHECK-LABEL: func.func @view
// CHECK:         lowbit.dispatch @kernels::@copy_2x4 [1, 1, 1] ins(%{{.*}} : memref<6x8xf32>)
func.func @view(%x: memref<6x8xf32>, %y: memref<2x4xf32>) {
  %0 = memref.subview %x[1, 4] [2, 4] [1, 1] : memref<6x8xf32> to memref<2x4xf32, strided<[8, 1], offset: 12>>
  memref.copy %0, %y : memref<2x4xf32, strided<[8, 1], offset: 12>> to memref<2x4xf32>
  return
}

// CHECK-LABEL: func.func @computed_place
// CHECK:         lowbit.dispatch @kernels::@copy_1x8 [1, 1, 1] ins(%{{.*}}, %{{.*}} : memref<1x8xf32>, memref<i64>) outs(%{{.*}} : memref<16x8xf32>)
func.func @computed_place(%position: memref<i64>, %x: memref<1x8xf32>, %cache: memref<16x8xf32>) {
  %0 = memref.load %position[] : memref<i64>
  %1 = arith.index_cast %0 : i64 to index
  %2 = affine.max affine_map<()[s0] -> (s0, 0)>()[%1]
  %3 = affine.min affine_map<()[s0] -> (s0, 15)>()[%2]
  %row = memref.subview %cache[%3, 0] [1, 8] [1, 1] : memref<16x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  memref.copy %x, %row : memref<1x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  return
}

// CHECK-LABEL: func.func @packed
func.func @packed(%x: memref<16x8xf32>, %cache: memref<16x8xf16> {lowbit.kind = "state", lowbit.packed}) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<16x8xf32>) outs(%cache : memref<16x8xf16>) {
  ^bb0(%in: f32, %out: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  }
  return
}

// The numbers of a long row are shared out among neighbouring threads, which all
// meet; those beyond the last row repeat it. One of them writes.
// CHECK-LABEL: func.func @long_row
// CHECK:         lowbit.dispatch @kernels::@reduce_maximumf_3x128 [2, 1, 1]
func.func @long_row(%x: memref<3x128xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<3x128xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}

// Columns of a matrix are read across anyway: a thread for each.
// CHECK-LABEL: func.func @columns
// CHECK:         lowbit.dispatch @kernels::@reduce_addf_70x128 [2, 1, 1]
func.func @columns(%x: memref<128x70xf32>, %y: memref<70xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<128x70xf32>) outs(%y : memref<70xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}

// What is in its place isn't copied there.
// CHECK-LABEL: func.func @in_place
// CHECK-NOT:     lowbit.dispatch
// CHECK:         return
func.func @in_place(%x: memref<4x8xf32>) {
  %row = memref.subview %x[2, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<1x8xf32, strided<[8, 1], offset: 16>>
  memref.copy %row, %row : memref<1x8xf32, strided<[8, 1], offset: 16>> to memref<1x8xf32, strided<[8, 1], offset: 16>>
  return
}
