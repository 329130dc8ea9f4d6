//===- LowbitGPUOps.td - operations of GPU code ------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITGPUOPS
#define LOWBIT_IR_LOWBITGPUOPS

include "lowbit/IR/LowbitTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lowbit_DispatchOp : Op<Lowbit_Dialect, "dispatch",
    [DestinationStyleOpInterface, AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Runs a GPU kernel on tensors or buffers";
  let description = [{
    The kernel is a `gpu.func` whose arguments are the words of `inputs`, then
    of `outputs`, row-major and flat, or vectors of them. It reads the former
    and defines the latter, in a grid of three numbers of workgroups. What
    `gpu.launch_func` is for buffers, before there are any.

    ```mlir
    %y = lowbit.dispatch @kernels::@negate [4, 1, 1] ins(%x : tensor<16x16xf32>)
        outs(%init : tensor<16x16xf32>) -> tensor<16x16xf32>
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, DenseI64ArrayAttr:$workgroups,
                       Variadic<AnyShaped>:$inputs,
                       Variadic<AnyShaped>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel $workgroups (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
}

#endif // LOWBIT_IR_LOWBITGPUOPS
