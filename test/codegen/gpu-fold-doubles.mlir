// What depends on constants and indices alone is computed where it ends in other
// types, however it got there; what depends on an input stays.

// RUN: quant-opt %s -pass-pipeline='builtin.module(func.func(lowbit-gpu-fold-doubles{most-elements=8},canonicalize))' | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#first = affine_map<(d0, d1) -> (d0)>
#second = affine_map<(d0, d1) -> (d1)>
#both = affine_map<(d0, d1) -> (d0, d1)>

// Where four pixels come from in an image of three: floor((i + 0.5) * 3 / 4), and
// the weights behind them, rounded to the nearest f32.
// CHECK-LABEL: func.func @positions
// CHECK-DAG:     %[[AT:.*]] = arith.constant dense<[0, 1, 1, 2]> : tensor<4xi64>
// CHECK-DAG:     %[[THIRDS:.*]] = arith.constant dense<[1.250000e-01, 0.37500003, 0.625000059, 0.875000059]> : tensor<4xf32>
// CHECK-NOT:     f64
// CHECK:         return %[[AT]], %[[THIRDS]]
func.func @positions() -> (tensor<4xi64>, tensor<4xf32>) {
  %half = arith.constant 0.5 : f64
  %ratio = arith.constant 0.75 : f64
  %third = arith.constant 0.33333335 : f64
  %i = tensor.empty() : tensor<4xi64>
  %d = tensor.empty() : tensor<4xf64>
  %s = tensor.empty() : tensor<4xf32>
  %count = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%i : tensor<4xi64>) {
  ^bb0(%out: i64):
    %0 = linalg.index 0 : index
    %1 = arith.index_cast %0 : index to i64
    linalg.yield %1 : i64
  } -> tensor<4xi64>
  %at = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%count : tensor<4xi64>) outs(%d : tensor<4xf64>) {
  ^bb0(%in: i64, %out: f64):
    %0 = arith.sitofp %in : i64 to f64
    %1 = arith.addf %0, %half : f64
    %2 = arith.mulf %1, %ratio : f64
    linalg.yield %2 : f64
  } -> tensor<4xf64>
  %places = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%at : tensor<4xf64>) outs(%i : tensor<4xi64>) {
  ^bb0(%in: f64, %out: i64):
    %0 = math.floor %in : f64
    %1 = arith.fptosi %0 : f64 to i64
    linalg.yield %1 : i64
  } -> tensor<4xi64>
  %weights = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%at : tensor<4xf64>) outs(%s : tensor<4xf32>) {
  ^bb0(%in: f64, %out: f32):
    %0 = arith.mulf %in, %third : f64
    %1 = arith.truncf %0 : f64 to f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %places, %weights : tensor<4xi64>, tensor<4xf32>
}

// By maps and views of constants; a choice is one of its operands.
// CHECK-LABEL: func.func @broadcast
// CHECK{LITERAL}: arith.constant dense<[[0.000000e+00, 1.000000e+00, 2.000000e+00], [1.500000e+00, 1.500000e+00, 2.000000e+00]]> : tensor<2x3xf32>
func.func @broadcast() -> tensor<2x3xf32> {
  %rows = arith.constant dense<[0.0, 1.5]> : tensor<2xf64>
  %flat = arith.constant dense<[[0.0, 1.0, 2.0]]> : tensor<1x3xf64>
  %columns = tensor.collapse_shape %flat [[0, 1]] : tensor<1x3xf64> into tensor<3xf64>
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [#first, #second, #both], iterator_types = ["parallel", "parallel"]}
      ins(%rows, %columns : tensor<2xf64>, tensor<3xf64>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%a: f64, %b: f64, %out: f32):
    %1 = arith.cmpf ogt, %a, %b : f64
    %2 = arith.select %1, %a, %b : f64
    %3 = arith.truncf %2 : f64 to f32
    linalg.yield %3 : f32
  } -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @given
// CHECK:         arith.extf %{{.*}} : f32 to f64
// CHECK:         arith.truncf
func.func @given(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = arith.extf %in : f32 to f64
    %2 = math.exp %1 : f64
    %3 = arith.truncf %2 : f64 to f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Nine elements are one too many here, and sums are no elements.
// CHECK-LABEL: func.func @left
// CHECK-COUNT-2: arith.truncf
func.func @left() -> (tensor<9xf32>, tensor<f32>) {
  %x = arith.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<9xf64>
  %y = arith.constant dense<[0.0, 1.0]> : tensor<2xf64>
  %e = tensor.empty() : tensor<9xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<9xf64>) outs(%e : tensor<9xf32>) {
  ^bb0(%in: f64, %out: f32):
    %2 = arith.truncf %in : f64 to f32
    linalg.yield %2 : f32
  } -> tensor<9xf32>
  %1 = linalg.generic {indexing_maps = [#id, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<2xf64>) outs(%zero : tensor<f32>) {
  ^bb0(%in: f64, %out: f32):
    %2 = arith.truncf %in : f64 to f32
    %3 = arith.addf %out, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<f32>
  return %0, %1 : tensor<9xf32>, tensor<f32>
}

// Without an element there is nothing to compute, and nothing is known of what
// has no folder.
// CHECK-LABEL: func.func @none
// CHECK:         math.fpowi
func.func @none(%e: tensor<0xf32>, %f: tensor<2xf32>) -> (tensor<0xf32>, tensor<2xf32>) {
  %three = arith.constant 3 : i32
  %none = arith.constant dense<[]> : tensor<0xf64>
  %x = arith.constant dense<[0.5, 1.0]> : tensor<2xf64>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%none : tensor<0xf64>) outs(%e : tensor<0xf32>) {
  ^bb0(%in: f64, %out: f32):
    %2 = arith.truncf %in : f64 to f32
    linalg.yield %2 : f32
  } -> tensor<0xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<2xf64>) outs(%f : tensor<2xf32>) {
  ^bb0(%in: f64, %out: f32):
    %2 = math.fpowi %in, %three : f64, i32
    %3 = arith.truncf %2 : f64 to f32
    linalg.yield %3 : f32
  } -> tensor<2xf32>
  return %0, %1 : tensor<0xf32>, tensor<2xf32>
}
