// RUN: quant-opt %s --lowbit-raise --split-input-file --verify-diagnostics | FileCheck %s

// A model that comes quantized dequantizes a weight in front of its layer. The
// layer reads the codes.

// CHECK-LABEL: func @product
// CHECK: %[[W:.*]] = lowbit.weight @w
// CHECK: lowbit.linear %arg0, %[[W]] : tensor<8x4xf32>, !lowbit.tensor<2x4xf32, #int8_f32>
// CHECK-NOT: lowbit.dequantize
#int8 = #lowbit.encoding<int<8>, channel, scale = f32>
lowbit.global @w : !lowbit.tensor<2x4xf32, #int8> {codes = dense<3> : tensor<8xi8>, scale = dense<1.0> : tensor<2x1xf32>}
func.func @product(%x: tensor<8x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : !lowbit.tensor<2x4xf32, #int8>
  %f = lowbit.dequantize %w : !lowbit.tensor<2x4xf32, #int8> -> tensor<2x4xf32>
  %empty = tensor.empty() : tensor<4x2xf32>
  %t = linalg.transpose ins(%f : tensor<2x4xf32>) outs(%empty : tensor<4x2xf32>) permutation = [1, 0]
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%x, %t : tensor<8x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}

// -----

// CHECK-LABEL: func @lookup
// CHECK: %[[W:.*]] = lowbit.weight @table
// CHECK: lowbit.embedding %arg0, %[[W]] : tensor<3xi64>, !lowbit.tensor<7x4xf32
#int8 = #lowbit.encoding<int<8>, channel, scale = f32>
lowbit.global @table : !lowbit.tensor<7x4xf32, #int8> {codes = dense<3> : tensor<28xi8>, scale = dense<1.0> : tensor<7x1xf32>}
func.func @lookup(%ids: tensor<3xi64>) -> tensor<3x4xf32> {
  %w = lowbit.weight @table : !lowbit.tensor<7x4xf32, #int8>
  %f = lowbit.dequantize %w : !lowbit.tensor<7x4xf32, #int8> -> tensor<7x4xf32>
  %init = tensor.empty() : tensor<3x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i)>, affine_map<(i, k) -> (i, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xi64>) outs(%init : tensor<3x4xf32>) {
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %k = linalg.index 1 : index
    %e = tensor.extract %f[%row, %k] : tensor<7x4xf32>
    linalg.yield %e : f32
  } -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// Scales that run along the summed axis are none of a layer's.

// CHECK-LABEL: func @along_the_sum
// CHECK: lowbit.dequantize
// CHECK: lowbit.linear {{.*}} tensor<2x4xf32>
#int8 = #lowbit.encoding<int<8>, channel, scale = f32>
lowbit.global @w : !lowbit.tensor<4x2xf32, #int8> {codes = dense<3> : tensor<8xi8>, scale = dense<1.0> : tensor<4x1xf32>}
func.func @along_the_sum(%x: tensor<8x4xf32>, %init: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : !lowbit.tensor<4x2xf32, #int8>
  // expected-remark @below {{weight @w is decoded whenever the model runs: no layer takes its rows as they are stored}}
  %f = lowbit.dequantize %w : !lowbit.tensor<4x2xf32, #int8> -> tensor<4x2xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%init : tensor<8x2xf32>) -> tensor<8x2xf32>
  %y = linalg.matmul ins(%x, %f : tensor<8x4xf32>, tensor<4x2xf32>) outs(%acc : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}
