// RUN: quant-opt %s -pass-pipeline='builtin.module(gpu.module(gpu.func(lowbit-wgsl-assign-names,lowbit-wgsl-verify)))' -o /dev/null

// Barriers in loops that every invocation of a workgroup goes round as often.
gpu.module @kernels {
gpu.func @kernel(%x: memref<64xf32>, %n: memref<1xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %i = gpu.thread_id x
  // What is only read is the same for all.
  %word = memref.load %n[%c0] : memref<1xi32>
  %rounds = arith.index_cast %word : i32 to index
  scf.for %j = %c0 to %rounds step %c1 {
    gpu.barrier
  }
  %last = scf.while (%h = %c1) : (index) -> index {
    %more = arith.cmpi ult, %h, %rounds : index
    scf.condition(%more) %h : index
  } do {
  ^bb0(%h: index):
    gpu.barrier
    %next = arith.addi %h, %c1 : index
    scf.yield %next : index
  }
  %a = memref.load %x[%i] : memref<64xf32>
  memref.store %a, %x[%last] : memref<64xf32>
  gpu.return
}
}
