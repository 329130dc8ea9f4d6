// Elementwise operations become one, as long as a kernel binds what they read: 8
// buffers, the result among them. Parts of a tensor are one buffer, and so is what
// a body reads by index.

// RUN: quant-opt %s -pass-pipeline='builtin.module(func.func(lowbit-gpu-fuse,canonicalize))' | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// CHECK-LABEL: func.func @few
// CHECK:         linalg.generic
// CHECK:           math.exp
// CHECK:           arith.addf
// CHECK-NOT:     linalg.generic
func.func @few(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = math.exp %in : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%0, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %2 = arith.addf %a, %b : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Eight tensors are read: two kernels.
// CHECK-LABEL: func.func @many
// CHECK:         linalg.generic
// CHECK:           math.exp
// CHECK:         linalg.generic
// CHECK:           tensor.extract
func.func @many(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %d: tensor<4xf32>, %e: tensor<4xf32>,
                %f: tensor<4xf32>, %g: tensor<4xf32>, %table: tensor<9xf32>) -> tensor<4xf32> {
  %init = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%in: f32, %other: f32, %out: f32):
    %2 = math.exp %in : f32
    %3 = arith.mulf %2, %other : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%0, %c, %d, %e, %f, %g : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
      outs(%init : tensor<4xf32>) {
  ^bb0(%2: f32, %3: f32, %4: f32, %5: f32, %6: f32, %7: f32, %out: f32):
    %8 = linalg.index 0 : index
    %9 = tensor.extract %table[%8] : tensor<9xf32>
    %10 = arith.addf %2, %3 : f32
    %11 = arith.addf %10, %4 : f32
    %12 = arith.addf %11, %5 : f32
    %13 = arith.addf %12, %6 : f32
    %14 = arith.addf %13, %7 : f32
    %15 = arith.addf %14, %9 : f32
    linalg.yield %15 : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Of these eight, two are parts of one.
// CHECK-LABEL: func.func @parts
// CHECK:         linalg.generic
// CHECK:           math.exp
// CHECK-NOT:     linalg.generic
func.func @parts(%whole: tensor<8xf32>, %c: tensor<4xf32>, %d: tensor<4xf32>, %e: tensor<4xf32>,
                 %f: tensor<4xf32>, %g: tensor<4xf32>, %table: tensor<9xf32>) -> tensor<4xf32> {
  %init = tensor.empty() : tensor<4xf32>
  %a = tensor.extract_slice %whole[0] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %b = tensor.extract_slice %whole[4] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%in: f32, %other: f32, %out: f32):
    %2 = math.exp %in : f32
    %3 = arith.mulf %2, %other : f32
    linalg.yield %3 : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%0, %c, %d, %e, %f, %g : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
      outs(%init : tensor<4xf32>) {
  ^bb0(%2: f32, %3: f32, %4: f32, %5: f32, %6: f32, %7: f32, %out: f32):
    %8 = linalg.index 0 : index
    %9 = tensor.extract %table[%8] : tensor<9xf32>
    %10 = arith.addf %2, %3 : f32
    %11 = arith.addf %10, %4 : f32
    %12 = arith.addf %11, %5 : f32
    %13 = arith.addf %12, %6 : f32
    %14 = arith.addf %13, %7 : f32
    %15 = arith.addf %14, %9 : f32
    linalg.yield %15 : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
