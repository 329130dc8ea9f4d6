// RUN: quant-opt %s --lowbit-import-linalg --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-import-linalg --lowbit-raise --split-input-file | FileCheck %s --check-prefix=RAISED

// The example of the pass, and what raising makes of it: torch-mlir's lowering of
// a product with a weight in groups.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<4>, zero_point = integer, group = 4, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x8xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[16, 50, 84, 118, -104, -70, -36, -2]> : tensor<8xi8>,
// CHECK-SAME: scale = dense<{{\[\[}}5.000000e-01, 2.500000e-01], [2.000000e+00, 1.000000e+00]]> : tensor<2x2xf16>,
// CHECK-SAME: zero_point = dense<{{\[\[}}8, 7], [0, 15]]> : tensor<2x2xi8>}

// CHECK-LABEL: func @torch
// CHECK: %[[W:.*]] = lowbit.weight @weight : !lowbit.tensor<2x8xf32, #[[$ENCODING]]>
// CHECK: %[[D:.*]] = lowbit.dequantize %[[W]]
// CHECK: %[[G:.*]] = tensor.expand_shape %[[D]] {{\[\[}}0], [1, 2]] output_shape [2, 2, 4]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[G]] : tensor<1x3x2x4xf32>, tensor<2x2x4xf32>)

// RAISED-LABEL: func @torch
// RAISED-SAME:    %[[X:[a-z0-9]+]]: tensor<1x3x8xf32>
// RAISED-NEXT: %[[W:.*]] = lowbit.weight @weight
// RAISED-NEXT: %[[Y:.*]] = lowbit.linear %[[X]], %[[W]]
// RAISED-NEXT: return %[[Y]]

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#group = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#lhs = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#rhs = affine_map<(d0, d1, d2, d3, d4) -> (d2, d3, d4)>
#out = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2)>
func.func @torch(%x: tensor<1x3x8xf32>) -> tensor<1x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %q = arith.constant dense<[[0, 1, 2, 3, 4, 5, 6, 7], [-8, -7, -6, -5, -4, -3, -2, -1]]> : tensor<2x8xi4>
  %s = arith.constant dense<[[[0.5], [0.25]], [[2.0], [1.0]]]> : tensor<2x2x1xf32>
  %z = arith.constant dense<[[[8.0], [7.0]], [[0.0], [15.0]]]> : tensor<2x2x1xf32>
  %xg = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 3, 2, 4] : tensor<1x3x8xf32> into tensor<1x3x2x4xf32>
  %qg = tensor.expand_shape %q [[0], [1, 2]] output_shape [2, 2, 4] : tensor<2x8xi4> into tensor<2x2x4xi4>
  %e = tensor.empty() : tensor<2x2x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #group, #group, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qg, %s, %z : tensor<2x2x4xi4>, tensor<2x2x1xf32>, tensor<2x2x1xf32>) outs(%e : tensor<2x2x4xf32>) {
  ^bb0(%code: i4, %scale: f32, %point: f32, %unused: f32):
    %0 = arith.extui %code : i4 to i32
    %1 = arith.uitofp %0 : i32 to f32
    %2 = arith.subf %1, %point : f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  } -> tensor<2x2x4xf32>
  %ye = tensor.empty() : tensor<1x3x2xf32>
  %yz = linalg.fill ins(%zero : f32) outs(%ye : tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %y = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%xg, %w : tensor<1x3x2x4xf32>, tensor<2x2x4xf32>) outs(%yz : tensor<1x3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %sum : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x2xf32>
  return %y : tensor<1x3x2xf32>
}

// -----

// Signed codes and an integer zero point subtracted before the conversion, per
// column of a [K, N] weight: rows of the matrix are columns of the tensor. Its
// global is of ml_program and gives the name.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<8>, zero_point = integer, channel, scale = f16>
// CHECK-NOT: ml_program
// CHECK: lowbit.global @fc : !lowbit.tensor<2x3xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[-127, -125, -123, 0, 3, 127]> : tensor<6xi8>,
// CHECK-SAME: zero_point = dense<{{\[\[}}-127], [-128]]> : tensor<2x1xi8>}

// CHECK-LABEL: func @columns
// CHECK: %[[D:.*]] = lowbit.dequantize %{{.*}} -> tensor<2x3xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[D]] : tensor<2x3xf32>) outs(%{{.*}} : tensor<3x2xf32>) permutation = [1, 0]
// CHECK: return %[[T]]

// RAISED-LABEL: func @columns

