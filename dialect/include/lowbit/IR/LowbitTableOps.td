//===- LowbitTableOps.td - what look-ups of kernels need ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Apart from LowbitOps.td, so that what kernels alone are made of doesn't
// concern all who include the dialect.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITTABLEOPS
#define LOWBIT_IR_LOWBITTABLEOPS

include "lowbit/IR/LowbitTypes.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lowbit_LearnedLutOp : Op<Lowbit_Dialect, "learned_lut",
    [Pure, AllTypesMatch<["indices", "result"]>]> {
  let summary = "Looks bytes up in tables that are data";
  let description = [{
    Byte i of the result is tables[indices[i] mod n], n being the size of
    `tables`. With `rows`, each lane of four bytes has a table of its own and
    `tables` holds one behind the other: byte 4j + c of the result is
    tables[n j + indices[4j + c] mod n]. As in `lowbit.lut`, indices needn't be
    masked.

    ```mlir
    // 16 numbers for each of 16 rows.
    %r = lowbit.learned_lut %codes, %tables rows : vector<64xi8>, vector<256xi8>
    ```
  }];
  let arguments = (ins VectorOfLengthAndType<[16, 32, 64], [I8]>:$indices,
                       VectorOfRankAndType<[1], [I8]>:$tables,
                       UnitAttr:$perRow);
  let results = (outs VectorOfLengthAndType<[16, 32, 64], [I8]>:$result);
  let assemblyFormat = [{
    $indices `,` $tables (`rows` $perRow^)? attr-dict `:` type($indices) `,` type($tables)
  }];
  let extraClassDeclaration = [{
    /// Bytes of a table.
    int64_t getTableSize() {
      int64_t all = getTables().getType().getNumElements();
      return getPerRow() ? 4 * all / getType().getNumElements() : all;
    }
  }];
  let hasVerifier = 1;
}

def Lowbit_HashOp : Op<Lowbit_Dialect, "hash",
    [Pure, AllTypesMatch<["indices", "result"]>]> {
  let summary = "Adds up bits modulo 2";
  let description = [{
    Byte i of the result is the exclusive or of images[b] over the bits b that
    are set in byte i of the operand or, from bit 8 on, in that of `upper`: a
    linear function over the field of two elements. It shortens the index of
    tables that repeat themselves, as those of trellises do, and takes windows
    of bits as they lie.

    ```mlir
    // The sums of bits 0, 2 and 8, and of bits 1 and 9.
    %i = lowbit.hash %x upper %y : vector<64xi8>, [1, 2, 1, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0] : vector<64xi8>
    ```
  }];
  let arguments = (ins VectorOfLengthAndType<[16, 32, 64], [I8]>:$indices,
                       Optional<VectorOfLengthAndType<[16, 32, 64], [I8]>>:$upper,
                       DenseI8ArrayAttr:$images);
  let results = (outs VectorOfLengthAndType<[16, 32, 64], [I8]>:$result);
  let assemblyFormat = [{
    $indices (`upper` $upper^ `:` type($upper))? `,` $images attr-dict `:` type($indices)
  }];
  let hasVerifier = 1;
}

#endif // LOWBIT_IR_LOWBITTABLEOPS
