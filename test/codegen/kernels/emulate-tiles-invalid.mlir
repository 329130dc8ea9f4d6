// RUN: not quant-opt %s --split-input-file --lowbit-emulate-tiles 2>&1 | FileCheck %s
// CHECK: error: 'scf.for' op requires tiles that it carries to be sums of themselves and products, found another

func.func @swap(%c: memref<?xi32>, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %a = amx.tile_zero : !amx.tile<16x16xi32>
  %b = amx.tile_zero : !amx.tile<16x16xi32>
  %sums:2 = scf.for %i = %c0 to %end step %c1 iter_args(%x = %a, %y = %b) -> (!amx.tile<16x16xi32>, !amx.tile<16x16xi32>) {
    scf.yield %y, %x : !amx.tile<16x16xi32>, !amx.tile<16x16xi32>
  }
  amx.tile_store %c[%c0], %sums#0, %c16 : memref<?xi32>, !amx.tile<16x16xi32>
  return
}

// -----

// CHECK: error: 'amx.tile_mulf' op requires products of bf16 to be emulated, found those of 'f16'
func.func @half(%a: memref<?xf16>, %c: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  %rows = amx.tile_load %a[%c0], %c16 : memref<?xf16> into !amx.tile<16x32xf16>
  %sum = amx.tile_mulf %rows, %rows, %zero : !amx.tile<16x32xf16>, !amx.tile<16x32xf16>, !amx.tile<16x16xf32>
  amx.tile_store %c[%c0], %sum, %c16 : memref<?xf32>, !amx.tile<16x16xf32>
  return
}
