// RUN: quant-opt %s | quant-opt | FileCheck %s
// RUN: quant-opt --mlir-print-op-generic %s | quant-opt | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#u2 = #lowbit.encoding<uint<2>, zero_point = integer, group = 2, scale = f32>
#u4 = #lowbit.encoding<uint<4>, minimum, channel, scale = f16>
#act = #lowbit.encoding<int<4>, group = 2, scale = f16, permuted>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#vnni = #lowbit.planes<rows = 16, padding = 32>
!w = !lowbit.tensor<8x64xf32, #int4>
!p = !lowbit.tensor<8x64xf32, #int4, #vnni>
!q = !lowbit.tensor<?x64xf32, #a8>

// CHECK: lowbit.global @plain : tensor<2x2xf32> {data = dense<0.000000e+00> : tensor<2x2xf32>}
lowbit.global @plain : tensor<2x2xf32> {data = dense<0.0> : tensor<2x2xf32>}

// CHECK: lowbit.global @dense : !lowbit.tensor<2x4xf32, #uint2_g2_f32>
// CHECK-SAME: codes = dense<[27, 28]> : tensor<2xi8>
// CHECK-SAME: scale = dense<1.000000e+00> : tensor<2x2xf32>
// CHECK-SAME: zero_point = dense<1> : tensor<2x2xi8>
lowbit.global @dense : !lowbit.tensor<2x4xf32, #u2> {
  codes = dense<[27, 28]> : tensor<2xi8>, scale = dense<1.0> : tensor<2x2xf32>,
  zero_point = dense<1> : tensor<2x2xi8>}

// CHECK: lowbit.global @minimum
lowbit.global @minimum : !lowbit.tensor<2x4xf32, #u4> {
  codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x1xf16>,
  minimum = dense<-1.0> : tensor<2x1xf16>}

// CHECK: lowbit.global @permuted
// CHECK-SAME: permutation = dense<[2, 0, 3, 1]> : tensor<4xi32>
lowbit.global @permuted : !lowbit.tensor<2x4xf32, #act> {
  codes = dense<0> : tensor<4xi8>, scale = dense<1.0> : tensor<2x2xf16>,
  permutation = dense<[2, 0, 3, 1]> : tensor<4xi32>}

// CHECK: lowbit.global @resource : tensor<2xf32> {data = dense_resource<numbers> : tensor<2xf32>}
lowbit.global @resource : tensor<2xf32> {data = dense_resource<numbers> : tensor<2xf32>}

// CHECK-LABEL: func.func @weights
func.func @weights() -> tensor<2x2xf32> {
  // CHECK: lowbit.weight @dense : !lowbit.tensor<2x4xf32, #uint2_g2_f32>
  %0 = lowbit.weight @dense : !lowbit.tensor<2x4xf32, #u2>
  // CHECK: lowbit.weight @plain : tensor<2x2xf32>
  %1 = lowbit.weight @plain : tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<1x?x64xf32>, %w: !w, %b: tensor<8xf32>,
                  %r: tensor<1x?x8xf32>) -> tensor<1x?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<1x?x64xf32>, !lowbit.tensor<8x64xf32, {{.*}}> -> tensor<1x?x8xf32>
  %0 = lowbit.linear %x, %w : tensor<1x?x64xf32>, !w -> tensor<1x?x8xf32>
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} bias %{{.*}} activation gelu residual %{{.*}} : tensor<1x?x64xf32>
  %1 = lowbit.linear %x, %w bias %b activation gelu residual %r
      : tensor<1x?x64xf32>, !w -> tensor<1x?x8xf32>
  // CHECK: activation leaky_relu(2.000000e-01) :
  %2 = lowbit.linear %x, %w activation leaky_relu(0.2)
      : tensor<1x?x64xf32>, !w -> tensor<1x?x8xf32>
  return %1 : tensor<1x?x8xf32>
}

// The bias' type is written where it is not the result's.
// CHECK-LABEL: func.func @mixed
func.func @mixed(%x: tensor<64xf16>, %w: tensor<8x64xbf16>, %b: tensor<8xf32>)
    -> tensor<8xf16> {
  // CHECK: -> tensor<8xf16>, bias tensor<8xf32>
  %0 = lowbit.linear %x, %w bias %b
      : tensor<64xf16>, tensor<8x64xbf16> -> tensor<8xf16>, bias tensor<8xf32>
  return %0 : tensor<8xf16>
}

