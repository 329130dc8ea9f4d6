// Activations in 8 bits: a kernel rounds them, once for all layers that read
// them, and products are those of bytes, a word of four at a time, whose sums
// are integers. Of formats without a formula codes are decoded.

// RUN: quant-opt %s -lowbit-lower-to-gpu-kernels -canonicalize -cse | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#table = #lowbit.encoding<codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>, group = 32, scale = f32>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>
#words2 = #lowbit.tiles<1 by 32, 64, [(k4 : 8, k4 : 2, k2 : 32, b2 : 1)], pad_row_end>

// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_a8_1x4x64
// CHECK-SAME:   memref<32xi32> {{{.*}}, %{{.*}}: memref<4xi32> {{{.*}}, %{{.*}}: memref<4xvector<4xi32>> {{{.*}}lowbit.name = "x"}, %{{.*}}: memref<2xvector<2xf32>> {{{.*}}lowbit.name = "units"}, %{{.*}}: memref<4xf32> {{{.*}}}) kernel
// CHECK-NOT:    vector.fma
// CHECK-COUNT-8: lowbit.dot_bytes
// CHECK:        arith.sitofp
// CHECK-COUNT-2: math.fma

// The largest magnitude of a group, of which each thread has one here.
// CHECK:      gpu.func @quantize_int8_g32_u32_1x64
// CHECK-SAME:   (%[[X:[a-z0-9]+]]: memref<16xvector<4xf32>> {{[^%]*}}, %[[CODES:[a-z0-9]+]]: memref<16xi32> {{[^%]*}}, %[[UNITS:[a-z0-9]+]]: memref<2xvector<2xf32>> {{[^%]*}}) kernel
// CHECK:        math.absf
// CHECK:        vector.reduction <maxnumf>
// CHECK:        math.roundeven
// CHECK:        memref.store %{{.*}}, %[[CODES]]
// CHECK:        memref.store %{{.*}}, %[[UNITS]]

// CHECK:      gpu.func @linear_int_4_group_32_scale_f16_a8_40x4x64
// CHECK:        gpu.barrier
// CHECK-COUNT-16: lowbit.dot_bytes
// CHECK:        gpu.barrier

// CHECK-LABEL: func.func @few
// CHECK-SAME:    (%[[X:.*]]: tensor<1x64xf32>)
// CHECK:         %[[Q:.*]]:2 = lowbit.dispatch @kernels::@quantize_int8_g32_u32_1x64 [1, 1, 1]
// CHECK-SAME:      ins(%[[X]] : tensor<1x64xf32>) outs(%{{.*}}, %{{.*}} : tensor<1x16xi32>, tensor<1x2x2xf32>)
// CHECK-NOT:     quantize
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_a8_1x4x64
// CHECK-SAME:      ins(%{{.*}}, %{{.*}}, %[[Q]]#0, %[[Q]]#1 :
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_a8_1x4x64
// CHECK-SAME:      ins(%{{.*}}, %{{.*}}, %[[Q]]#0, %[[Q]]#1 :
lowbit.global @w : !lowbit.tensor<4x64xf32, #int4, #words> {blob = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
lowbit.global @v : !lowbit.tensor<4x64xf32, #int4, #words> {blob = dense<34> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}
lowbit.global @t : !lowbit.tensor<4x64xf32, #table, #words2> {blob = dense<34> : tensor<64xi8>, scale = dense<1.0> : tensor<4x2xf32>}
func.func @few(%x: tensor<1x64xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %v = lowbit.weight @v : !lowbit.tensor<4x64xf32, #int4, #words>
  %q = lowbit.quantize %x : tensor<1x64xf32> -> !lowbit.tensor<1x64xf32, #a8>
  %y = lowbit.linear %q, %w : !lowbit.tensor<1x64xf32, #a8>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>
  %z = lowbit.linear %q, %v : !lowbit.tensor<1x64xf32, #a8>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>
  return %y, %z : tensor<1x4xf32>, tensor<1x4xf32>
}

// A scale that calibration chose is a number of the kernel.
// CHECK-LABEL: func.func @many
// CHECK:         lowbit.dispatch @kernels::@quantize_int8_static_u32_40x64
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_a8_40x4x64 [1, 2, 1]
func.func @many(%x: tensor<2x20x64xf32>) -> tensor<2x20x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %q = lowbit.quantize %x scale 2.500000e-01 : tensor<2x20x64xf32> -> !lowbit.tensor<2x20x64xf32, #a8>
  %y = lowbit.linear %q, %w : !lowbit.tensor<2x20x64xf32, #a8>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<2x20x4xf32>
  return %y : tensor<2x20x4xf32>
}

// CHECK-LABEL: func.func @table
// CHECK:         %[[Q:.*]] = lowbit.quantize
// CHECK:         %[[X:.*]] = lowbit.dequantize %[[Q]]
// CHECK:         lowbit.dispatch @kernels::@linear_codeboo{{.*}}_1x4x64 {{.*}} ins({{.*}}, %[[X]] :
func.func @table(%x: tensor<1x64xf32>) -> tensor<1x4xf32> {
  %w = lowbit.weight @t : !lowbit.tensor<4x64xf32, #table, #words2>
  %q = lowbit.quantize %x : tensor<1x64xf32> -> !lowbit.tensor<1x64xf32, #a8>
  %y = lowbit.linear %q, %w : !lowbit.tensor<1x64xf32, #a8>, !lowbit.tensor<4x64xf32, #table, #words2> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
