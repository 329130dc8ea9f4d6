// RUN: quant-opt %s --lowbit-cpu-distribute --canonicalize | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-distribute="min-work=1000000000" | FileCheck %s --check-prefix=SERIAL

// SERIAL-NOT: scf.forall

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>

// The product and its residual share one loop over tiles of the result.

// CHECK-LABEL: func @product_and_residual
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 768) step (64, 128)
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}} ["parallel", "parallel", "reduction"]
// CHECK: linalg.generic {{.*}} ["parallel", "parallel"]
// CHECK: scf.forall.in_parallel
// CHECK-NOT: linalg
func.func @product_and_residual(%a: tensor<?x256xf32>, %b: tensor<256x768xf32>, %r: tensor<?x768xf32>,
                                %e: tensor<?x768xf32>) -> tensor<?x768xf32> {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %0 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x256xf32>, tensor<256x768xf32>) outs(%f : tensor<?x768xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %2 = arith.mulf %x, %y : f32
    %3 = arith.addf %z, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x768xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %r : tensor<?x768xf32>, tensor<?x768xf32>) outs(%e : tensor<?x768xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %2 = arith.addf %x, %y : f32
    linalg.yield %2 : f32
  } -> tensor<?x768xf32>
  return %1 : tensor<?x768xf32>
}

// A producer with another reader is a group of its own.

// CHECK-LABEL: func @two_readers
// CHECK-COUNT-2: scf.forall (
func.func @two_readers(%a: tensor<?x256xf32>, %e: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?x256xf32>) {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<?x256xf32>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%x: f32, %z: f32):
    %2 = math.exp %x : f32
    linalg.yield %2 : f32
  } -> tensor<?x256xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<?x256xf32>) outs(%e : tensor<?x256xf32>) {
  ^bb0(%x: f32, %z: f32):
    %2 = arith.negf %x : f32
    linalg.yield %2 : f32
  } -> tensor<?x256xf32>
  return %0, %1 : tensor<?x256xf32>, tensor<?x256xf32>
}

// Little work stays serial.

// CHECK-LABEL: func @small
// CHECK-NOT: scf.forall
func.func @small(%a: tensor<16x16xf32>, %e: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<16x16xf32>) outs(%e : tensor<16x16xf32>) {
  ^bb0(%x: f32, %z: f32):
    %2 = arith.negf %x : f32
    linalg.yield %2 : f32
  } -> tensor<16x16xf32>
  return %0 : tensor<16x16xf32>
}
