// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=DEFAULT
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels="row-tile=2 prefetch-bytes=2048 prefetch-level=2 task-products=4096 task-values=1024" | FileCheck %s --check-prefix=TUNED
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels="row-tile=8 prefetch-bytes=0" | FileCheck %s --check-prefix=EIGHT
// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels="row-tile=1 column-chunk=16 chained-sums=0" | FileCheck %s --check-prefix=SINGLE

// How many rows share decoded codes, how far ahead codes are prefetched, and
// what a task is: options, whose defaults `quant-opt --tune` was measured for.

// DEFAULT: divui %c32768,
// DEFAULT: divui %c262144,
// DEFAULT: func.func private @lowbit_linear_int_4
// DEFAULT: divui %arg2, %c4
// DEFAULT: scf.for {{.*}} step %c4
// DEFAULT: arith.constant 6144 : index
// DEFAULT: memref.prefetch {{.*}} locality<3>

// TUNED: divui %c1024,
// TUNED: divui %c4096,
// TUNED: func.func private @lowbit_linear_int_4
// TUNED: divui %arg2, %c2
// TUNED: scf.for {{.*}} step %c2
// TUNED: arith.constant 2048 : index
// TUNED: memref.prefetch {{.*}} locality<2>

// What eights leave over is computed by fours before single rows.

// EIGHT: func.func private @lowbit_linear_int_4
// EIGHT: divui %arg2, %c8
// EIGHT: scf.for {{.*}} step %c8
// EIGHT: divui %arg2, %c4
// EIGHT: scf.for {{.*}} step %c4
// EIGHT-NOT: memref.prefetch

// SINGLE: func.func private @lowbit_linear_int_4
// SINGLE: scf.for {{.*}} = %{{.*}} to %arg2 step %c1
// SINGLE: scf.for {{.*}} to %c8 step %c4
// SINGLE-COUNT-4: memref.prefetch
// SINGLE: scf.yield

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}

  func.func @main(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}
