// Steps that can't be written out are one error, which names what they have.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-unroll-loops=most-steps=100

func.func @computed(%n: memref<index>, %h: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %steps = memref.load %n[] : memref<index>
  // expected-error @+1 {{a GPU schedule requires loops that compute tensors to have a number of steps that is known when the model is compiled, found bounds that are computed: fix dynamic dimensions with --shape}}
  scf.for %t = %c0 to %steps step %c1 {
    // expected-note @+1 {{each step has 'linalg.exp'}}
    linalg.exp ins(%h : memref<8xf32>) outs(%h : memref<8xf32>)
  }
  return
}

// -----

func.func @many(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c101 = arith.constant 101 : index
  // expected-error @+1 {{a GPU schedule requires loops that compute tensors to have at most 100 steps, found 101: make the dimension smaller, with --shape}}
  scf.for %t = %c0 to %c101 step %c1 {
    // expected-note @+1 {{each step has 'linalg.exp'}}
    linalg.exp ins(%x : memref<8xf32>) outs(%y : memref<8xf32>)
  }
  return
}
