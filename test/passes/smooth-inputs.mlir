// RUN: quant-opt %s --lowbit-smooth-inputs --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-smooth-inputs=strength=1 --split-input-file | FileCheck %s --check-prefix=ALL


// The columns reach 16, 1, 4 and 1, the weights 1 in all of them. With half the
// strength, 4, 1, 2 and 1 move from the rows of the layer before to the columns
// of the one that reads; with all of it 16, 1, 4 and 1.

// CHECK-LABEL: lowbit.global @up : tensor<4x2xf32> {data = dense<{{\[\[}}2.500000e-01, 2.500000e-01], [1.000000e+00, 1.000000e+00], [5.000000e-01, 5.000000e-01], [1.000000e+00, 1.000000e+00]]>
// CHECK: lowbit.global @down : tensor<2x4xf32> {data = dense<{{\[\[}}4.000000e+00, 1.000000e+00, 2.000000e+00, 1.000000e+00], [4.000000e+00, 1.000000e+00, 2.000000e+00, 1.000000e+00]]>
// CHECK: lowbit.statistics "down" layers ["down"] count 8 {maximum = dense<[4.000000e+00, 1.000000e+00, 1.000000e+00, 1.000000e+00]> : tensor<4xf32>, minimum = dense<[0.000000e+00, -1.000000e+00, -2.000000e+00, 0.000000e+00]>
// ALL-LABEL: lowbit.global @up
// ALL: lowbit.statistics "down" layers ["down"] count 8 {maximum = dense<[1.000000e+00, 1.000000e+00, 5.000000e-01, 1.000000e+00]>
lowbit.global @up : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>}
lowbit.global @down : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.statistics "up" layers ["up"] count 8 {
  maximum = dense<1.0> : tensor<2xf32>, minimum = dense<0.0> : tensor<2xf32>}
lowbit.statistics "down" layers ["down"] count 8 {
  maximum = dense<[16.0, 1.0, 2.0, 1.0]> : tensor<4xf32>, minimum = dense<[0.0, -1.0, -4.0, 0.0]> : tensor<4xf32>}
func.func @main(%x: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %u = lowbit.weight @up : tensor<4x2xf32>
  %d = lowbit.weight @down : tensor<2x4xf32>
  %0 = lowbit.linear %x, %u : tensor<8x2xf32>, tensor<4x2xf32> -> tensor<8x4xf32>
  %1 = lowbit.linear %0, %d : tensor<8x4xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  return %1 : tensor<8x2xf32>
}

// -----

// A part of a layer's columns: only its rows are divided.

// CHECK-LABEL: lowbit.global @both : tensor<4x2xf32> {data = dense<{{\[\[}}1.000000e+00, 1.000000e+00], [1.000000e+00, 1.000000e+00], [2.500000e-01, 2.500000e-01], [5.000000e-01, 5.000000e-01]]>
lowbit.global @both : tensor<4x2xf32> {data = dense<1.0> : tensor<4x2xf32>}
lowbit.global @down : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.statistics "both" layers ["both"] count 8 {
  maximum = dense<1.0> : tensor<2xf32>, minimum = dense<0.0> : tensor<2xf32>}
lowbit.statistics "down" layers ["down"] count 8 {
  maximum = dense<[16.0, 4.0]> : tensor<2xf32>, minimum = dense<0.0> : tensor<2xf32>}
func.func @main(%x: tensor<8x2xf32>) -> (tensor<8x2xf32>, tensor<8x2xf32>) {
  %u = lowbit.weight @both : tensor<4x2xf32>
  %d = lowbit.weight @down : tensor<2x2xf32>
  %0 = lowbit.linear %x, %u : tensor<8x2xf32>, tensor<4x2xf32> -> tensor<8x4xf32>
  %a = tensor.extract_slice %0[0, 0] [8, 2] [1, 1] : tensor<8x4xf32> to tensor<8x2xf32>
  %b = tensor.extract_slice %0[0, 2] [8, 2] [1, 1] : tensor<8x4xf32> to tensor<8x2xf32>
  %1 = lowbit.linear %b, %d : tensor<8x2xf32>, tensor<2x2xf32> -> tensor<8x2xf32>
  return %a, %1 : tensor<8x2xf32>, tensor<8x2xf32>
}

// -----

// Two heads of queries read one head of values, so their columns share factors:
// the larger extreme of either counts.

// CHECK-LABEL: lowbit.global @v : tensor<2x2xf32> {data = dense<{{\[\[}}5.000000e-01, 5.000000e-01], [2.500000e-01, 2.500000e-01]]>
// CHECK: lowbit.global @o : tensor<2x4xf32> {data = dense<{{\[\[}}2.000000e+00, 4.000000e+00, 2.000000e+00, 4.000000e+00], [2.000000e+00, 4.000000e+00, 2.000000e+00, 4.000000e+00]]>
lowbit.global @v : tensor<2x2xf32> {data = dense<1.0> : tensor<2x2xf32>}
lowbit.global @o : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.statistics "v" layers ["v"] count 8 {
  maximum = dense<1.0> : tensor<2xf32>, minimum = dense<0.0> : tensor<2xf32>}
lowbit.statistics "o" layers ["o"] count 8 {
  maximum = dense<[4.0, 1.0, 1.0, 16.0]> : tensor<4xf32>, minimum = dense<0.0> : tensor<4xf32>}
func.func @main(%x: tensor<1x8x2xf32>, %q: tensor<1x2x8x3xf32>, %k: tensor<1x1x8x3xf32>) -> tensor<1x8x2xf32> {
  %wv = lowbit.weight @v : tensor<2x2xf32>
  %wo = lowbit.weight @o : tensor<2x4xf32>
  %0 = lowbit.linear %x, %wv : tensor<1x8x2xf32>, tensor<2x2xf32> -> tensor<1x8x2xf32>
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [1, 8, 1, 2] : tensor<1x8x2xf32> into tensor<1x8x1x2xf32>
  %e = tensor.empty() : tensor<1x1x8x2xf32>
  %v = linalg.transpose ins(%1 : tensor<1x8x1x2xf32>) outs(%e : tensor<1x1x8x2xf32>) permutation = [0, 2, 1, 3]
  %2 = lowbit.attention %q, %k, %v scale 1.0 : tensor<1x2x8x3xf32>, tensor<1x1x8x3xf32>, tensor<1x1x8x2xf32> -> tensor<1x2x8x2xf32>
  %f = tensor.empty() : tensor<1x8x2x2xf32>
  %3 = linalg.transpose ins(%2 : tensor<1x2x8x2xf32>) outs(%f : tensor<1x8x2x2xf32>) permutation = [0, 2, 1, 3]
  %4 = tensor.collapse_shape %3 [[0], [1], [2, 3]] : tensor<1x8x2x2xf32> into tensor<1x8x4xf32>
  %5 = lowbit.linear %4, %wo : tensor<1x8x4xf32>, tensor<2x4xf32> -> tensor<1x8x2xf32>
  return %5 : tensor<1x8x2xf32>
}
