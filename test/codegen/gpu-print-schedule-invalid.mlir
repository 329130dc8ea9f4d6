// What no host can run as it stands is an error at the operation in question.

// RUN: quant-opt %s -split-input-file -verify-diagnostics -lowbit-gpu-print-schedule="output=/dev/null"

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  // expected-error @+1 {{a schedule requires arguments that are bytes with a kind, a name and a static tensor type, found argument 0 of type 'memref<64xf32>'}}
  func.func @main(%x: memref<64xf32>) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main() {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{a schedule requires buffers of bytes, found 'memref<64xf32>'}}
    %x = memref.alloc() : memref<64xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>, %y: memref<64xf32>) kernel {
      %c0 = arith.constant 0 : index
      %0 = memref.load %x[%c0] : memref<64xf32>
      memref.store %0, %y[%c0] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main() {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %s = memref.alloc() : memref<256xi8>
    %x = memref.view %s[%c0][] : memref<256xi8> to memref<64xf32>
    // expected-error @+1 {{a dispatch that writes a buffer binds it once, found 'scratch0' again as operand 1}}
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<64xf32>, %x : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{a schedule consists of buffers, their views and launches, found 'memref.load': lower it to a kernel first}}
    %0 = memref.load %x[%c0] : memref<256xi8>
    %1 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%1 : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.muli %c1, %c0 : index
    %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    // expected-error @+1 {{a schedule requires launches of constant sizes, found sizes that are computed}}
    gpu.launch_func @kernels::@k blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%0 : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  memref.global "private" constant @w : memref<64xf32>
  func.func @main() {
    %c1 = arith.constant 1 : index
    %0 = memref.alloc() : memref<256xi8>
    %1 = builtin.unrealized_conversion_cast %0 : memref<256xi8> to memref<64xf32>
    // expected-error @+1 {{a schedule requires operands that are views of buffers at constant offsets, found operand 0 of type 'memref<64xf32>'}}
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%1 : memref<64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  // expected-error @+1 {{a schedule requires a function of one block without results, found '(memref<256xi8>) -> memref<256xi8>'}}
  func.func @main(%x: memref<256xi8>) -> memref<256xi8> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%0 : memref<64xf32>)
    return %x : memref<256xi8>
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>, %y: memref<64xf32>, %z: memref<64xf32>) kernel {
      gpu.return
    }
  }
  // Hosts find inputs and outputs by their names. One of each may be called the same.
  // expected-error @+1 {{a schedule requires arguments of a kind to have names of their own, found 'y' for more than one output}}
  func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "y", lowbit.tensor = tensor<64xf32>},
                  %y: memref<256xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<64xf32>},
                  %z: memref<256xi8> {lowbit.kind = "output", lowbit.name = "y", lowbit.tensor = tensor<64xf32>}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
    %1 = memref.view %y[%c0][] : memref<256xi8> to memref<64xf32>
    %2 = memref.view %z[%c0][] : memref<256xi8> to memref<64xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%0 : memref<64xf32>, %1 : memref<64xf32>, %2 : memref<64xf32>)
    return
  }
}