// CHECK-LABEL: func.func @gated
func.func @gated(%x: tensor<?x64xf32>, %w: !w, %b: tensor<8xf32>, %r: tensor<?x4xf32>)
    -> tensor<?x4xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} bias %{{.*}} activation silu gated residual %{{.*}} : tensor<?x64xf32>, {{.*}} -> tensor<?x4xf32>, bias tensor<8xf32>
  %0 = lowbit.linear %x, %w bias %b activation silu gated residual %r
      : tensor<?x64xf32>, !w -> tensor<?x4xf32>, bias tensor<8xf32>
  return %0 : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<1x32x?x64xf32>, %k: tensor<1x8x?x64xf32>, %m: tensor<1x1x?x?xf16>)
    -> tensor<1x32x?x64xf32> {
  // CHECK: lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.250000e-01 causal : tensor<1x32x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32> -> tensor<1x32x?x64xf32>
  %0 = lowbit.attention %q, %k, %k scale 0.125 causal
      : tensor<1x32x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32> -> tensor<1x32x?x64xf32>
  // CHECK: lowbit.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} scale 1.000000e+00 : {{.*}}, mask tensor<1x1x?x?xf16> -> tensor<1x32x?x64xf32>
  %1 = lowbit.attention %0, %k, %k mask %m scale 1.0
      : tensor<1x32x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>, mask tensor<1x1x?x?xf16>
      -> tensor<1x32x?x64xf32>
  return %1 : tensor<1x32x?x64xf32>
}

// CHECK-LABEL: func.func @embedding
func.func @embedding(%ids: tensor<1x?xi64>, %w: !w) -> tensor<1x?x64xf32> {
  // CHECK: lowbit.embedding %{{.*}}, %{{.*}} : tensor<1x?xi64>, !lowbit.tensor<8x64xf32, {{.*}}> -> tensor<1x?x64xf32>
  %0 = lowbit.embedding %ids, %w : tensor<1x?xi64>, !w -> tensor<1x?x64xf32>
  return %0 : tensor<1x?x64xf32>
}

// CHECK: lowbit.statistics "q" layers ["q", "k"] count 12 {mean_square = dense<1.000000e+00> : tensor<64xf32>}
lowbit.statistics "q" layers ["q", "k"] count 12 {mean_square = dense<1.0> : tensor<64xf32>}

// CHECK-LABEL: func.func @conversions
func.func @conversions(%x: tensor<?x64xf32>, %w: !w) -> tensor<?x64xf32> {
  // CHECK: lowbit.observe %{{.*}} as "q" layers ["q", "k"] with columns|histogram : tensor<?x64xf32>
  lowbit.observe %x as "q" layers ["q", "k"] with columns|histogram : tensor<?x64xf32>
  // CHECK: lowbit.quantize %{{.*}} : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #int8_g32_f32>
  %1 = lowbit.quantize %x : tensor<?x64xf32> -> !q
  // CHECK: lowbit.quantize %{{.*}} scale 1.250000e-01 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #int8_g32_f32>
  %s = lowbit.quantize %x scale 1.250000e-01 : tensor<?x64xf32> -> !q
  // CHECK: lowbit.dequantize %{{.*}} : !lowbit.tensor<?x64xf32, #int8_g32_f32> -> tensor<?x64xf32>
  %2 = lowbit.dequantize %1 : !q -> tensor<?x64xf32>
  // CHECK: lowbit.pack %{{.*}} : !lowbit.tensor<8x64xf32, #int4_g32_f16> -> !lowbit.tensor<8x64xf32, #int4_g32_f16, #planes16>
  %3 = lowbit.pack %w : !w -> !p
  return %2 : tensor<?x64xf32>
}

func.func private @kernel(tensor<16xi8>, tensor<4xf32>, index, index)
func.func private @fill(memref<4xf32>, index, index)

