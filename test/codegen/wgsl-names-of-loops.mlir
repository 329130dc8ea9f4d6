// Loops of an operation are called by the dimensions of its result. Where windows
// slide over an input, that is an image, and they are called by what they are in it.

// RUN: quant-opt %s -pass-pipeline='builtin.module(lowbit-gpu-lower-linalg,lowbit-gpu-make-variants,canonicalize,cse,lowbit-to-wgsl{features=subgroups})' | FileCheck %s

// The largest of each window of 3 x 3, and where it begins. Whole rows are
// counted before the row is known, and so on.
// CHECK-LABEL: gpu.func @reduce_maximumf_2x4x8x8x3x3
// CHECK:         lowbit.names = ["thread"]
// CHECK:         arith.remui {{.*}} {lowbit.names = ["column"]}
// CHECK:         arith.divui {{.*}} {lowbit.names = ["rows"]}
// CHECK:         arith.remui {{.*}} {lowbit.names = ["row"]}
// CHECK:         arith.divui {{.*}} {lowbit.names = ["channels"]}
// CHECK:         arith.remui {{.*}} {lowbit.names = ["channel"]}
// CHECK:         arith.divui {{.*}} {lowbit.names = ["image"]}
// CHECK:         lowbit.names = ["larger", "window_column"]
// CHECK:         lowbit.names = ["larger", "window_row"]

// A product of windows and filters.
// CHECK-LABEL: gpu.func @reduce_addf_of_2_3x4x4x6x2x2
// CHECK:         lowbit.names = ["column"]
// CHECK:         lowbit.names = ["row"]
// CHECK:         lowbit.names = ["result_channel"]
// CHECK:         lowbit.names = ["sum", "window_column"]
// CHECK:         lowbit.names = ["sum", "window_row"]
// CHECK:         lowbit.names = ["sum", "channel"]

// Windows that are copied side by side, of one image; dimensions of one element
// have no name, and take none of others.
// CHECK-LABEL: gpu.func @copy_1x4x1x3x2x2
// CHECK:         lowbit.names = ["window_column"]
// CHECK:         lowbit.names = ["window_rows"]
// CHECK:         lowbit.names = ["window_row"]
// CHECK:         lowbit.names = ["channels"]
// CHECK:         lowbit.names = ["channel"]
// CHECK:         lowbit.names = ["row"]

// No window: five dimensions have names, from the last one on.
// CHECK-LABEL: gpu.func @negf_2x3x2x1x3x2x3
// CHECK:         lowbit.names = ["column"]
// CHECK:         lowbit.names = ["rows"]
// CHECK:         lowbit.names = ["row"]
// CHECK:         lowbit.names = ["planes"]
// CHECK:         lowbit.names = ["plane"]
// CHECK:         lowbit.names = ["blocks"]
// CHECK:         lowbit.names = ["block"]
// CHECK:         lowbit.names = ["groups"]
// CHECK:         lowbit.names = ["group"]

// What several threads have of a row goes through memory: eight of them are a
// share. Subgroups have ranks in place of it.
// CHECK-LABEL: gpu.func @reduce_addf_5x256(
// CHECK-SAME:    workgroup(%[[LANES:.*]] : memref<64xf32, {{.*}}, %[[SHARES:.*]] : memref<8xf32
// CHECK-SAME:    lowbit.names = ["lanes", "shares"]
// CHECK:         lowbit.names = ["lane"]
// CHECK:         lowbit.names = ["sum", "k"]
// CHECK:         memref.load %[[LANES]]{{.*}} {lowbit.names = ["lanes_value"]}
// CHECK:         memref.load %[[SHARES]]{{.*}} {lowbit.names = ["shares_value"]}
// CHECK-LABEL: gpu.func @reduce_addf_5x256_subgroups(
// CHECK:         arith.constant {lowbit.names = ["one"]} 1 : i32
// CHECK:         gpu.subgroup_reduce {{ *}}add {{.*}} {lowbit.names = ["in_use"]}
// CHECK:         lowbit.subgroup_rank {lowbit.names = ["rank"]}
// CHECK:         arith.divui {{.*}} {lowbit.names = ["own_group"]}
// CHECK:         gpu.subgroup_reduce {{ *}}minui {{.*}} {lowbit.names = ["first_group"]}
// CHECK:         gpu.subgroup_reduce {{ *}}maxui {{.*}} {lowbit.names = ["last_group"]}
// CHECK:         lowbit.names = ["sum_1", "first_lane"]
// CHECK:         lowbit.names = ["chosen", "group"]

func.func @pool(%x: memref<2x4x17x17xf32>, %y: memref<2x4x8x8xf32>, %window: memref<3x3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, c, h, w, i, j) -> (n, c, 2 * h + i, 2 * w + j)>, affine_map<(n, c, h, w, i, j) -> (i, j)>,
                                   affine_map<(n, c, h, w, i, j) -> (n, c, h, w)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %window : memref<2x4x17x17xf32>, memref<3x3xf32>) outs(%y : memref<2x4x8x8xf32>) {
  ^bb0(%in: f32, %unused: f32, %out: f32):
    %0 = arith.maximumf %out, %in : f32
    linalg.yield %0 : f32
  }
  return
}

func.func @convolve(%x: memref<6x5x5xf32>, %w: memref<3x6x2x2xf32>, %y: memref<3x4x4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(f, h, w, c, i, j) -> (c, h + i, w + j)>, affine_map<(f, h, w, c, i, j) -> (f, c, i, j)>,
                                   affine_map<(f, h, w, c, i, j) -> (f, h, w)>],
                  iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : memref<6x5x5xf32>, memref<3x6x2x2xf32>) outs(%y : memref<3x4x4xf32>) {
  ^bb0(%in: f32, %weight: f32, %out: f32):
    %0 = arith.mulf %in, %weight : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

func.func @columns(%x: memref<1x3x5x2xf32>, %y: memref<1x4x1x3x2x2xf32>) {
  linalg.generic {indexing_maps = [affine_map<(n, h, w, c, i, j) -> (n, c, h + i, w + j)>, affine_map<(n, h, w, c, i, j) -> (n, h, w, c, i, j)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<1x3x5x2xf32>) outs(%y : memref<1x4x1x3x2x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  return
}

func.func @elementwise(%x: memref<2x3x2x1x3x2x3xf32>, %y: memref<3x2x3x1x2x3x2xf32>) {
  linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e, f, g) -> (a, b, c, d, e, f, g)>, affine_map<(a, b, c, d, e, f, g) -> (g, f, e, d, c, b, a)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<2x3x2x1x3x2x3xf32>) outs(%y : memref<3x2x3x1x2x3x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  return
}

func.func @sums(%x: memref<5x256xf32>, %y: memref<5xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<5x256xf32>) outs(%y : memref<5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}
