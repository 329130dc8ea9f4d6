// RUN: quant-opt %s --lowbit-emulate-tiles | FileCheck %s --implicit-check-not=amx.

// Operations on tiles are loops over the rows of buffers on the stack.

// CHECK-LABEL: func.func @product
// CHECK-COUNT-4: memref.alloca() {alignment = 64 : i64} : memref<1024xi8>
// CHECK: scf.for {{.*}} to %c16
// CHECK: vector.store {{.*}} : memref<1024xi8>, vector<64xi8>
// CHECK: scf.for {{.*}} to %c16
// CHECK: vector.load %arg0[{{.*}}] : memref<?xi8>, vector<32xi8>
// CHECK: scf.for {{.*}} to %c8
// CHECK: vector.load %arg1[{{.*}}] : memref<?xi8>, vector<64xi8>
// CHECK: scf.for {{.*}} to %c16
// CHECK: scf.for {{.*}} to %c8
// CHECK: arith.shrui
// CHECK-COUNT-4: arith.muli {{.*}} : vector<16xi32>
// CHECK: scf.for {{.*}} to %c16
// CHECK: vector.store {{.*}} : memref<?xi32>, vector<16xi32>
func.func @product(%a: memref<?xi8>, %b: memref<?xi8>, %c: memref<?xi32>, %at: index) {
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = amx.tile_zero : !amx.tile<16x16xi32>
  %rows = amx.tile_load %a[%at], %c32 : memref<?xi8> into !amx.tile<16x32xi8>
  %columns = amx.tile_load %b[%at], %c64 : memref<?xi8> into !amx.tile<8x64xi8>
  %sum = amx.tile_muli %rows, %columns zext, %zero : !amx.tile<16x32xi8>, !amx.tile<8x64xi8>, !amx.tile<16x16xi32>
  amx.tile_store %c[%at], %sum, %c16 : memref<?xi32>, !amx.tile<16x16xi32>
  return
}

// Sums that a loop carries are buffers.

// CHECK-LABEL: func.func @loop
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (memref<1024xi8>)
func.func @loop(%a: memref<?xi8>, %c: memref<?xi32>, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = amx.tile_zero : !amx.tile<16x16xi32>
  %sum = scf.for %i = %c0 to %end step %c1 iter_args(%before = %zero) -> (!amx.tile<16x16xi32>) {
    %rows = amx.tile_load %a[%i], %c64 : memref<?xi8> into !amx.tile<16x64xi8>
    %next = amx.tile_muli %rows, %rows, %before : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
    scf.yield %next : !amx.tile<16x16xi32>
  }
  amx.tile_store %c[%c0], %sum, %c16 : memref<?xi32>, !amx.tile<16x16xi32>
  return
}

// Tiles of bf16 may be loaded from bytes. Even and odd columns have sums of
// their own, and what is subnormal is flushed before it is added.

// CHECK-LABEL: func.func @pairs
// CHECK: scf.for {{.*}} to %c16
// CHECK: vector.load %arg0[{{.*}}] : memref<?xi8>, vector<64xi8>
// CHECK: scf.for {{.*}} to %c16
// CHECK: vector.load %arg1[{{.*}}] : memref<?xbf16>, vector<32xbf16>
// CHECK: scf.for {{.*}} to %c16
// CHECK: scf.for {{.*}} to %c16{{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: %[[EVEN:.*]] = vector.fma
// CHECK: arith.andi {{.*}} : vector<16xi32>
// CHECK: arith.select
// CHECK: vector.fma
// CHECK: scf.yield
// CHECK-COUNT-2: arith.addf {{.*}} : vector<16xf32>
func.func @pairs(%a: memref<?xi8>, %b: memref<?xbf16>, %c: memref<?xf32>, %at: index) {
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  %rows = amx.tile_load %a[%at], %c64 : memref<?xi8> into !amx.tile<16x32xbf16>
  %columns = amx.tile_load %b[%at], %c32 : memref<?xbf16> into !amx.tile<16x32xbf16>
  %sum = amx.tile_mulf %rows, %columns, %zero : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
  amx.tile_store %c[%at], %sum, %c16 : memref<?xf32>, !amx.tile<16x16xf32>
  return
}
