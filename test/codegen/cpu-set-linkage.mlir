// RUN: quant-opt %s --lowbit-cpu-set-linkage | FileCheck %s
// RUN: quant-opt %s --lowbit-cpu-set-linkage --convert-to-llvm --reconcile-unrealized-casts | FileCheck %s --check-prefix=LLVM

// Others call what is public through a C interface. What is private stays in
// the object, and a function.

// CHECK: func @main({{.*}}) attributes {llvm.emit_c_interface}
// CHECK: func private @loop({{.*}}) attributes {llvm.linkage = #llvm.linkage<internal>, passthrough = ["noinline"]}
// CHECK: func private @elsewhere({{.*}}) attributes {llvm.emit_c_interface}

// LLVM-NOT: @_mlir_ciface_loop
// LLVM: llvm.func @_mlir_ciface_main(
// LLVM: llvm.func internal @loop({{.*}}passthrough = ["noinline"]
// LLVM: llvm.func @_mlir_ciface_elsewhere(
func.func @main(%x: memref<?xf32>) {
  call @loop(%x) : (memref<?xf32>) -> ()
  call @elsewhere(%x) : (memref<?xf32>) -> ()
  return
}
func.func private @loop(%x: memref<?xf32>) {
  return
}
func.func private @elsewhere(memref<?xf32>)