// CHECK-LABEL: func.func @kernels
func.func @kernels(%w: tensor<16xi8>, %y: tensor<4xf32>, %m: memref<4xf32>, %t: index,
                   %g: index)
    -> tensor<4xf32> {
  // CHECK: %[[Y:.*]] = lowbit.call_kernel @kernel tiles(%{{.*}}) grain(%{{.*}}) ins(%{{.*}} : tensor<16xi8>) outs(%{{.*}} : tensor<4xf32>)
  %0 = lowbit.call_kernel @kernel tiles(%t) grain(%g) ins(%w : tensor<16xi8>) outs(%y : tensor<4xf32>)
  // CHECK: lowbit.call_kernel @fill tiles(%{{.*}}) grain(%{{.*}}) outs(%{{.*}} : memref<4xf32>)
  lowbit.call_kernel @fill tiles(%t) grain(%g) outs(%m : memref<4xf32>)
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @dot4
func.func @dot4(%a: vector<16xi32>, %u: vector<64xi8>, %s: vector<64xi8>) -> vector<16xi32> {
  // CHECK: lowbit.dot4 %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi32>, vector<64xi8>
  %0 = lowbit.dot4 %a, %u, %s : vector<16xi32>, vector<64xi8>
  // CHECK: lowbit.dot4 %{{.*}}, %{{.*}}, %{{.*}} upto 100 signed : vector<16xi32>, vector<64xi8>
  %1 = lowbit.dot4 %0, %u, %s upto 100 signed : vector<16xi32>, vector<64xi8>
  return %0 : vector<16xi32>
}

// CHECK-LABEL: func.func @lut
func.func @lut(%i: vector<32xi8>) -> vector<32xi8> {
  // CHECK: lowbit.lut %{{.*}}, [0, 1, -2, 3] : vector<32xi8>
  %0 = lowbit.lut %i, [0, 1, -2, 3] : vector<32xi8>
  // CHECK: lowbit.lut %{{.*}} upper %{{.*}} : vector<32xi8>, [0, 1, -2, 3] : vector<32xi8>
  %1 = lowbit.lut %i upper %0 : vector<32xi8>, [0, 1, -2, 3] : vector<32xi8>
  return %1 : vector<32xi8>
}

// CHECK-LABEL: func.func @learned_lut
func.func @learned_lut(%i: vector<32xi8>, %one: vector<8xi8>, %each: vector<64xi8>) -> vector<32xi8> {
  // CHECK: lowbit.learned_lut %{{.*}}, %{{.*}} : vector<32xi8>, vector<8xi8>
  %0 = lowbit.learned_lut %i, %one : vector<32xi8>, vector<8xi8>
  // CHECK: lowbit.learned_lut %{{.*}}, %{{.*}} rows : vector<32xi8>, vector<64xi8>
  %1 = lowbit.learned_lut %0, %each rows : vector<32xi8>, vector<64xi8>
  return %1 : vector<32xi8>
}

// CHECK-LABEL: func.func @hash
func.func @hash(%i: vector<32xi8>, %u: vector<32xi8>) -> vector<32xi8> {
  // CHECK: lowbit.hash %{{.*}}, [1, 2, 4, 8, 3, 3, 3, 3] : vector<32xi8>
  %0 = lowbit.hash %i, [1, 2, 4, 8, 3, 3, 3, 3] : vector<32xi8>
  // CHECK: lowbit.hash %{{.*}} upper %{{.*}} : vector<32xi8>, [1, 2, 4, 8, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2] : vector<32xi8>
  %1 = lowbit.hash %0 upper %u : vector<32xi8>, [1, 2, 4, 8, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2] : vector<32xi8>
  return %1 : vector<32xi8>
}

// CHECK-LABEL: func.func @windows
func.func @windows(%s: vector<32xi8>) -> vector<16xi8> {
  // CHECK: lowbit.windows %{{.*}}, [0, 3, 6, 56] : vector<32xi8> -> vector<16xi8>
  %0 = lowbit.windows %s, [0, 3, 6, 56] : vector<32xi8> -> vector<16xi8>
  return %0 : vector<16xi8>
}

// CHECK-LABEL: gpu.func @lanes
gpu.module @lane_kernels {
  gpu.func @lanes(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<64xf32>
    // CHECK: lowbit.reduce_lanes %{{.*}}, %{{.*}} of 32 : f32, f32
    %0, %1 = lowbit.reduce_lanes %a, %a of 32 : f32, f32
    // CHECK: lowbit.reduce_lanes max %{{.*}} of 64 : f32
    %2 = lowbit.reduce_lanes max %0 of 64 : f32
    // CHECK: lowbit.subgroup_rank : i32
    %3 = lowbit.subgroup_rank : i32
    gpu.return
  }
}
