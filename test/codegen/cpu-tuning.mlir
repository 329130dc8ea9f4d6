// RUN: quant-opt %s --lowbit-cpu-tensor-pipeline="row-tile=32 column-tile=64" | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-tensor-pipeline | FileCheck %s --check-prefix=DEFAULT

// What `quant-opt --tuning` reads are options of passes, and of the pipelines
// that have them.

// CHECK-LABEL: func @product
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 768) step (32, 64)
// DEFAULT: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (%{{.*}}, 768) step (64, 128)
func.func @product(%a: tensor<?x256xf32>, %b: tensor<256x768xf32>, %e: tensor<?x768xf32>) -> tensor<?x768xf32> {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<?x256xf32>, tensor<256x768xf32>) outs(%f : tensor<?x768xf32>) -> tensor<?x768xf32>
  return %0 : tensor<?x768xf32>
}
