// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels --split-input-file | FileCheck %s

// Where scales are integers under a scale that groups share, and activations have
// one scale, sums of groups times those integers are added up as integers, of 256
// columns at most. Sums of 32 columns have 16 bits; for those of 8 bits and 64
// columns this target has no instruction that multiplies and adds.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#many = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 16, scale = f16>>
#wide = #lowbit.encoding<int<8>, group = 64, scale = f32 as <uint<6>, group = 8, scale = f16>>
#long = #lowbit.encoding<int<4>, group = 256, scale = f32 as <int<4>, group = 2, scale = f16>>
#rounded = #lowbit.encoding<int<4>, group = 32, scale = f16 as <int<4>, group = 8, scale = f16>>
#shifted = #lowbit.encoding<uint<4>, minimum, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#token = #lowbit.encoding<int<8>, channel, scale = f32>
#groups = #lowbit.encoding<int<8>, group = 32, scale = f32>
#groups64 = #lowbit.encoding<int<8>, group = 64, scale = f32>
#words = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  lowbit.global @q : !lowbit.tensor<32x512xf32, #int4, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}
  lowbit.global @m : !lowbit.tensor<32x512xf32, #many, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x32xf16>}
  lowbit.global @w : !lowbit.tensor<32x512xf32, #wide, #planes> {blob = dense<1> : tensor<16576xi8>, scale_scale = dense<1.0> : tensor<1x32xf16>}
  lowbit.global @l : !lowbit.tensor<32x512xf32, #long, #planes> {blob = dense<1> : tensor<8224xi8>, scale_scale = dense<1.0> : tensor<1x32xf16>}
  lowbit.global @o : !lowbit.tensor<32x96xf32, #int4, #planes> {blob = dense<1> : tensor<1584xi8>, scale_scale = dense<1.0> : tensor<1x12xf16>}
  lowbit.global @r : !lowbit.tensor<32x512xf32, #rounded, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}
  lowbit.global @s : !lowbit.tensor<32x512xf32, #shifted, #planes> {blob = dense<1> : tensor<8704xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>, minimum_scale = dense<1.0> : tensor<1x64xf16>}

  // CHECK-LABEL: func.func @runs
  // CHECK: lowbit.call_kernel @[[WORDS:.*_a8x32_groups8]] tiles
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32_groups8 tiles
  // CHECK: lowbit.call_kernel @{{.*}}_a8x64 tiles
  func.func @runs(%x: tensor<?x512xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %m = lowbit.weight @m : !lowbit.tensor<32x512xf32, #many, #planes>
    %w = lowbit.weight @w : !lowbit.tensor<32x512xf32, #wide, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.quantize %x scale 0.5 : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #groups64>
    %2 = lowbit.linear %0, %q : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    %3 = lowbit.linear %0, %m : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #many, #planes> -> tensor<?x32xf32>
    %4 = lowbit.linear %1, %w : !lowbit.tensor<?x512xf32, #groups64>, !lowbit.tensor<32x512xf32, #wide, #planes> -> tensor<?x32xf32>
    return %2, %3, %4 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }

  // Groups of 256 columns are as many by themselves; a row of three groups shares
  // none of its scales' scales; what is rounded to f16 is no integer times a scale;
  // minima take sums of activations; activations have a scale for each group, or
  // 16 bits.

  // CHECK-LABEL: func.func @others
  // CHECK-COUNT-6: lowbit.call_kernel @lowbit_linear_{{.*}}_a{{[0-9x]+}} tiles
  func.func @others(%x: tensor<?x512xf32>, %y: tensor<?x96xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %l = lowbit.weight @l : !lowbit.tensor<32x512xf32, #long, #planes>
    %o = lowbit.weight @o : !lowbit.tensor<32x96xf32, #int4, #planes>
    %r = lowbit.weight @r : !lowbit.tensor<32x512xf32, #rounded, #planes>
    %s = lowbit.weight @s : !lowbit.tensor<32x512xf32, #shifted, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.quantize %y : tensor<?x96xf32> -> !lowbit.tensor<?x96xf32, #token>
    %2 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #groups>
    %3 = lowbit.quantize %x scale 0.5 : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #words>
    %4 = lowbit.linear %0, %l : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #long, #planes> -> tensor<?x32xf32>
    %5 = lowbit.linear %1, %o : !lowbit.tensor<?x96xf32, #token>, !lowbit.tensor<32x96xf32, #int4, #planes> -> tensor<?x32xf32>
    %6 = lowbit.linear %0, %r : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #rounded, #planes> -> tensor<?x32xf32>
    %7 = lowbit.linear %0, %s : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #shifted, #planes> -> tensor<?x32xf32>
    %8 = lowbit.linear %2, %q : !lowbit.tensor<?x512xf32, #groups>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    %9 = lowbit.linear %3, %q : !lowbit.tensor<?x512xf32, #words>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    return %4, %5, %6, %7, %8, %9 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}

// Integers are taken from 8, and sums from 0: pairs of words are multiplied, whose
// upper halves are zeros on one side.

// CHECK: func.func private @[[WORDS]]
// CHECK: arith.subi %{{.*}} : vector<32xi16>
// CHECK: arith.extsi %{{.*}} : vector<32xi16> to vector<32xi32>
// CHECK: vector.deinterleave
// CHECK: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>

// -----

// 32-bit lanes are multiplied and added by one instruction.

#wide = #lowbit.encoding<int<8>, group = 64, scale = f32 as <uint<6>, group = 8, scale = f16>>
#token = #lowbit.encoding<int<8>, channel, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<neon_dotprod>} {
  lowbit.global @w : !lowbit.tensor<32x512xf32, #wide, #planes> {blob = dense<1> : tensor<16576xi8>, scale_scale = dense<1.0> : tensor<1x32xf16>}

  // CHECK-LABEL: func.func @lanes
  // CHECK: lowbit.call_kernel @[[LANES:.*_a8x64_groups4]] tiles
  func.func @lanes(%x: tensor<?x512xf32>) -> tensor<?x32xf32> {
    %w = lowbit.weight @w : !lowbit.tensor<32x512xf32, #wide, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.linear %0, %w : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #wide, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}

// CHECK: func.func private @[[LANES]]
// CHECK-NOT: vector.deinterleave
// CHECK: arith.muli %{{.*}} : vector<4xi32>
// CHECK-NOT: vector.deinterleave
// CHECK: arith.sitofp {{.*}} : vector<4xi32> to vector<4xf32>

// -----

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#token = #lowbit.encoding<int<8>, channel, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

// Vectors of any processor may have neither.

module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @q : !lowbit.tensor<32x512xf32, #int4, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}

  // CHECK-LABEL: func.func @portable
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  func.func @portable(%x: tensor<?x512xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }
}
