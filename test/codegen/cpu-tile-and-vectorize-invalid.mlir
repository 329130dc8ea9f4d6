// RUN: quant-opt %s --lowbit-cpu-tile-and-vectorize --split-input-file --verify-diagnostics

func.func @tensors(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{requires buffers, found tensors: bufferize first}}
  %0 = linalg.exp ins(%a : tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// What has no vector form is not computed in another way silently.

#id = affine_map<(i) -> (i)>
func.func private @f(f32) -> f32
func.func @call(%a: memref<?xf32>, %b: memref<?xf32>) {
  // expected-error @below {{requires a body of operations on vectors, found one that cannot be vectorized}}
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%b : memref<?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = func.call @f(%x) : (f32) -> f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Nor is it where windows slide.

#every_second = affine_map<(i) -> (2 * i)>
#each = affine_map<(i) -> (i)>
func.func private @f(f32) -> f32
func.func @call_along_windows(%a: memref<16xf32>, %b: memref<8xf32>) {
  // expected-error @below {{windows cannot be vectorized}}
  linalg.generic {indexing_maps = [#every_second, #each], iterator_types = ["parallel"]}
      ins(%a : memref<16xf32>) outs(%b : memref<8xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = func.call @f(%x) : (f32) -> f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#rows = affine_map<(m, k) -> (m, k)>
#sums = affine_map<(m, k) -> (m)>
func.func @alternating(%a: memref<?x64xf32>, %b: memref<?xf32>) {
  // expected-error @below {{requires a reduction by one operation with a neutral element, such as arith.addf, found another one}}
  linalg.generic {indexing_maps = [#rows, #sums], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<?x64xf32>) outs(%b : memref<?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.subf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Bits at computed addresses are decoded by scalar code, and so is what has no
// loop of its own for a dimension of the result; a remark says so.

#id = affine_map<(i) -> (i)>
func.func @decode(%bits: memref<?xi8>, %b: memref<?xi8>) {
  // expected-remark @below {{computes its numbers one by one: it reads addresses that it computes}}
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%b : memref<?xi8>) {
  ^bb0(%y: i8):
    %i = linalg.index 0 : index
    %c2 = arith.constant 2 : index
    %byte = arith.divui %i, %c2 : index
    %0 = memref.load %bits[%byte] : memref<?xi8>
    linalg.yield %0 : i8
  }
  return
}

// -----

#in = affine_map<(i, j) -> (i, j)>
#shifted = affine_map<(i, j) -> (i + j)>
func.func @shifted(%a: memref<4x8xf32>, %b: memref<11xf32>) {
  // expected-remark @below {{computes its numbers one by one: the places of its results are not loops alone}}
  linalg.generic {indexing_maps = [#in, #shifted], iterator_types = ["reduction", "reduction"]}
      ins(%a : memref<4x8xf32>) outs(%b : memref<11xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}
