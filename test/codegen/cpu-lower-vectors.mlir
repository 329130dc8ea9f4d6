// RUN: quant-opt %s --lowbit-cpu-lower-vectors --canonicalize | FileCheck %s

// CHECK-LABEL: func @contract
// CHECK-NOT: vector.contract
// CHECK-COUNT-2: vector.fma {{.*}} : vector<32xf32>
func.func @contract(%a: vector<2x1xf32>, %b: vector<1x32xf32>, %c: vector<2x32xf32>) -> vector<2x32xf32> {
  %0 = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"],
      kind = #vector.kind<add>} %a, %b, %c : vector<2x1xf32>, vector<1x32xf32> into vector<2x32xf32>
  return %0 : vector<2x32xf32>
}

// CHECK-LABEL: func @masked_read
// CHECK-NOT: vector.mask {{.*}} {
// CHECK: vector.transfer_read %{{.*}}, %{{.*}}, %{{.*}} : memref<?xf32>, vector<16xf32>
func.func @masked_read(%a: memref<?xf32>, %m: vector<16xi1>) -> vector<16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %0 = vector.mask %m { vector.transfer_read %a[%c0], %zero : memref<?xf32>, vector<16xf32> } : vector<16xi1> -> vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func @functions
// CHECK-NOT: math.{{exp|sin|cos|tanh|erf}}
// CHECK: return
func.func @functions(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  %1 = math.sin %0 : vector<16xf32>
  %2 = math.cos %1 : vector<16xf32>
  %3 = math.tanh %2 : vector<16xf32>
  %4 = math.erf %3 : vector<16xf32>
  return %4 : vector<16xf32>
}

// The error function is one ratio of polynomials for all arguments.
// CHECK-LABEL: func @error_function
// CHECK: arith.divf
// CHECK: arith.select
// CHECK-NOT: arith.select
// CHECK-NOT: arith.divf
// CHECK: return
func.func @error_function(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.erf %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func @transpose
// CHECK: vector.shuffle
// CHECK-NOT: vector.transpose
func.func @transpose(%x: vector<16x16xf32>) -> vector<16x16xf32> {
  %0 = vector.transpose %x, [1, 0] : vector<16x16xf32> to vector<16x16xf32>
  return %0 : vector<16x16xf32>
}
