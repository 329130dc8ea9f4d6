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

// -----

// Steps in steps are as many as both together.
func.func @nested(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c6 step %c1 {
    scf.for %j = %c0 to %c2 step %c1 {
      // expected-error @+1 {{a GPU schedule requires loops that compute tensors to have at most 100 steps, found 9 in each of 12 steps of the loops around: make the dimension smaller, with --shape}}
      scf.for %t = %c0 to %c9 step %c1 {
        // expected-note @+1 {{each step has 'linalg.exp'}}
        linalg.exp ins(%x : memref<8xf32>) outs(%y : memref<8xf32>)
      }
    }
  }
  return
}

// -----

// More of them than 64 bits count, around which a loop has none.
func.func @endless(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %most = arith.constant 9223372036854775807 : index
  scf.for %i = %c0 to %c0 step %c1 {
    scf.for %j = %c0 to %most step %c1 {
      // expected-error @+1 {{at most 100 steps, found 9223372036854775807 in each of 9223372036854775807 steps of the loops around}}
      scf.for %t = %c0 to %most step %c1 {
        // expected-note @+1 {{each step has 'linalg.exp'}}
        linalg.exp ins(%x : memref<8xf32>) outs(%y : memref<8xf32>)
      }
    }
  }
  return
}

// -----

func.func @late(%x: memref<?x8xf32>) {
  %first = arith.constant 2147483647 : index
  %end = arith.constant 2147483649 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{a GPU schedule requires loops that compute tensors to count in 32 bits, found steps that begin at 2147483647 and are 1 apart: count from 0}}
  scf.for %t = %first to %end step %c1 {
    %row = memref.subview %x[%t, 0] [1, 8] [1, 1] : memref<?x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    linalg.exp ins(%row : memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%row : memref<1x8xf32, strided<[8, 1], offset: ?>>)
  }
  return
}

// -----

func.func @ended_by_a_condition(%x: memref<8xf32>, %go: memref<i1>) {
  // expected-error @+1 {{a GPU schedule requires loops to have a number of steps that is known when the model is compiled, found one that ends when a condition fails: give it no condition and a constant number of steps, or compile it for a CPU}}
  scf.while : () -> () {
    %0 = memref.load %go[] : memref<i1>
    scf.condition(%0)
  } do {
    linalg.exp ins(%x : memref<8xf32>) outs(%x : memref<8xf32>)
    scf.yield
  }
  return
}
