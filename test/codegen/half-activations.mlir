// Layers of the same shape whose activations are f32, bf16 and f16. Those of 16 bits
// share a kernel, whose variant in f16 devices take by themselves; that for f32 is
// another one, whose variant is on request. With few rows all are one.

// RUN: quant-opt %s -lowbit-lower-to-gpu-kernels -canonicalize -cse | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>

// CHECK:      gpu.func @[[FLOAT:linear_int_4_group_32_scale_f16_8x4x64]](
// CHECK-SAME:   {lowbit.name = "x"}
// CHECK:      gpu.func @[[FLOAT]]_f16(
// CHECK-SAME:   lowbit.features = ["f16"], lowbit.variant_of = @[[FLOAT]]}
// CHECK:      gpu.func @[[HALF:linear_int_4_group_32_scale_f16_8x4x64_1]](
// CHECK-SAME:   {lowbit.description = "numbers of 16 bits", lowbit.name = "x"}
// CHECK:      gpu.func @{{linear_int_4_group_32_scale_f16_8x4x64_f16_1}}(
// CHECK-SAME:   lowbit.features = ["f16"], lowbit.unasked, lowbit.variant_of = @[[HALF]]}
// CHECK-NOT:  lowbit.features = ["f16"]
// CHECK:      gpu.func @[[FEW:linear_int_4_group_32_scale_f16_4x4x64]](
// CHECK-SAME:   {lowbit.name = "x"}
// CHECK-NOT:  lowbit.features = ["f16"]

lowbit.global @w : !lowbit.tensor<4x64xf32, #int4, #words>
    {blob = dense<0> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}

// CHECK-LABEL: func.func @many
// CHECK: dispatch @kernels::@[[FLOAT]] [
// CHECK: dispatch @kernels::@[[HALF]] [
// CHECK: dispatch @kernels::@[[HALF]] [
func.func @many(%x: tensor<8x64xf32>, %b: tensor<8x64xbf16>, %h: tensor<8x64xf16>)
    -> (tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %0 = lowbit.linear %x, %w : tensor<8x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<8x4xf32>
  %1 = lowbit.linear %b, %w : tensor<8x64xbf16>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<8x4xf32>
  %2 = lowbit.linear %h, %w : tensor<8x64xf16>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<8x4xf32>
  return %0, %1, %2 : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>
}

// CHECK-LABEL: func.func @few
// CHECK: dispatch @kernels::@[[FEW]] [
// CHECK: dispatch @kernels::@[[FEW]] [
func.func @few(%x: tensor<4x64xf32>, %b: tensor<4x64xbf16>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %0 = lowbit.linear %x, %w : tensor<4x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<4x4xf32>
  %1 = lowbit.linear %b, %w : tensor<4x64xbf16>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}
