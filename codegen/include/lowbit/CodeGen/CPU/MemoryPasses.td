//===- MemoryPasses.td - states and workspaces -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What buffers become in functions that are called again and again.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_MEMORYPASSES
#define LOWBIT_CODEGEN_CPU_MEMORYPASSES

include "mlir/Pass/PassBase.td"

def CPUUpdateStatesPass : Pass<"lowbit-cpu-update-states", "::mlir::ModuleOp"> {
  let summary = "Check that states are updated in place, and return them no more";
  let description = [{
    An argument with `lowbit.state` is a state, such as a KV cache, whose new
    value is the result of that number. After bufferization both must be one
    buffer, and nothing may copy a view of it that grows with it: then the
    result says nothing, and is dropped. A state that is copied is an error.

    ```mlir
    func.func @decode(%cache: memref<16x8xf32> {lowbit.state = 1 : i64}, ...)
        -> (memref<8xf32>, memref<16x8xf32>) {
      ...
      return %y, %cache : memref<8xf32>, memref<16x8xf32>
    ```
    becomes
    ```mlir
    func.func @decode(%cache: memref<16x8xf32>, ...) -> memref<8xf32> {
      ...
      return %y : memref<8xf32>
    ```
  }];
  let statistics = [
    Statistic<"numStates", "states", "States updated in place">];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def CPUPlanMemoryPass : Pass<"lowbit-cpu-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Give buffers places in one workspace";
  let description = [{
    Functions in the module's attribute `lowbit.signature.NAME` that have states
    (all, in a module with the attribute `lowbit.workspaces`)
    and whose buffers all have a largest size get a last argument, a workspace of
    bytes, and each buffer a place in it. Two buffers share a place if the last
    use of one is before the other is allocated; the largest are placed first,
    each at the lowest address that is free as long as it lives. So the function
    allocates nothing, and its peak is known: `workspace` of the signature.
    Results lie in the workspace, too. In a module with `lowbit.workspaces` the
    attribute `lowbit.temporaries` says what the functions without signature,
    loops of the others, allocate at most, if that is known.

    ```mlir
    func.func @decode(%x: memref<4xf32>) -> memref<4xf32> {
      %0 = memref.alloc() {alignment = 64 : i64} : memref<4xf32>
      ...
      return %0 : memref<4xf32>
    ```
    becomes
    ```mlir
    func.func @decode(%x: memref<4xf32>, %workspace: memref<64xi8>) -> memref<4xf32> {
      %c0 = arith.constant 0 : index
      %0 = memref.view %workspace[%c0][] : memref<64xi8> to memref<4xf32>
      ...
      return %0 : memref<4xf32>
    ```
  }];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers placed">,
    Statistic<"numBytes", "bytes", "Bytes of all workspaces">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

#endif // LOWBIT_CODEGEN_CPU_MEMORYPASSES
