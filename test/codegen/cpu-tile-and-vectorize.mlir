// RUN: quant-opt %s --lowbit-cpu-tile-and-vectorize="vector-bits=512 rows=8" --canonicalize --cse | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-tile-and-vectorize="vector-bits=256 rows=8" --canonicalize | FileCheck %s --check-prefix=AVX2

// AVX2-LABEL: func @elementwise
// AVX2: math.exp {{.*}} : vector<8xf32>

// Full vectors, then one with a mask.

// CHECK-LABEL: func @elementwise
// CHECK: scf.for %{{.*}} step %c16
// CHECK: math.exp %{{.*}} : vector<16xf32>
// CHECK: scf.if
// CHECK: vector.create_mask %{{.*}} : vector<16xi1>
// CHECK: vector.mask {{.*}} vector.transfer_read
// CHECK: math.exp %{{.*}} : vector<16xf32>
// CHECK: vector.mask {{.*}} vector.transfer_write
func.func @elementwise(%a: memref<?xf32>, %b: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%b : memref<?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = math.exp %x : f32
    linalg.yield %0 : f32
  }
  return
}

// Eight rows by two vectors in registers over the whole reduction; what is left
// of the rows one by one.

// CHECK-LABEL: func @contraction
// CHECK: scf.for %{{.*}} step %c32
// CHECK: scf.for %{{.*}} step %c8
// CHECK: %[[C:.*]] = vector.transfer_read {{.*}} vector<8x32xf32>
// CHECK: %[[R:.*]] = scf.for %{{.*}} iter_args(%[[ACC:.*]] = %[[C]]) -> (vector<8x32xf32>)
// CHECK: vector.contract {{.*}} %[[ACC]] : vector<8x1xf32>, vector<1x32xf32> into vector<8x32xf32>
// CHECK: vector.transfer_write %[[R]]
// CHECK: scf.for
// CHECK: vector.contract {{.*}} : vector<1x1xf32>, vector<1x64xf32> into vector<1x64xf32>
func.func @contraction(%a: memref<?x48xf32>, %b: memref<48x64xf32>, %c: memref<?x64xf32>) {
  linalg.matmul ins(%a, %b : memref<?x48xf32>, memref<48x64xf32>) outs(%c : memref<?x64xf32>)
  return
}

// Partial sums in four vectors, one horizontal sum per row.

// CHECK-LABEL: func @row_sum
// CHECK: scf.for
// CHECK: scf.for {{.*}} step %c64 iter_args({{.*}}) -> (vector<1x64xf32>)
// CHECK: arith.addf {{.*}} : vector<1x64xf32>
// CHECK: vector.multi_reduction <add>, {{.*}} : vector<1x64xf32> to vector<1xf32>
func.func @row_sum(%a: memref<?x256xf32>, %b: memref<?xf32>) {
  linalg.reduce {arith.addf} ins(%a : memref<?x256xf32>) outs(%b : memref<?xf32>) dimensions = [1]
  return
}

// A transposition works on square tiles.

// CHECK-LABEL: func @transpose
// CHECK: vector.transfer_read {{.*}} vector<16x16xf32>
// CHECK: vector.transfer_write {{.*}} vector<16x16xf32>
func.func @transpose(%a: memref<64x32xf32>, %b: memref<32x64xf32>) {
  linalg.transpose ins(%a : memref<64x32xf32>) outs(%b : memref<32x64xf32>) permutation = [1, 0]
  return
}
