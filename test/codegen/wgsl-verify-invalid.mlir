// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-assign-names,lowbit-wgsl-verify)))' -split-input-file -verify-diagnostics

gpu.module @kernels {
// expected-error@below {{'gpu.func' op requires the size of its workgroups for WGSL: add known_block_size}}
gpu.func @kernel(%x: memref<64xf32>) kernel { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{requires workgroups of at most 256 x 256 x 64 and 256 invocations in all, found 32 x 16 x 1}}
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 32, 16, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{argument 0 requires a flat memref of i32, f32, f16 or vectors of 2 or 4 of them for WGSL, found 'memref<64xi8>'}}
gpu.func @kernel(%x: memref<64xi8>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{requires at most 8 buffers for WGSL, found 9}}
gpu.func @kernel(%a: memref<1xf32>, %b: memref<1xf32>, %c: memref<1xf32>, %d: memref<1xf32>, %e: memref<1xf32>,
                 %f: memref<1xf32>, %g: memref<1xf32>, %h: memref<1xf32>, %i: memref<1xf32>)
    kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{requires at most 16384 bytes of workgroup memory for WGSL, found 16400}}
gpu.func @kernel(%x: memref<64xf32>) workgroup(%w: memref<4100xf32, #gpu.address_space<workgroup>>)
    kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{requires the feature 'f16', which not every adapter has; allow it with features=f16}}
gpu.func @kernel(%x: memref<64xf16>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
// expected-error@below {{requires a body of one block for WGSL, found 2: loops and branches are those of scf}}
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  llvm.br ^next
^next:
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<64xf32>
  // expected-error@below {{'math.cbrt' op has no form in WGSL; lower it before lowbit-wgsl-verify}}
  %1 = math.cbrt %0 : f32
  memref.store %1, %x[%i] : memref<64xf32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  // expected-error@below {{requires values of i1, i32, index, f32, f16 or vectors of 2 to 4 of them for WGSL, found 'i64'}}
  %0 = arith.constant 1 : i64
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  // expected-error@below {{requires a finite number for WGSL, found 0x7FC00000 : f32}}
  %0 = arith.constant 0x7FC00000 : f32
  memref.store %0, %x[%i] : memref<64xf32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  // expected-error@below {{requires an index of 32 bits for WGSL, found 4294967296}}
  %i = arith.constant 4294967296 : index
  %0 = memref.load %x[%i] : memref<64xf32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %c32 = arith.constant 32 : i32
  %0 = memref.load %x[%i] : memref<64xi32>
  // expected-error@below {{requires a shift by less than 32 bits, found 32}}
  %1 = arith.shli %0, %c32 : i32
  memref.store %1, %x[%i] : memref<64xi32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %c0 = arith.constant 0 : i32
  %0 = memref.load %x[%i] : memref<64xi32>
  // expected-error@below {{divides by the constant zero, which WGSL refuses}}
  %1 = arith.divui %0, %c0 : i32
  memref.store %1, %x[%i] : memref<64xi32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %c0 = arith.constant 0 : i32
  %0 = memref.load %x[%i] : memref<64xi32>
  %1 = arith.cmpi eq, %0, %c0 : i32
  // expected-error@below {{computes with truth values, which WGSL doesn't}}
  %2 = arith.addi %1, %1 : i1
  %3 = arith.extui %2 : i1 to i32
  memref.store %3, %x[%i] : memref<64xi32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<64xf32>
  // expected-error@below {{tests for NaN, which adapters may assume not to exist}}
  %1 = arith.cmpf uno, %0, %0 : f32
  %2 = arith.select %1, %0, %0 : f32
  memref.store %2, %x[%i] : memref<64xf32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %c32 = arith.constant 32 : index
  %0 = arith.cmpi ult, %i, %c32 : index
  // expected-note@below {{they may go different ways here}}
  scf.if %0 {
    // expected-error@below {{requires that all invocations of a workgroup reach it}}
    gpu.barrier
  }
  gpu.return
}
}

// -----

// What the kernel writes may change from one invocation's load to another's.
gpu.module @kernels {
gpu.func @kernel(%x: memref<64xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %word = memref.load %x[%c0] : memref<64xi32>
  %n = arith.index_cast %word : i32 to index
  // expected-note@below {{they may go different ways here}}
  scf.for %i = %c0 to %n step %c1 {
    // expected-error@below {{requires that all invocations of a workgroup reach it}}
    gpu.barrier
  }
  memref.store %word, %x[%c1] : memref<64xi32>
  gpu.return
}
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  %0 = memref.load %x[%i] : memref<64xf32>
  // expected-error@below {{requires the feature 'subgroups', which not every adapter has; allow it with features=subgroups}}
  %1 = gpu.subgroup_reduce add %0 : (f32) -> f32
  memref.store %1, %x[%i] : memref<64xf32>
  gpu.return
}
}

// -----

gpu.module @kernels {
// expected-error@below {{requires the feature 'f16', which not every adapter has; allow it with features=f16}}
gpu.func @kernel(%x: memref<64xf32>) workgroup(%w: memref<64xvector<4xf16>, #gpu.address_space<workgroup>>)
    kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}
