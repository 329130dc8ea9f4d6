// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels --split-input-file | FileCheck %s

// Where pairs of words are multiplied as fast as bytes, activations are words,
// even columns of a step before odd ones, and so are even and odd bytes of codes.
// Numbers of two bytes stay bytes, and long groups, whose sums could exceed 32
// bits.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#table = #lowbit.encoding<codebook<dense<[-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0, 0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0]> : tensor<16xf32>>, group = 32, scale = f16>
#long = #lowbit.encoding<int<4>, group = 258, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#a16_long = #lowbit.encoding<int<16>, group = 258, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @n : !lowbit.tensor<32x64xf32, #table, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @l : !lowbit.tensor<32x258xf32, #long, #planes> {blob = dense<1> : tensor<4224xi8>}

  // CHECK-LABEL: func.func @main
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x32_words
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x32 tiles
  // CHECK: lowbit.call_kernel @lowbit_panel_a8x32_words
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x258 tiles
  func.func @main(%x: tensor<?x64xf32>, %z: tensor<?x258xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    %n = lowbit.weight @n : !lowbit.tensor<32x64xf32, #table, #planes>
    %l = lowbit.weight @l : !lowbit.tensor<32x258xf32, #long, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    %2 = lowbit.linear %0, %n : !lowbit.tensor<?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #table, #planes> -> tensor<?x32xf32>
    %3 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %4 = lowbit.linear %3, %q : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    %5 = lowbit.quantize %z : tensor<?x258xf32> -> !lowbit.tensor<?x258xf32, #a16_long>
    %6 = lowbit.linear %5, %l : !lowbit.tensor<?x258xf32, #a16_long>, !lowbit.tensor<32x258xf32, #long, #planes> -> tensor<?x32xf32>
    return %1, %2, %4, %6 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}

// CHECK-LABEL: func.func private @lowbit_panel_a16x32_words
// CHECK: %[[WORDS:.*]] = arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: vector.shuffle %[[WORDS]], %[[WORDS]] [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15]

// The row of a single activation multiplies the codes where they lie: whole
// bytes, and the upper half of them.
// CHECK-LABEL: func.func private @lowbit_linear_int_4
// CHECK-NOT: lowbit.dot4
// CHECK-DAG: dense<240> : vector<8xi16>
// CHECK-DAG: dense<255> : vector<8xi16>
// CHECK: vector.deinterleave {{.*}} : vector<8xi32> -> vector<4xi32>
// CHECK-LABEL: func.func private @lowbit_panel_a16x32(
// CHECK-NOT: trunci {{.*}} to vector<16xi16>
// CHECK-LABEL: func.func private @lowbit_linear_codeboo
// CHECK: lowbit.dot4

// -----

// Where bytes are multiplied at once, activations are bytes.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<wasm_relaxed>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}
  // CHECK-LABEL: func.func @main
  // CHECK: lowbit.call_kernel @lowbit_panel_a16x32 tiles
  // CHECK-LABEL: func.func private @lowbit_linear_int_4
  // CHECK: lowbit.dot4
  func.func @main(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}

// -----

// Codes of three bits are planes of two and of one. For words these are put
// together first, by one row as by several: sums for each place would be more
// than there are registers.

#int3 = #lowbit.encoding<int<3>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 16>

module attributes {lowbit.target = #lowbit.cpu<wasm>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int3, #planes> {blob = dense<1> : tensor<896xi8>}
  // CHECK-LABEL: func.func private @lowbit_linear_int_3
  // CHECK: arith.ori {{.*}} : vector<16xi8>
  // CHECK: scf.for {{.*}} step %c1
  // CHECK: arith.ori {{.*}} : vector<16xi8>
  // CHECK-NOT: dense<{{48|128|192}}> : vector<8xi16>
  func.func @main(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int3, #planes>
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #int3, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}
