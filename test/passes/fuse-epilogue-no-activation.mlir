// RUN: quant-opt %s --lowbit-fuse-epilogue | FileCheck %s

// What looks like an activation and isn't one stays.

#id = affine_map<(i, j) -> (i, j)>

// x sigmoid(1.702 x) is near gelu and not gelu.
// CHECK-LABEL: func @quick_gelu
func.func @quick_gelu(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.generic
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %k = arith.constant -1.702 : f32
    %n = arith.mulf %in, %k : f32
    %x1 = math.exp %n : f32
    %d = arith.addf %one, %x1 : f32
    %r = arith.divf %in, %d : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// A constant of four digits is another function.
// CHECK-LABEL: func @coarse_constant
func.func @coarse_constant(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.generic
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r2 = arith.constant 1.414 : f32
    %one = arith.constant 1.0 : f32
    %half = arith.constant 0.5 : f32
    %d = arith.divf %in, %r2 : f32
    %f = math.erf %d : f32
    %s = arith.addf %f, %one : f32
    %p = arith.mulf %in, %s : f32
    %r = arith.mulf %p, %half : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// The clamp begins at 2 instead of 3.
// CHECK-LABEL: func @shifted_hardswish
func.func @shifted_hardswish(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.generic
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %two = arith.constant 2.0 : f32
    %six = arith.constant 6.0 : f32
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %in, %two : f32
    %m = arith.maximumf %s, %zero : f32
    %n = arith.minimumf %m, %six : f32
    %p = arith.mulf %n, %in : f32
    %r = arith.divf %p, %six : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// min(x, 0) in the clothes of relu.
// CHECK-LABEL: func @flipped_select
func.func @flipped_select(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.generic
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ogt, %in, %zero : f32
    %r = arith.select %c, %zero, %in : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// A sine has no normal form.
// CHECK-LABEL: func @unknown_function
func.func @unknown_function(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x4xf32>
  // CHECK: linalg.generic
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %s = math.sin %in : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
