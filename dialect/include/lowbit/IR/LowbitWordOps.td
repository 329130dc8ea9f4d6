//===- LowbitWordOps.td - operations on words of four bytes *- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What GPU kernels are made of and upstream has no operation for. GPUs keep
// bytes in 32-bit words, and have instructions for four of them at once; and
// for numbers that invocations of a subgroup have.
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

def Lowbit_UnpackHalvesOp : Op<Lowbit_Dialect, "unpack_halves", [Pure]> {
  let summary = "The two f16 of a word as f32";
  let description = [{
    The lower one first. Every device has an instruction for it, and takes a
    number whose magnitude is below 2^-14, a subnormal one, for itself or for 0.

    ```mlir
    %x = lowbit.unpack_halves %word : vector<2xf32>
    ```
  }];
  let arguments = (ins I32:$word);
  let results = (outs VectorOfLengthAndType<[2], [F32]>:$result);
  let assemblyFormat = "$word attr-dict `:` type($result)";
}

def Lowbit_ReduceLanesOp : Op<Lowbit_Dialect, "reduce_lanes", [
    DeclareOpInterfaceMethods<Lowbit_DeviceFeatureInterface, ["buildNative"]>]> {
  let summary = "Adds up what neighbouring invocations have";
  let description = [{
    The invocations of a workgroup, which has one dimension, stand in groups of
    `lanes` neighbours. Each gets the sums of what those of its group have, or
    with `max` the largest numbers. All invocations of the workgroup must reach
    it.

    Portable, it is a tree in workgroup memory of two levels. A device with
    subgroups adds with those; how many invocations these have, and which, is
    found out when the kernel runs. Sums differ in their order alone.

    ```mlir
    %sum = lowbit.reduce_lanes %x of 32 : f32
    %a, %b = lowbit.reduce_lanes max %y, %z of 64 : f32, f32
    ```
  }];
  let arguments = (ins UnitAttr:$isMax, Variadic<F32>:$values, I64Attr:$lanes);
  let results = (outs Variadic<F32>:$results);
  let assemblyFormat = [{
    (`max` $isMax^)? $values `of` $lanes attr-dict `:` type($results)
  }];
  let hasVerifier = 1;
}

def Lowbit_SubgroupRankOp : Op<Lowbit_Dialect, "subgroup_rank"> {
  let summary = "How many active invocations of the subgroup come before this one";
  let description = [{
    Unlike the number of a lane, it has no gaps where a workgroup doesn't fill
    its subgroups: with n active invocations, each number below n is one's rank.

    ```mlir
    %rank = lowbit.subgroup_rank : i32
    ```
  }];
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

#endif // LOWBIT_IR_LOWBITWORDOPS
