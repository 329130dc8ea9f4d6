// RUN: quant-opt %s --lowbit-cpu-verify-vectorized --split-input-file --verify-diagnostics

func.func @scalar_sum(%a: memref<?xf32>, %n: index, %zero: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> f32 {
    %1 = memref.load %a[%i] : memref<?xf32>
    // expected-error @+1 {{scalar floating-point work in a loop: 'arith.addf'}}
    %2 = arith.addf %s, %1 : f32
    scf.yield %2 : f32
  }
  return %0 : f32
}

// -----

func.func @scalar_copy(%a: memref<?xf32>, %b: memref<?xf32>, %n: index) {
  scf.forall (%i) in (%n) {
    %0 = memref.load %a[%i] : memref<?xf32>
    // expected-error @+1 {{scalar floating-point work in a loop: 'memref.store'}}
    memref.store %0, %b[%i] : memref<?xf32>
  }
  return
}

// -----

func.func @left_over(%a: memref<?xf32>, %zero: f32) {
  // expected-error @+1 {{linalg op was not vectorized: 'linalg.fill'}}
  linalg.fill ins(%zero : f32) outs(%a : memref<?xf32>)
  return
}

// -----

// Vectors, index arithmetic, and scalars outside of loops are fine; so are
// kernels.

func.func @clean(%a: memref<?xf32>, %n: index, %x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %n step %c16 {
    %0 = vector.load %a[%i] : memref<?xf32>, vector<16xf32>
    %1 = arith.addf %0, %0 : vector<16xf32>
    vector.store %1, %a[%i] : memref<?xf32>, vector<16xf32>
  }
  %2 = arith.addf %x, %x : f32
  return %2 : f32
}

// So are single numbers in a loop of the program's, but not in one inside of it.
func.func @program(%a: memref<f32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = memref.load %a[] : memref<f32>
    %1 = arith.addf %0, %0 : f32
    memref.store %1, %a[] : memref<f32>
  } {lowbit.program_loop}
  return
}

func.func @inner(%a: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    scf.for %j = %c0 to %n step %c1 {
      %0 = memref.load %a[%j] : memref<?xf32>
      // expected-error @+1 {{scalar floating-point work in a loop: 'arith.addf'}}
      %1 = arith.addf %0, %0 : f32
      memref.store %1, %a[%j] : memref<?xf32>
    }
  } {lowbit.program_loop}
  return
}

// -----

func.func @kernel(%a: memref<?xf32>, %n: index) attributes {lowbit.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = memref.load %a[%i] : memref<?xf32>
    %1 = arith.addf %0, %0 : f32
    memref.store %1, %a[%i] : memref<?xf32>
  }
  return
}
