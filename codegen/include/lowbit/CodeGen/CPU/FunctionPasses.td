//===- FunctionPasses.td - functions as a whole ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every stage of the CPU pipelines does to functions, whatever is in them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_FUNCTIONPASSES
#define LOWBIT_CODEGEN_CPU_FUNCTIONPASSES

include "mlir/Pass/PassBase.td"

def CPUCleanUpPass
    : InterfacePass<"lowbit-cpu-clean-up", "::mlir::FunctionOpInterface"> {
  let summary = "Verify and canonicalize a function, unless it is a finished kernel";
  let description = [{
    What `canonicalize` and `cse` do, for one function. Kernels are most of a
    module's operations and come cleaned up; until vectors are lowered nothing
    touches them, so the cleanups of the code around them pass them by.

    The function is verified first: a compiler that runs the CPU pipeline can do
    without verifying the module after each of its passes, and still ends with a
    diagnostic where one breaks a contract.

    ```mlir
    %0 = arith.addi %n, %c0 : index
    %1 = arith.muli %0, %c4 : index
    %2 = arith.muli %n, %c4 : index
    ```
    becomes
    ```mlir
    %0 = arith.muli %n, %c4 : index
    ```
  }];
  let options = [
    Option<"eliminateCommon", "eliminate-common", "bool", "true",
           "Compute equal values once">,
    Option<"kernels", "kernels", "bool", "true", "Clean up kernels, too">];
  let statistics = [Statistic<"numKernels", "kernels", "Kernels passed by">];
}

def CPUSetLinkagePass : Pass<"lowbit-cpu-set-linkage", "::mlir::func::FuncOp"> {
  let summary = "Give public functions a C interface, and keep private ones private";
  let description = [{
    Callers outside reach public functions, and the module's code declarations,
    through wrappers that take descriptors of memrefs by address
    (`_mlir_ciface_`). Private functions become internal to the object, so that
    LLVM drops arguments that they don't read. They are the kernels and loops
    that layers share, and stay functions: copies of them in each layer would be
    compiled again.

    ```mlir
    func.func private @main_loop_0(%x: memref<?xf32>) { ... }
    ```
    becomes
    ```mlir
    func.func private @main_loop_0(%x: memref<?xf32>)
        attributes {llvm.linkage = #llvm.linkage<internal>, passthrough = ["noinline"]} { ... }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let statistics = [
    Statistic<"numInternal", "internal", "Functions that stay in the object">];
}

#endif // LOWBIT_CODEGEN_CPU_FUNCTIONPASSES
