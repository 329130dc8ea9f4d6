// RUN: quant-opt %s --lowbit-raise-conv --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-raise --split-input-file | FileCheck %s --check-prefix=RAISED
// RUN: quant-opt %s --lowbit-raise-conv=report --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: quant-opt %s --lowbit-raise=disable-patterns=conv --split-input-file | FileCheck %s --check-prefix=OFF
// RUN: quant-opt %s --lowbit-raise-conv='report disable-patterns=conv' --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=LEFT

// OFF-NOT: lowbit.linear

// The example of the pass: patches side by side are a reshape and a
// transposition; nothing is copied twice.

// CHECK-LABEL: func @patches
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x3x224x224xf32>
// CHECK:         %[[W:.*]] = lowbit.weight @w
// CHECK:         %[[B:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1], [2, 3], [4, 5]] {{.*}} into tensor<1x3x14x16x14x16xf32>
// CHECK:         %[[P:.*]] = linalg.transpose ins(%[[B]] : {{.*}} permutation = [0, 2, 4, 1, 3, 5]
// CHECK:         linalg.generic {{.*}} ins(%[[P]], %[[W]] : tensor<1x14x14x3x16x16xf32>, tensor<768x3x16x16xf32>)
// RAISED-LABEL: func @patches
// RAISED-DAG:    %[[P:.*]] = tensor.collapse_shape %{{.*}} : tensor<1x14x14x3x16x16xf32> into tensor<1x14x14x768xf32>
// RAISED-DAG:    %[[W:.*]] = tensor.collapse_shape %{{.*}} : tensor<768x3x16x16xf32> into tensor<768x768xf32>
// RAISED:        %[[Y:.*]] = lowbit.linear %[[P]], %[[W]] : tensor<1x14x14x768xf32>, tensor<768x768xf32> -> tensor<1x14x14x768xf32>
// RAISED:        linalg.transpose ins(%[[Y]] : {{.*}} permutation = [0, 3, 1, 2]
lowbit.global @w : tensor<768x3x16x16xf32> {data = dense<0.5> : tensor<768x3x16x16xf32>}
func.func @patches(%x: tensor<1x3x224x224xf32>, %y: tensor<1x768x14x14xf32>) -> tensor<1x768x14x14xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<768x3x16x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x768x14x14xf32>) -> tensor<1x768x14x14xf32>
  %0 = linalg.conv_2d_nchw_fchw {strides = dense<16> : vector<2xi64>}
      ins(%x, %w : tensor<1x3x224x224xf32>, tensor<768x3x16x16xf32>)
      outs(%z : tensor<1x768x14x14xf32>) -> tensor<1x768x14x14xf32>
  return %0 : tensor<1x768x14x14xf32>
}

// -----

// Overlapping windows are copied, of any length of the input; so are those of
// one dimension.

// CHECK-DAG: #[[READ:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1 * 2 + d3)>
// CHECK-LABEL: func @overlapping
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x80x?xf32>
// CHECK:         %[[P:.*]] = linalg.generic {indexing_maps = [#[[READ]], {{.*}} ins(%[[X]] : tensor<1x80x?xf32>) outs(%{{.*}} : tensor<1x?x80x3xf32>)
// CHECK:         linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<1x?x80x3xf32>, tensor<384x80x3xf32>)
// RAISED-LABEL: func @overlapping
// RAISED:        lowbit.linear {{.*}} : tensor<1x?x240xf32>, tensor<384x240xf32> -> tensor<1x?x384xf32>
lowbit.global @w : tensor<384x80x3xf32> {data = dense<0.5> : tensor<384x80x3xf32>}
func.func @overlapping(%x: tensor<1x80x?xf32>, %y: tensor<1x384x?xf32>) -> tensor<1x384x?xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<384x80x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x384x?xf32>) -> tensor<1x384x?xf32>
  %0 = linalg.conv_1d_ncw_fcw {strides = dense<2> : vector<1xi64>}
      ins(%x, %w : tensor<1x80x?xf32>, tensor<384x80x3xf32>) outs(%z : tensor<1x384x?xf32>) -> tensor<1x384x?xf32>
  return %0 : tensor<1x384x?xf32>
}

