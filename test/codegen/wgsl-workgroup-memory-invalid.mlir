// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-workgroup-memory)))' -split-input-file -verify-diagnostics

gpu.module @kernels {
gpu.func @wide() kernel {
  // expected-error @+1 {{workgroup memory requires i32, f32, f16 or vectors of 2 or 4 of them for WGSL, found 'i64'}}
  %0 = memref.alloc() : memref<64xi64, #gpu.address_space<workgroup>>
  gpu.return
}
}

// -----

// Whose length the host chooses, too.
gpu.module @kernels {
gpu.func @grows() kernel {
  // expected-error @+1 {{found 'vector<3xf32>'}}
  %0 = memref.alloc() {lowbit.grows} : memref<64xvector<3xf32>, #gpu.address_space<workgroup>>
  gpu.return
}
}
