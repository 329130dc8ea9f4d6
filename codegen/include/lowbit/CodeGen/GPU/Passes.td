//===- Passes.td - GPU code generation ---------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_PASSES
#define LOWBIT_CODEGEN_GPU_PASSES

include "mlir/Pass/PassBase.td"

def GPUPrintSchedulePass : Pass<"lowbit-gpu-print-schedule", "::mlir::ModuleOp"> {
  let summary = "Print what a host does to run a lowered model, as JSON";
  let description = [{
    For each host function, buffers with their sizes and the dispatches between
    which they are used, and the dispatches in order. A file may be given; the
    module stays as it is. GPUSchedule.h has the form of host functions.

    ```mlir
    func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
      gpu.launch_func @kernels::@negate blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
          args(%0 : memref<64xf32>)
      return
    }
    ```
    prints
    ```json
    [{"buffers": [{"bytes": 256, "first": 0, "kind": "input", "last": 0, "name": "x", "shape": [64], "type": "f32"} ],
      "dispatches": [{"bindings": [{"access": "read_write", "buffer": 0, "bytes": 256, "offset": 0} ],
                      "kernel": "negate", "workgroupSize": [64, 1, 1], "workgroups": [1, 1, 1]} ],
      "function": "main"} ]
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", "\"-\"",
           "The file to write; - for standard output">];
}

#endif // LOWBIT_CODEGEN_GPU_PASSES