// -----

// Channels last: the weight as [H, W, C, F] is a matrix [K, N] as it lies.

// RAISED-LABEL: func @channels_last
// RAISED:        %[[W:.*]] = tensor.collapse_shape %{{.*}} : tensor<3x3x16x32xf32> into tensor<144x32xf32>
// RAISED:        linalg.transpose ins(%{{.*}} : tensor<144x32xf32>)
// RAISED:        %[[Y:.*]] = lowbit.linear {{.*}} -> tensor<1x6x6x32xf32>
// RAISED:        return %[[Y]]
// CHECK-LABEL: func @channels_last
lowbit.global @w : tensor<3x3x16x32xf32> {data = dense<0.5> : tensor<3x3x16x32xf32>}
func.func @channels_last(%x: tensor<1x8x8x16xf32>, %y: tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<3x3x16x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
  %0 = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x8x8x16xf32>, tensor<3x3x16x32xf32>)
      outs(%z : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
  return %0 : tensor<1x6x6x32xf32>
}

// -----

// A layer for each group, on slices of input and weight.

// CHECK-LABEL: func @groups
// CHECK-COUNT-2: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x14x4x3xf32>, tensor<8x4x3xf32>)
// RAISED-LABEL: func @groups
// RAISED-COUNT-2: lowbit.linear {{.*}} : tensor<1x14x12xf32>, tensor<8x12xf32> -> tensor<1x14x8xf32>
// RAISED-COUNT-2: tensor.insert_slice
lowbit.global @w : tensor<2x8x4x3xf32> {data = dense<0.5> : tensor<2x8x4x3xf32>}
#x = affine_map<(n, g, f, o, c, k) -> (n, g, c, o + k)>
#w = affine_map<(n, g, f, o, c, k) -> (g, f, c, k)>
#y = affine_map<(n, g, f, o, c, k) -> (n, g, f, o)>
func.func @groups(%x: tensor<1x2x4x16xf32>, %y: tensor<1x2x8x14xf32>) -> tensor<1x2x8x14xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<2x8x4x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x2x8x14xf32>) -> tensor<1x2x8x14xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x4x16xf32>, tensor<2x8x4x3xf32>) outs(%z : tensor<1x2x8x14xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x2x8x14xf32>
  return %0 : tensor<1x2x8x14xf32>
}

// -----

// A bias and an activation behind the groups are those of each layer.

