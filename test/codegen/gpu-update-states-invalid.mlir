// RUN: quant-opt %s --lowbit-gpu-update-states --split-input-file --verify-diagnostics

func.func @another(%cache: memref<16x8xf32> {lowbit.state = 0 : i64}) -> memref<16x8xf32> {
  %new = memref.alloc() : memref<16x8xf32>
  // expected-error @+1 {{copies the state that is argument 0 of '@another', which requires to be updated in place: nothing may read it as it was before it is written}}
  return %new : memref<16x8xf32>
}

// -----

func.func @before(%cache: memref<16x8xf32> {lowbit.state = 1 : i64}) -> (memref<16x8xf32>, memref<16x8xf32>) {
  %old = memref.alloc() : memref<16x8xf32>
  // expected-error @+1 {{copies the state that is argument 0 of '@before'}}
  memref.copy %cache, %old : memref<16x8xf32> to memref<16x8xf32>
  return %old, %cache : memref<16x8xf32>, memref<16x8xf32>
}

// -----

// expected-error @+1 {{'lowbit.state' requires the number of a result of its own, found 1}}
func.func @none(%cache: memref<16x8xf32> {lowbit.state = 1 : i64}) -> memref<16x8xf32> {
  return %cache : memref<16x8xf32>
}