#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
ml_program.global private @fc(dense<[[1, -128], [3, -125], [5, -1]]> : tensor<3x2xi8>) : tensor<3x2xi8>
func.func @columns() -> tensor<3x2xf32> {
  %q = ml_program.global_load_const @fc : tensor<3x2xi8>
  %s = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %z = arith.constant dense<[1, 0]> : tensor<2xi8>
  %e = tensor.empty() : tensor<3x2xf32>
  %w = linalg.generic {indexing_maps = [#id, #column, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s, %z : tensor<3x2xi8>, tensor<2xf32>, tensor<2xi8>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%code: i8, %scale: f32, %point: i8, %unused: f32):
    %0 = arith.extsi %code : i8 to i32
    %1 = arith.extsi %point : i8 to i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.sitofp %2 : i32 to f32
    %4 = arith.mulf %3, %scale : f32
    linalg.yield %4 : f32
  } -> tensor<3x2xf32>
  return %w : tensor<3x2xf32>
}

// -----

// Two functions share a weight. Scalars from outside of the body are parameters
// for the whole tensor; a zero point in the middle makes codes signed.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<int<4>, tensor, scale = f16>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x2xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[33, -124]> : tensor<2xi8>
// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @first
// CHECK: lowbit.weight @weight
// CHECK-LABEL: func @second
// CHECK: lowbit.weight @weight

// RAISED-LABEL: func @first

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @first() -> tensor<2x2xf32> {
  %scale = arith.constant 0.5 : f32
  %point = arith.constant 8.0 : f32
  %q = arith.constant dense<[[1, 2], [4, -8]]> : tensor<2x2xi4>
  %e = tensor.empty() : tensor<2x2xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi4>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %unused: f32):
    %0 = arith.uitofp %code : i4 to f32
    %1 = arith.subf %0, %point : f32
    %2 = arith.mulf %scale, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}
func.func @second() -> tensor<2x2xf32> {
  %scale = arith.constant 0.5 : f32
  %q = arith.constant dense<[[-7, -6], [-4, 0]]> : tensor<2x2xi4>
  %e = tensor.empty() : tensor<2x2xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x2xi4>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%code: i4, %unused: f32):
    %0 = arith.sitofp %code : i4 to f32
    %1 = arith.mulf %scale, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %w : tensor<2x2xf32>
}

// -----

// A zero point that is no integer, groups along the rows of [K, N], and a scale
// that f16 can't hold.

// CHECK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<2>, zero_point = fractional, group = 2, scale = f32>
// CHECK: lowbit.global @weight : !lowbit.tensor<2x4xf32, #[[$ENCODING]]>
// CHECK-SAME: {codes = dense<[-28, 27]> : tensor<2xi8>,
// CHECK-SAME: scale = dense<{{\[\[}}0.666666686, 1.000000e+00], [1.000000e+00, 5.000000e-01]]> : tensor<2x2xf32>,
// CHECK-SAME: zero_point = dense<1.500000e+00> : tensor<2x2xf32>}
// CHECK-LABEL: func @fractional
// CHECK: %[[D:.*]] = lowbit.dequantize
// CHECK: %[[G:.*]] = tensor.expand_shape %[[D]]
// CHECK: linalg.transpose ins(%[[G]] : tensor<2x2x2xf32>) outs(%{{.*}} : tensor<2x2x2xf32>) permutation = [1, 2, 0]

// RAISED-LABEL: func @fractional

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#group = affine_map<(d0, d1, d2) -> (d0, d2)>
func.func @fractional() -> tensor<2x2x2xf32> {
  %point = arith.constant 1.5 : f32
  %q = arith.constant dense<[[[0, -1], [1, -2]], [[-2, 1], [-1, 0]]]> : tensor<2x2x2xi2>
  %s = arith.constant dense<[[0.6666667, 1.0], [1.0, 0.5]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2x2xf32>
  %w = linalg.generic {indexing_maps = [#id, #group, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q, %s : tensor<2x2x2xi2>, tensor<2x2xf32>) outs(%e : tensor<2x2x2xf32>) {
  ^bb0(%code: i2, %scale: f32, %unused: f32):
    %0 = arith.uitofp %code : i2 to f32
    %1 = arith.subf %0, %point : f32
    %2 = arith.mulf %1, %scale : f32
    linalg.yield %2 : f32
  } -> tensor<2x2x2xf32>
  return %w : tensor<2x2x2xf32>
}

// -----

// A resource as a dense stream of four bits each, low ones first.

// CHECK: lowbit.global @stream : !lowbit.tensor<2x4xf32, #{{[a-z0-9_]+}}> {codes = dense<[16, 50, 84, 118]> : tensor<4xi8>
// CHECK-LABEL: func @resource

// RAISED-LABEL: func @resource

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @resource() -> tensor<2x4xf32> {
  %scale = arith.constant 0.5 : f32
  %q = arith.constant dense_resource<stream> : tensor<2x4xi4>
  %e = tensor.empty() : tensor<2x4xf32>
  %w = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<2x4xi4>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%code: i4, %unused: f32):
    %0 = arith.uitofp %code : i4 to f32
    %1 = arith.mulf %scale, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x4xf32>
  return %w : tensor<2x4xf32>
}

{-#
  dialect_resources: {
    builtin: {
      stream: "0x0100000010325476"
    }
  }
#-}

// -----

// What is no dequantization stays: a sum, a product of two conversions, a
// reduction. So does one of 16-bit codes, with a remark (import-linalg-left).

// CHECK-LABEL: func @others
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK-NOT: lowbit

// RAISED-LABEL: func @others

#id = affine_map<(d0) -> (d0)>
func.func @others(%e: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %q = arith.constant dense<[1, 2]> : tensor<2xi8>
  %scale = arith.constant 0.5 : f32
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%q : tensor<2xi8>) outs(%e : tensor<2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.addf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%q : tensor<2xi8>) outs(%e : tensor<2xf32>) {
  ^bb0(%code: i8, %unused: f32):
    %0 = arith.sitofp %code : i8 to f32
    %1 = arith.mulf %0, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  return %a, %b : tensor<2xf32>, tensor<2xf32>
}
