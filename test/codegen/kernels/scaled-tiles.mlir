// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s

// Codes times the integers that are their groups' scales are bytes, which tiles
// add up for all groups under one scale of scales.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#long = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<4>, group = 64, scale = f16>>
#short = #lowbit.encoding<int<4>, group = 48, scale = f32 as <int<4>, group = 8, scale = f16>>
#wide = #lowbit.encoding<int<4>, group = 32, scale = f32 as <int<6>, group = 8, scale = f16>>
#rounded = #lowbit.encoding<int<4>, group = 32, scale = f16 as <int<4>, group = 8, scale = f16>>
#shifted = #lowbit.encoding<uint<4>, minimum, group = 32, scale = f32 as <int<4>, group = 8, scale = f16>>
#token = #lowbit.encoding<int<8>, scale = f32>
#groups = #lowbit.encoding<int<8>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_amx>} {
  lowbit.global @q : !lowbit.tensor<32x512xf32, #int4, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}
  lowbit.global @l : !lowbit.tensor<32x2048xf32, #long, #planes> {blob = dense<1> : tensor<33792xi8>, scale_scale = dense<1.0> : tensor<1x32xf16>}
  lowbit.global @s : !lowbit.tensor<32x96xf32, #short, #planes> {blob = dense<1> : tensor<1568xi8>, scale_scale = dense<1.0> : tensor<1x8xf16>}
  lowbit.global @o : !lowbit.tensor<32x96xf32, #int4, #planes> {blob = dense<1> : tensor<1584xi8>, scale_scale = dense<1.0> : tensor<1x12xf16>}
  lowbit.global @w : !lowbit.tensor<32x512xf32, #wide, #planes> {blob = dense<1> : tensor<8576xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}
  lowbit.global @r : !lowbit.tensor<32x512xf32, #rounded, #planes> {blob = dense<1> : tensor<8448xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>}
  lowbit.global @m : !lowbit.tensor<32x512xf32, #shifted, #planes> {blob = dense<1> : tensor<8704xi8>, scale_scale = dense<1.0> : tensor<1x64xf16>, minimum_scale = dense<1.0> : tensor<1x64xf16>}

  // Eight groups of 32 are a run of 256 columns, whose segments are joined: 8 of
  // 16 rows are worth a tile.

  // CHECK-LABEL: func.func @run
  // CHECK: arith.addi %{{.*}}, %c8
  // CHECK: lowbit.call_kernel @lowbit_panel_a8x32_joined8_token
  // CHECK: lowbit.call_kernel @[[KERNEL:lowbit_linear_int_4_.*_a8x32_joined8_scaled8]]
  func.func @run(%x: tensor<?x512xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // A given scale is one for the row, too.

  // CHECK-LABEL: func.func @given
  // CHECK: lowbit.call_kernel @lowbit_panel_a8x32_joined8_scaled
  // CHECK: lowbit.call_kernel @[[KERNEL]]
  func.func @given(%x: tensor<?x512xf32>) -> tensor<?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %0 = lowbit.quantize %x scale 0.5 : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #groups>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<?x512xf32, #groups>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @long
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32_joined8_scaled64
  func.func @long(%x: tensor<?x2048xf32>) -> tensor<?x32xf32> {
    %l = lowbit.weight @l : !lowbit.tensor<32x2048xf32, #long, #planes>
    %0 = lowbit.quantize %x : tensor<?x2048xf32> -> !lowbit.tensor<?x2048xf32, #token>
    %1 = lowbit.linear %0, %l : !lowbit.tensor<?x2048xf32, #token>, !lowbit.tensor<32x2048xf32, #long, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // Two groups of 48 columns have a scale in common and fill no steps.

  // CHECK-LABEL: func.func @short
  // CHECK: lowbit.call_kernel @{{.*}}_a8x48_scaled2
  func.func @short(%x: tensor<?x96xf32>) -> tensor<?x32xf32> {
    %s = lowbit.weight @s : !lowbit.tensor<32x96xf32, #short, #planes>
    %0 = lowbit.quantize %x : tensor<?x96xf32> -> !lowbit.tensor<?x96xf32, #token>
    %1 = lowbit.linear %0, %s : !lowbit.tensor<?x96xf32, #token>, !lowbit.tensor<32x96xf32, #short, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // The others are scaled group by group: a row of three groups shares none of
  // its scales' scales; four bits times six are more than a byte; what is
  // rounded to f16 is no integer times a scale; minima take sums of activations;
  // activations have a scale for each group.

  // CHECK-LABEL: func.func @odd
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  func.func @odd(%x: tensor<?x96xf32>) -> tensor<?x32xf32> {
    %o = lowbit.weight @o : !lowbit.tensor<32x96xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x96xf32> -> !lowbit.tensor<?x96xf32, #token>
    %1 = lowbit.linear %0, %o : !lowbit.tensor<?x96xf32, #token>, !lowbit.tensor<32x96xf32, #int4, #planes> -> tensor<?x32xf32>
    return %1 : tensor<?x32xf32>
  }

  // CHECK-LABEL: func.func @others
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  // CHECK: lowbit.call_kernel @{{.*}}_a8x32 tiles
  func.func @others(%x: tensor<?x512xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %w = lowbit.weight @w : !lowbit.tensor<32x512xf32, #wide, #planes>
    %r = lowbit.weight @r : !lowbit.tensor<32x512xf32, #rounded, #planes>
    %m = lowbit.weight @m : !lowbit.tensor<32x512xf32, #shifted, #planes>
    %q = lowbit.weight @q : !lowbit.tensor<32x512xf32, #int4, #planes>
    %0 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #token>
    %1 = lowbit.quantize %x : tensor<?x512xf32> -> !lowbit.tensor<?x512xf32, #groups>
    %2 = lowbit.linear %0, %w : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #wide, #planes> -> tensor<?x32xf32>
    %3 = lowbit.linear %0, %r : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #rounded, #planes> -> tensor<?x32xf32>
    %4 = lowbit.linear %0, %m : !lowbit.tensor<?x512xf32, #token>, !lowbit.tensor<32x512xf32, #shifted, #planes> -> tensor<?x32xf32>
    %5 = lowbit.linear %1, %q : !lowbit.tensor<?x512xf32, #groups>, !lowbit.tensor<32x512xf32, #int4, #planes> -> tensor<?x32xf32>
    return %2, %3, %4, %5 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}

// Headers of eight segments come before their bytes, whose steps go on.

// CHECK-LABEL: func.func private @lowbit_panel_a8x32_joined8_token
// CHECK: arith.remui %{{.*}}, %c8

// Bytes are multiplied in words when they are decoded; steps of 64 columns, four
// of a visit, fill tiles; one scale of scales is loaded for each register.

// CHECK: func.func private @[[KERNEL]]
// CHECK: arith.muli %{{.*}} : vector<32xi16>
// CHECK: arith.addi %{{.*}} : vector<32xi16>
// CHECK: arith.xori %{{.*}} : vector<32xi16>
// CHECK-COUNT-4: amx.tile_zero
// CHECK-COUNT-16: amx.tile_muli {{.*}} : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
// CHECK: amx.tile_store