// CHECK-LABEL: func @groups_with_bias
// CHECK-COUNT-2: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?x14x4x3xf32>, tensor<8x4x3xf32>)
// CHECK:         tensor.extract_slice %{{.*}}[0] [8] [1] : tensor<16xf32> to tensor<8xf32>
// CHECK:         arith.addf
// CHECK:         tensor.extract_slice %{{.*}}[8] [8] [1] : tensor<16xf32> to tensor<8xf32>
// CHECK:         arith.addf
// CHECK-COUNT-2: arith.maximumf
// CHECK:         %[[FIRST:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, 0] {{.*}} : tensor<?x8x14xf32> into tensor<?x16x14xf32>
// CHECK:         tensor.insert_slice %{{.*}} into %[[FIRST]][0, 8, 0] {{.*}} : tensor<?x8x14xf32> into tensor<?x16x14xf32>
// RAISED-LABEL: func @groups_with_bias
lowbit.global @w : tensor<2x8x4x3xf32> {data = dense<0.5> : tensor<2x8x4x3xf32>}
#x = affine_map<(n, g, f, o, c, k) -> (n, g, c, o + k)>
#w = affine_map<(n, g, f, o, c, k) -> (g, f, c, k)>
#y = affine_map<(n, g, f, o, c, k) -> (n, g, f, o)>
#all = affine_map<(n, f, o) -> (n, f, o)>
#filters = affine_map<(n, f, o) -> (f)>
func.func @groups_with_bias(%x: tensor<?x2x4x16xf32>, %y: tensor<?x2x8x14xf32>, %e: tensor<?x16x14xf32>,
                            %bias: tensor<16xf32>) -> tensor<?x16x14xf32> {
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<2x8x4x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<?x2x8x14xf32>) -> tensor<?x2x8x14xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<?x2x4x16xf32>, tensor<2x8x4x3xf32>) outs(%z : tensor<?x2x8x14xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x2x8x14xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2], [3]] : tensor<?x2x8x14xf32> into tensor<?x16x14xf32>
  %2 = linalg.generic {indexing_maps = [#all, #filters, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%1, %bias : tensor<?x16x14xf32>, tensor<16xf32>) outs(%e : tensor<?x16x14xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x16x14xf32>
  %3 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%2 : tensor<?x16x14xf32>) outs(%e : tensor<?x16x14xf32>) {
  ^bb0(%a: f32, %c: f32):
    %s = arith.maximumf %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<?x16x14xf32>
  return %3 : tensor<?x16x14xf32>
}

// -----

// A depthwise convolution is left, and its remark says why.

// CHECK-LABEL: func @depthwise
// CHECK:         linalg.depthwise_conv_1d_ncw_cw
// RAISED-LABEL: func @depthwise
// REPORT: convolution with @w is left: its groups have 1 filters, fewer than 8
// LEFT: convolution with @w is left: its pattern isn't enabled
lowbit.global @w : tensor<16x3xf32> {data = dense<0.5> : tensor<16x3xf32>}
func.func @depthwise(%x: tensor<1x16x10xf32>, %y: tensor<1x16x8xf32>) -> tensor<1x16x8xf32> {
  %w = lowbit.weight @w : tensor<16x3xf32>
  %0 = linalg.depthwise_conv_1d_ncw_cw ins(%x, %w : tensor<1x16x10xf32>, tensor<16x3xf32>)
      outs(%y : tensor<1x16x8xf32>) -> tensor<1x16x8xf32>
  return %0 : tensor<1x16x8xf32>
}

// -----

// So is one whose weight is read at a sum of loops.

// CHECK-LABEL: func @sliding_weight
// CHECK:         linalg.generic
// RAISED-LABEL: func @sliding_weight
// REPORT: convolution with @w is left: its weight is read at sums of loops
lowbit.global @w : tensor<8x10xf32> {data = dense<0.5> : tensor<8x10xf32>}
#x = affine_map<(f, o, k) -> (o + k, k)>
#w = affine_map<(f, o, k) -> (f, o + k)>
#y = affine_map<(f, o, k) -> (f, o)>
func.func @sliding_weight(%x: tensor<10x3xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %w = lowbit.weight @w : tensor<8x10xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<10x3xf32>, tensor<8x10xf32>) outs(%y : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// So is one whose groups lie one after another in a dimension of the input.

// CHECK-LABEL: func @flat_groups
// CHECK:         linalg.generic
// RAISED-LABEL: func @flat_groups
// REPORT: convolution with @w is left: its groups are no static dimension of the input
lowbit.global @w : tensor<2x8x4x3xf32> {data = dense<0.5> : tensor<2x8x4x3xf32>}
#x = affine_map<(g, f, o, c, k) -> (g * 4 + c, o + k)>
#w = affine_map<(g, f, o, c, k) -> (g, f, c, k)>
#y = affine_map<(g, f, o, c, k) -> (g, f, o)>
func.func @flat_groups(%x: tensor<8x10xf32>, %y: tensor<2x8x8xf32>) -> tensor<2x8x8xf32> {
  %w = lowbit.weight @w : tensor<2x8x4x3xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<8x10xf32>, tensor<2x8x4x3xf32>) outs(%y : tensor<2x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x8x8xf32>
  return %0 : tensor<2x8x8xf32>
}
