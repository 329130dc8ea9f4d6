//===- ProgramPasses.td - weights and functions ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program is made of: addresses of weights, and functions that are shared.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_PROGRAMPASSES
#define LOWBIT_CODEGEN_CPU_PROGRAMPASSES

include "mlir/Pass/PassBase.td"

def CPUBindWeightsPass : Pass<"lowbit-cpu-bind-weights", "::mlir::ModuleOp"> {
  let summary = "Replace weights by external symbols bound at load time";
  let description = [{
    Every `lowbit.weight` of plain tensor type becomes a read of a
    `memref.global` that has a type and no value. The address comes from
    whoever loads the code, so compiled code holds no weight and no change of
    weights recompiles anything. What the loader needs stays on the module: the
    data of the weights in `lowbit.weights`, the signature of `@main` in
    `lowbit.signature`. Globals are erased. Inputs other than states are
    read-only, too (`bufferization.writable`): what would be updated in place is
    a copy.

    ```mlir
    %w = lowbit.weight @fc1 : tensor<256x768xf32>
    ```
    becomes
    ```mlir
    memref.global constant @lowbit.weight.fc1 : memref<256x768xf32>
    %m = memref.get_global @lowbit.weight.fc1 : memref<256x768xf32>
    %w = bufferization.to_tensor %m restrict : memref<256x768xf32> to tensor<256x768xf32>
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::bufferization::BufferizationDialect"];
  let statistics = [Statistic<"numBound", "bound", "Weights turned into symbols">];
}

def CPUOutlinePass : Pass<"lowbit-cpu-outline", "::mlir::ModuleOp"> {
  let summary = "Move parallel loops and linalg ops on buffers into shared functions";
  let description = [{
    Each parallel loop and each linalg op at the top level of a function, and each
    parallel loop in a branch there, becomes a private function of the buffers and
    sizes it uses.
    Equal functions are merged, so that compile time and code size don't grow
    with the number of layers: the same loop in every layer, and the code that
    hands a kernel to threads, is compiled once.

    ```mlir
    scf.forall (%i) in (%n) { linalg.generic ins(%a : memref<?x256xf32>) ... }
    ```
    becomes
    ```mlir
    func.call @main_loop_0(%n, %a, %b) : (index, memref<?x256xf32>, memref<?x256xf32>) -> ()
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let statistics = [
    Statistic<"numOutlined", "outlined", "Loops moved into functions">,
    Statistic<"numFunctions", "functions", "Functions left after merging">];
}

def CPUWeightTablePass : Pass<"lowbit-cpu-weight-table", "::mlir::ModuleOp"> {
  let summary = "Read the addresses of weights from a table that callers pass";
  let description = [{
    Needs the LLVM dialect. Every function that uses a symbol of
    `lowbit-cpu-bind-weights`, itself or by a call, takes one more argument: a
    table with the addresses of all weights. The symbols are gone; their order
    in the table is in the module attribute `lowbit.weight_table`. So compiled
    code has no state, serves several copies of a model at once, and links with
    other models.

    ```mlir
    llvm.mlir.global external constant @lowbit.weight.fc1() : !llvm.array<4 x f32>
    llvm.func @main(%x: !llvm.ptr) {
      %w = llvm.mlir.addressof @lowbit.weight.fc1 : !llvm.ptr
    ```
    becomes
    ```mlir
    llvm.func @main(%x: !llvm.ptr, %table: !llvm.ptr) {
      %slot = llvm.getelementptr %table[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %w = llvm.load %slot invariant : !llvm.ptr -> !llvm.ptr
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let statistics = [Statistic<"numWeights", "weights", "Weights in the table">];
}

#endif // LOWBIT_CODEGEN_CPU_PROGRAMPASSES
