// RUN: quant-opt %s --lowbit-raise-attention=report --split-input-file -o /dev/null 2>&1 | FileCheck %s

// Products with a softmax that are no attention, and what their remarks say.

// CHECK: remark: attention is left: a selection among the scores does not hide them
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @other_selection(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %c: tensor<2x4x5xi1>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %hidden1 = arith.constant 0.0 : f32
  %t = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%c, %s : tensor<2x4x5xi1>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%isSeen: i1, %in: f32, %out: f32):
    %0 = arith.select %isSeen, %in, %hidden1 : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: what hides scores is not one tensor of their dimensions
#all = affine_map<(b, i, j) -> (b, i, j)>
#turned = affine_map<(b, i, j) -> (i, b, j)>
func.func @turned_condition(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %d: tensor<4x2x5xi1>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %hidden = arith.constant -1.0e+9 : f32
  %t = linalg.generic {indexing_maps = [#turned, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%d, %s : tensor<4x2x5xi1>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%m: i1, %in: f32, %out: f32):
    %0 = arith.select %m, %in, %hidden : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: what is added to the scores is not one tensor of their dimensions
#all = affine_map<(b, i, j) -> (b, i, j)>
#turned = affine_map<(b, i, j) -> (i, b, j)>
func.func @turned_mask(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %d: tensor<4x2x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.generic {indexing_maps = [#turned, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%d, %s : tensor<4x2x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%m: f32, %in: f32, %out: f32):
    %0 = arith.addf %in, %m : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: the scores go through 'math.tanh'
func.func @capped(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.tanh ins(%s : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: an addition to the scores has no product on either side
func.func @no_product_added(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %m: tensor<2x4x5xf32>, %n: tensor<2x4x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.add ins(%m, %n : tensor<2x4x5xf32>, tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: the scores are no product{{$}}
func.func @no_product(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>, %m: tensor<2x4x5xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%m : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: the scores are no product of a query and a key
func.func @started(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %one = arith.constant 1.0 : f32
  %t = linalg.map ins(%s : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>)
    (%in: f32, %out: f32) {
      %0 = arith.mulf %in, %one : f32
      linalg.yield %0 : f32
    }
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: what hides scores is not one tensor of their dimensions
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @not_square(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %hidden = arith.constant -1.0e+9 : f32
  %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.cmpi sle, %j, %i : index
    %0 = arith.select %c, %in, %hidden : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// CHECK: remark: attention is left: the product of the softmax is not one of matrices by batches over its last dimension
func.func @no_heads(%s: tensor<4x5xf32>, %v: tensor<5x8xf32>, %es: tensor<4x5xf32>, %ey: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<4x8xf32>) -> tensor<4x8xf32>
  %p = linalg.softmax dimension(1) ins(%s : tensor<4x5xf32>) outs(%es : tensor<4x5xf32>) -> tensor<4x5xf32>
  %y = linalg.matmul ins(%p, %v : tensor<4x5xf32>, tensor<5x8xf32>) outs(%zy : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK: remark: attention is left: the scores have a least number that does not hide them
#all = affine_map<(b, i, j) -> (b, i, j)>
func.func @least(%q: tensor<2x4x8xf32>, %kt: tensor<2x8x5xf32>, %v: tensor<2x5x8xf32>,
    %es: tensor<2x4x5xf32>, %ey: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<2x4x8xf32>, tensor<2x8x5xf32>) outs(%zs : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %t = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x5xf32>
  %p = linalg.softmax dimension(2) ins(%t : tensor<2x4x5xf32>) outs(%es : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %y = linalg.batch_matmul ins(%p, %v : tensor<2x4x5xf32>, tensor<2x5x8xf32>) outs(%zy : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}
