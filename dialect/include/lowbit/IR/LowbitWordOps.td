//===- LowbitWordOps.td - operations on words of four bytes *- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What GPU kernels are made of and upstream has no operation for. GPUs keep
// bytes in 32-bit words, and have instructions for four of them at once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITWORDOPS
#define LOWBIT_IR_LOWBITWORDOPS

include "lowbit/IR/LowbitFeatureInterface.td"
include "lowbit/IR/LowbitTypes.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lowbit_UnpackBytesOp : Op<Lowbit_Dialect, "unpack_bytes", [Pure,
    DeclareOpInterfaceMethods<Lowbit_DeviceFeatureInterface>]> {
  let summary = "The four bytes of a word as numbers";
  let description = [{
    Number i is byte i of the word, the lowest first; unsigned, or with `signed`
    in two's complement.

    ```mlir
    %x = lowbit.unpack_bytes %word : vector<4xf32>
    %y = lowbit.unpack_bytes %word signed : vector<4xf32>
    ```
  }];
  let arguments = (ins I32:$word, UnitAttr:$isSigned);
  let results = (outs VectorOfLengthAndType<[4], [F32]>:$result);
  let assemblyFormat = [{
    $word (`signed` $isSigned^)? attr-dict `:` type($result)
  }];
}

def Lowbit_DotBytesOp : Op<Lowbit_Dialect, "dot_bytes", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<Lowbit_DeviceFeatureInterface>]> {
  let summary = "Adds the dot product of two words of four signed bytes";
  let description = [{
    The result is accumulator + sum over i of byte i of `lhs` times byte i of
    `rhs`, modulo 2^32: `SDot`, `dot4I8Packed` or `dp4a`.

    ```mlir
    %sum = lowbit.dot_bytes %accumulator, %codes, %values : i32
    ```
  }];
  let arguments = (ins I32:$accumulator, I32:$lhs, I32:$rhs);
  let results = (outs I32:$result);
  let assemblyFormat = "$accumulator `,` $lhs `,` $rhs attr-dict `:` type($result)";
}

#endif // LOWBIT_IR_LOWBITWORDOPS
