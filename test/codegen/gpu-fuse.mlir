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

#two = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>

// The gates of a product, all in the one operation that reads them, with their
// part of what is added.
// CHECK-LABEL: func.func @gates
// CHECK-SAME:    %[[Z:.*]]: tensor<1x8xf32>, %[[B:.*]]: tensor<8xf32>
// CHECK-DAG:     tensor.extract_slice %[[Z]][0, 0] [1, 4] [1, 1]
// CHECK-DAG:     tensor.extract_slice %[[Z]][0, 4] [1, 4] [1, 1]
// CHECK-DAG:     tensor.extract_slice %[[B]][0] [4] [1]
// CHECK-DAG:     tensor.extract_slice %[[B]][4] [4] [1]
// CHECK:         linalg.generic
// CHECK-COUNT-2:   arith.addf
// CHECK:           arith.mulf
// CHECK-NOT:     linalg.generic
func.func @gates(%z: tensor<1x8xf32>, %b: tensor<8xf32>) -> tensor<1x4xf32> {
  %e = tensor.empty() : tensor<1x8xf32>
  %0 = linalg.generic {indexing_maps = [#two, #row, #two], iterator_types = ["parallel", "parallel"]}
      ins(%z, %b : tensor<1x8xf32>, tensor<8xf32>) outs(%e : tensor<1x8xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %1 = arith.addf %in, %bias : f32
    linalg.yield %1 : f32
  } -> tensor<1x8xf32>
  %i = tensor.extract_slice %0[0, 0] [1, 4] [1, 1] : tensor<1x8xf32> to tensor<1x4xf32>
  %o = tensor.extract_slice %0[0, 4] [1, 4] [1, 1] : tensor<1x8xf32> to tensor<1x4xf32>
  %f = tensor.empty() : tensor<1x4xf32>
  %2 = linalg.generic {indexing_maps = [#two, #two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%i, %o : tensor<1x4xf32>, tensor<1x4xf32>) outs(%f : tensor<1x4xf32>) {
  ^bb0(%a: f32, %c: f32, %out: f32):
    %3 = arith.mulf %a, %c : f32
    linalg.yield %3 : f32
  } -> tensor<1x4xf32>
  return %2 : tensor<1x4xf32>
}

// A part that something else reads would be an operation of its own.
// CHECK-LABEL: func.func @returned_part
// CHECK:         %[[WHOLE:.*]] = linalg.generic
// CHECK:           math.exp
// CHECK:         tensor.extract_slice %[[WHOLE]]
// CHECK:         tensor.extract_slice %[[WHOLE]]
func.func @returned_part(%z: tensor<1x8xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %e = tensor.empty() : tensor<1x8xf32>
  %0 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%z : tensor<1x8xf32>) outs(%e : tensor<1x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = math.exp %in : f32
    linalg.yield %1 : f32
  } -> tensor<1x8xf32>
  %i = tensor.extract_slice %0[0, 0] [1, 4] [1, 1] : tensor<1x8xf32> to tensor<1x4xf32>
  %o = tensor.extract_slice %0[0, 4] [1, 4] [1, 1] : tensor<1x8xf32> to tensor<1x4xf32>
  %f = tensor.empty() : tensor<1x4xf32>
  %2 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<1x4xf32>) outs(%f : tensor<1x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %3 = arith.negf %a : f32
    linalg.yield %3 : f32
  } -> tensor<1x4xf32>
  return %2, %o : tensor<1x4xf32>, tensor<1x4xf32>
}

// Parts that overlap would be computed twice.
// CHECK-LABEL: func.func @overlapping_parts
// CHECK:         %[[WHOLE:.*]] = linalg.generic
// CHECK:           math.exp
// CHECK:         linalg.generic
func.func @overlapping_parts(%z: tensor<1x8xf32>) -> tensor<1x6xf32> {
  %e = tensor.empty() : tensor<1x8xf32>
  %0 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%z : tensor<1x8xf32>) outs(%e : tensor<1x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %1 = math.exp %in : f32
    linalg.yield %1 : f32
  } -> tensor<1x8xf32>
  %i = tensor.extract_slice %0[0, 0] [1, 6] [1, 1] : tensor<1x8xf32> to tensor<1x6xf32>
  %o = tensor.extract_slice %0[0, 2] [1, 6] [1, 1] : tensor<1x8xf32> to tensor<1x6xf32>
  %f = tensor.empty() : tensor<1x6xf32>
  %2 = linalg.generic {indexing_maps = [#two, #two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%i, %o : tensor<1x6xf32>, tensor<1x6xf32>) outs(%f : tensor<1x6xf32>) {
  ^bb0(%a: f32, %c: f32, %out: f32):
    %3 = arith.mulf %a, %c : f32
    linalg.yield %3 : f32
  } -> tensor<1x6xf32>
  return %2 : tensor<1x6xf32>
}

// What is returned is stored beside what is computed of it.
// CHECK-LABEL: func.func @both
// CHECK:         %[[R:.*]]:2 = linalg.generic
// CHECK:           %[[E:.*]] = math.exp
// CHECK:           %[[N:.*]] = arith.negf %[[E]]
// CHECK:           linalg.yield %[[E]], %[[N]]
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @both(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = math.exp %in : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = arith.negf %in : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// A norm's sum comes between.
// CHECK-LABEL: func.func @needed_before
// CHECK:         math.exp
// CHECK:         linalg.generic
// CHECK:           arith.addf
// CHECK:         linalg.generic
// CHECK:           arith.mulf
func.func @needed_before(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = math.exp %in : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [#id, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%0 : tensor<4xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = arith.addf %in, %out : f32
    linalg.yield %2 : f32
  } -> tensor<f32>
  %1 = linalg.generic {indexing_maps = [#id, affine_map<(d0) -> ()>, #id], iterator_types = ["parallel"]}
      ins(%0, %sum : tensor<4xf32>, tensor<f32>) outs(%e : tensor<4xf32>) {
  ^bb0(%in: f32, %s: f32, %out: f32):
    %2 = arith.mulf %in, %s : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// An element of a state of 16 bits is half of a word, and a transposed reader
// needs another element.
// CHECK-LABEL: func.func @apart
// CHECK:         math.exp
// CHECK:         linalg.generic
// CHECK:           arith.negf
// CHECK:         math.tanh
// CHECK:         linalg.generic
// CHECK:           tensor.extract
func.func @apart(%x: tensor<4x4xf32>, %h: tensor<4x4xf16>) -> (tensor<4x4xf16>, tensor<4x4xf16>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %e = tensor.empty() : tensor<4x4xf32>
  %f = tensor.empty() : tensor<4x4xf16>
  %0 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%h : tensor<4x4xf16>) outs(%f : tensor<4x4xf16>) {
  ^bb0(%in: f16, %out: f16):
    %4 = math.exp %in : f16
    linalg.yield %4 : f16
  } -> tensor<4x4xf16>
  %1 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<4x4xf16>) outs(%f : tensor<4x4xf16>) {
  ^bb0(%in: f16, %out: f16):
    %4 = arith.negf %in : f16
    linalg.yield %4 : f16
  } -> tensor<4x4xf16>
  %2 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %4 = math.tanh %in : f32
    linalg.yield %4 : f32
  } -> tensor<4x4xf32>
  %3 = linalg.generic {indexing_maps = [#two, #two], iterator_types = ["parallel", "parallel"]}
      ins(%2 : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %4 = tensor.extract %2[%j, %i] : tensor<4x4xf32>
    %5 = arith.addf %4, %in : f32
    linalg.yield %5 : f32
  } -> tensor<4x4xf32>
  return %0, %1, %2, %3 : tensor<4x4xf16>, tensor<4x4xf16>, tensor<4x4xf32>, tensor<4x4xf32>
}
