// RUN: not quant-opt %s --lowbit-emulate-tiles 2>&1 | FileCheck %s
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
