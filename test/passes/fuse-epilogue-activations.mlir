// RUN: quant-opt %s --lowbit-fuse-epilogue | FileCheck %s

// Each activation in the spellings that exporters use.

#id = affine_map<(i, j) -> (i, j)>

// CHECK-LABEL: func @relu_max
func.func @relu_max(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation relu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %in, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @relu_select
func.func @relu_select(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation relu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ult, %in, %zero : f32
    %r = arith.select %c, %zero, %in : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// TOSA's clamp with the largest number as its upper bound.
// CHECK-LABEL: func @relu_clamp
func.func @relu_clamp(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation relu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %largest = arith.constant 3.40282347E+38 : f32
    %m = arith.minimumf %in, %largest : f32
    %r = arith.maximumf %m, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @gelu_erf
func.func @gelu_erf(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation gelu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r2 = arith.constant 1.41421354 : f32
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

// CHECK-LABEL: func @gelu_erfc
func.func @gelu_erfc(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation gelu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.constant -0.707106769 : f32
    %half = arith.constant 0.5 : f32
    %d = arith.mulf %in, %r : f32
    %f = math.erfc %d : f32
    %h = arith.mulf %half, %f : f32
    %r1 = arith.mulf %h, %in : f32
    linalg.yield %r1 : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @gelu_tanh_power
func.func @gelu_tanh_power(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation gelu_tanh : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %three = arith.constant 3.0 : f32
    %k = arith.constant 0.0447149985 : f32
    %s = arith.constant 0.797884583 : f32
    %one = arith.constant 1.0 : f32
    %half = arith.constant 0.5 : f32
    %cube = math.powf %in, %three : f32
    %t = arith.mulf %cube, %k : f32
    %u = arith.addf %in, %t : f32
    %v = arith.mulf %u, %s : f32
    %f = math.tanh %v : f32
    %g = arith.addf %f, %one : f32
    %h = arith.mulf %in, %half : f32
    %r = arith.mulf %h, %g : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @gelu_tanh_factored
func.func @gelu_tanh_factored(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation gelu_tanh : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %k = arith.constant 0.0356774069 : f32
    %s = arith.constant 0.797884583 : f32
    %half = arith.constant 0.5 : f32
    %sq = arith.mulf %in, %in : f32
    %t = arith.mulf %sq, %k : f32
    %u = arith.addf %t, %s : f32
    %v = arith.mulf %u, %in : f32
    %f = math.tanh %v : f32
    %h = arith.mulf %f, %half : f32
    %g = arith.addf %half, %h : f32
    %r = arith.mulf %in, %g : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @sigmoid_exp
func.func @sigmoid_exp(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation sigmoid : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %in : f32
    %x1 = math.exp %n : f32
    %d = arith.addf %x1, %one : f32
    %r = arith.divf %one, %d : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @sigmoid_tanh
func.func @sigmoid_tanh(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation sigmoid : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %half = arith.constant 0.5 : f32
    %h = arith.mulf %in, %half : f32
    %t = math.tanh %h : f32
    %m = arith.mulf %t, %half : f32
    %r = arith.addf %m, %half : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @silu_quotient
func.func @silu_quotient(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation silu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %in : f32
    %x1 = math.exp %n : f32
    %d = arith.addf %one, %x1 : f32
    %r = arith.divf %in, %d : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @silu_product
func.func @silu_product(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation silu : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %x1 = math.exp %in : f32
    %d = arith.addf %x1, %one : f32
    %q = arith.divf %x1, %d : f32
    %r = arith.mulf %q, %in : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @tanh
func.func @tanh(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation tanh : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = math.tanh %in : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @hardswish_relu6
func.func @hardswish_relu6(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation hardswish : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %three = arith.constant 3.0 : f32
    %six = arith.constant 6.0 : f32
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %in, %three : f32
    %m = arith.maximumf %s, %zero : f32
    %n = arith.minimumf %m, %six : f32
    %p = arith.mulf %n, %in : f32
    %r = arith.divf %p, %six : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @hardswish_onnx
func.func @hardswish_onnx(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation hardswish : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.constant 0.166666672 : f32
    %h = arith.constant 0.5 : f32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %s = arith.mulf %in, %a : f32
    %t = arith.addf %s, %h : f32
    %m = arith.minimumf %t, %one : f32
    %n = arith.maximumf %m, %zero : f32
    %r = arith.mulf %in, %n : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @hardsigmoid
func.func @hardsigmoid(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation hardsigmoid(2.000000e-01, 5.000000e-01) : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.constant 0.2 : f32
    %h = arith.constant 0.5 : f32
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %s = arith.mulf %in, %a : f32
    %t = arith.addf %s, %h : f32
    %m = arith.maximumf %t, %zero : f32
    %r = arith.minimumf %m, %one : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @hardsigmoid_relu6
func.func @hardsigmoid_relu6(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation hardsigmoid(0.16666666666666666, 5.000000e-01) : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %three = arith.constant 3.0 : f32
    %six = arith.constant 6.0 : f32
    %zero = arith.constant 0.0 : f32
    %s = arith.addf %three, %in : f32
    %r = math.clampf %s to [%zero, %six] : f32
    %q = arith.divf %r, %six : f32
    linalg.yield %q : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @leaky_relu_select
func.func @leaky_relu_select(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation leaky_relu(1.000000e-02) : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.constant 0.01 : f32
    %zero = arith.constant 0.0 : f32
    %s = arith.mulf %in, %a : f32
    %c = arith.cmpf oge, %in, %zero : f32
    %r = arith.select %c, %in, %s : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// CHECK-LABEL: func @leaky_relu_max
func.func @leaky_relu_max(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Y:.*]] = lowbit.linear %{{.*}}, %{{.*}} activation leaky_relu(2.000000e-01) : tensor<?x4xf32>
  // CHECK-NEXT: return %[[Y]]
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = arith.constant 0.2 : f32
    %s = arith.mulf %a, %in : f32
    %r = arith.maxnumf %in, %s : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
