// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-verify)))' -split-input-file -verify-diagnostics

gpu.module @kernels {
// expected-error@below {{argument 0 has no name; run lowbit-wgsl-assign-names}}
gpu.func @kernel(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} { gpu.return }
}

// -----

gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32> {lowbit.name = "x"}) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %i = gpu.thread_id x
  // expected-error@below {{has no name for its value; run lowbit-wgsl-assign-names}}
  %0 = memref.load %x[%i] : memref<64xf32>
  gpu.return
}
}
