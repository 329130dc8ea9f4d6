// The pipeline and its parts give the same code, which holds no scalar loop and
// has the vectors of the target.

// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 --lowbit-cpu-to-llvm -o %t.whole
// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver5 --lowbit-cpu-tensor-pipeline --lowbit-cpu-buffer-pipeline --lowbit-cpu-vector-pipeline \
// RUN:   --convert-scf-to-openmp --lowbit-cpu-guard-parallel --expand-strided-metadata --lower-affine --cse \
// RUN:   --lowbit-cpu-set-linkage --lowbit-cpu-share-tasks --convert-scf-to-cf --convert-vector-to-llvm="force-32bit-vector-indices=0 reassociate-fp-reductions=1" \
// RUN:   --convert-to-llvm --convert-openmp-to-llvm --reconcile-unrealized-casts -o %t.uncleaned
// RUN: quant-opt %t.uncleaned --pass-pipeline='builtin.module(llvm.func(lowbit-cpu-clean-up))' -o %t.parts
// RUN: diff %t.whole %t.parts
// RUN: FileCheck %s --input-file=%t.whole

// CHECK: llvm.mlir.global external constant @lowbit.weight.w()
// CHECK: llvm.func @main(
// CHECK: llvm.func @_mlir_ciface_main(
// CHECK: omp.parallel
// CHECK: llvm.atomicrmw add
// CHECK: llvm.intr.fmuladd({{.*}}) : (vector<32xf32>
lowbit.global @w : tensor<64x128xf32> {data = dense_resource<w> : tensor<64x128xf32>}
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x128xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = lowbit.weight @w : tensor<64x128xf32>
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?x128xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x128xf32>)
      outs(%f : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
