// The host of a schedule computes nothing.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-make-schedule

func.func @load(%x: memref<4xi64>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{the GPU has no kernel for 'memref.load', and the host of a schedule computes nothing: lower it to linalg on buffers of static shape first}}
  %0 = memref.load %x[%c0] : memref<4xi64>
  %1 = arith.sitofp %0 : i64 to f32
  linalg.fill ins(%1 : f32) outs(%y : memref<4xf32>)
  return
}

// -----

// expected-error @+1 {{a schedule requires results to be written to arguments, found '(memref<4xf32>) -> memref<4xf32>': a result that is an input needs a copy}}
func.func @result(%x: memref<4xf32>) -> memref<4xf32> {
  return %x : memref<4xf32>
}

// -----

// expected-error @+1 {{a schedule requires arguments that are tensors of static shape, found argument 0 of type 'memref<?xf32>'}}
func.func @dynamic(%x: memref<?xf32>) {
  return
}

// -----

// expected-error @+1 {{a schedule requires a function without branches: the GPU runs every dispatch}}
func.func @branch(%x: memref<4xf32>) {
  cf.br ^bb1
^bb1:
  return
}

// -----

// expected-error @+1 {{a weight's buffer requires data}}
memref.global "private" constant @w : memref<4xf32>
func.func @user() {
  %w = memref.get_global @w : memref<4xf32>
  %s = memref.alloc() : memref<4xf32>
  lowbit.dispatch @kernels::@copy [1, 1, 1] ins(%w : memref<4xf32>) outs(%s : memref<4xf32>)
  return
}
gpu.module @kernels {
  gpu.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    gpu.return
  }
}

// -----

// expected-error @+1 {{GPU kernels require integers of 32 bits, found a constant beyond them of type 'tensor<1xi64>'}}
memref.global "private" constant @w : memref<1xi64> = dense<4294967296>
func.func @user() {
  %w = memref.get_global @w : memref<1xi64>
  %s = memref.alloc() : memref<1xi64>
  lowbit.dispatch @kernels::@copy [1, 1, 1] ins(%w : memref<1xi64>) outs(%s : memref<1xi64>)
  return
}
gpu.module @kernels {
  gpu.func @copy(%x: memref<1xi32>, %y: memref<1xi32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    gpu.return
  }
}

// -----

// Ranges of buffers are words of 32 bits.
gpu.module @kernels {
  gpu.func @negf(%x: memref<1600000000xf32>, %y: memref<1600000000xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    gpu.return
  }
}
func.func @large(%x: memref<40000x40000xf32>, %y: memref<40000x40000xf32> {bufferize.result}) {
  // expected-error @+1 {{GPU kernels require buffers below 4 GiB, found 6.0 GiB for a tensor of type 'tensor<40000x40000xf32>': make its dimensions smaller, with --shape, --max-length or --prefill-length}}
  lowbit.dispatch @kernels::@negf [65535, 382, 1] ins(%x : memref<40000x40000xf32>) outs(%y : memref<40000x40000xf32>)
  return
}

// -----

// A cache of f16 that is packed, and a kernel that takes a word for each
// number; then the other way round.
gpu.module @kernels {
  // expected-note @+1 {{argument 0 is 'memref<64xf32>'}}
  gpu.func @scores(%keys: memref<64xf32>, %y: memref<8xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    gpu.return
  }
}
func.func @packed(%keys: memref<8x8xf16> {lowbit.kind = "state", lowbit.packed}, %y: memref<8xf32> {bufferize.result}) {
  // expected-error @+1 {{a schedule requires buffers that have what kernels take, found 128 bytes in operand 0 of type 'memref<8x8xf16>', whose elements are packed into words, where @kernels::@scores takes 256}}
  lowbit.dispatch @kernels::@scores [1, 1, 1] ins(%keys : memref<8x8xf16>) outs(%y : memref<8xf32>)
  return
}

// -----

gpu.module @kernels {
  // expected-note @+1 {{argument 0 is 'memref<8xvector<4xi32>>'}}
  gpu.func @scores(%keys: memref<8xvector<4xi32>>, %y: memref<8xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    gpu.return
  }
}
func.func @words(%keys: memref<8x8xf16> {lowbit.kind = "state"}, %y: memref<8xf32> {bufferize.result}) {
  // expected-error @+1 {{a schedule requires buffers that have what kernels take, found 256 bytes in operand 0 of type 'memref<8x8xf16>', with a word for each element, where @kernels::@scores takes 128}}
  lowbit.dispatch @kernels::@scores [1, 1, 1] ins(%keys : memref<8x8xf16>) outs(%y : memref<8xf32>)
  return
}
