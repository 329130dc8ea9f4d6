// RUN: quant-opt %s --lowbit-quantize-weights=method=lattice1.875 | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=lattice2.75-g16-a8 | FileCheck %s --check-prefix=FOUR
// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<lattice<8 in 11>, channel, scale = f32>"' | FileCheck %s --check-prefix=PLAIN
// RUN: not quant-opt %s --lowbit-quantize-weights=method=lattice2.125 2>&1 | FileCheck %s --check-prefix=RATE
// RUN: not quant-opt %s --lowbit-quantize-weights=method=lattice4 2>&1 | FileCheck %s --check-prefix=RATE
// RUN: not quant-opt %s --lowbit-quantize-weights=method=lattice2-g20 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s --lowbit-quantize-weights=method=lattice2-dq 2>&1 | FileCheck %s --check-prefix=END

// A code for eight numbers up to 2 bits each, for four beyond: odd multiples of
// the group's scale whose sum is a multiple of four. Scales have 4 bits, under
// an f16 for 256 columns.

// CHECK: #[[E:.*]] = #lowbit.encoding<lattice<8 in 15>, group = 32, scale = f16 as <uint<4>, group = 8, scale = f16>>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x32xf32, #[[E]]> {codes = dense<{{.*}}> : tensor<15xi8>, scale = dense<{{.*}}> : tensor<1xi8>

// FOUR: #lowbit.encoding<lattice<4 in 11>, group = 16, scale = f16 as <uint<4>, group = 16, scale = f16>>
// FOUR: lowbit.quantize %{{.*}} : tensor<?x32xf32>

// PLAIN: #lowbit.encoding<lattice<8 in 11>, channel, scale = f32>
// PLAIN: codes = dense<{{.*}}> : tensor<11xi8>, scale = dense<{{.*}}> : tensor<2x1xf32>

// RATE: quantization method 'lattice{{.*}}': requires a rate of 1.375 to 2 bits in steps of 0.125 or 2.25 to 3.5 in steps of 0.25 behind lattice, found '{{.*}}'
// GROUP: requires a multiple of 8 columns behind -g, found '{{.*}}'
// END: found '-dq' at the end

lowbit.global @fc : tensor<2x32xf32> {data = dense<0.5> : tensor<2x32xf32>}

func.func @linear(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x32xf32>
  %y = lowbit.linear %x, %w : tensor<?x32xf32>, tensor<2x32xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
