//===- ImportPasses.td - passes of the import phase --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Front ends for IR: what other compilers write, made linalg and lowbit.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_IMPORTPASSES
#define LOWBIT_TRANSFORMS_IMPORTPASSES

include "mlir/Pass/PassBase.td"

def ImportPass : Pass<"lowbit-import", "::mlir::ModuleOp"> {
  let summary = "Run the front ends that a module's operations ask for";
  let description = [{
    Upstream's quantized types (`lowbit-import-quant`), then TOSA (the pipeline
    `lowbit-import-tosa`), dequantization written as linalg
    (`lowbit-import-linalg`), weights of other dialects (`lowbit-import-globals`).
    A front end runs only where the module has operations for it, so a module
    of linalg and lowbit alone stays as it is. What is left of `quant`, such as
    quantized activations, becomes arithmetic by upstream's `lower-quant-ops`.

    Guarantees: of `tosa`, `quant` and immutable `ml_program` nothing is left, or
    a diagnostic says what.

    ```mlir
    func.func @argument(%q: tensor<2x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x4xf32> {
      %w = quant.dcast %q : tensor<2x4x!quant.uniform<i8:f32, 0.5>> to tensor<2x4xf32>
      return %w : tensor<2x4xf32>
    }
    ```

    becomes, with a remark that the codes are an argument and not a constant,

    ```mlir
    func.func @argument(%q: tensor<2x4xi8>) -> tensor<2x4xf32> {
      %scale = arith.constant dense<0.5> : tensor<2x4xf32>
      %0 = arith.sitofp %q : tensor<2x4xi8> to tensor<2x4xf32>
      %w = arith.mulf %0, %scale : tensor<2x4xf32>
      return %w : tensor<2x4xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numFrontEnds", "front-ends", "Groups of front ends that ran">,
  ];
}

def ImportGlobalsPass : Pass<"lowbit-import-globals", "::mlir::ModuleOp"> {
  let summary = "Turn weights of other dialects into lowbit globals";
  let description = [{
    An `ml_program.global` that is only loaded, and each constant that is a
    resource, becomes a `lowbit.global`, so that weights have names, functions
    share them, and artefacts keep them in the sidecar. A remark names each
    `ml_program.global` that stays.

    Needs: elements of whole bytes. Guarantees: nothing else changes.

    ```mlir
    ml_program.global private @fc(dense<1.0> : tensor<2x4xf32>) : tensor<2x4xf32>
    %w = ml_program.global_load_const @fc : tensor<2x4xf32>
    ```

    becomes

    ```mlir
    lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
    %w = lowbit.weight @fc : tensor<2x4xf32>
    ```
  }];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numImported", "imported", "Weights that became lowbit globals">,
    Statistic<"numLeft", "left", "Globals of ml_program that are left">,
  ];
}

def ImportLinalgPass : Pass<"lowbit-import-linalg", "::mlir::ModuleOp"> {
  let summary = "Recognise dequantization of constants that is written as linalg";
  let description = [{
    A `linalg.generic` without reductions that computes
    scale * (number of a code - zero point) from constants becomes a
    `lowbit.global` with the same codes and a `lowbit.dequantize`. Codes are
    integers of 1 to 8 bits, signed or unsigned as their conversion says; the
    zero point may be subtracted before or after the conversion to a float.
    Scale and zero point may be selected by any loops: none, those of a row or
    column, those of a group.

    torch-mlir writes a group-quantized product as such a generic on
    [N, K / g, g] and a contraction over the last two dimensions. The
    contraction is left to `lowbit-raise`, which finds the layer.

    Needs: codes and parameters that are constants (`arith.constant`,
    `ml_program.global`, `lowbit.weight`), behind reshapes at most; a remark names
    each dequantization where they are not. Guarantees: codes and numbers to the
    bit; scales are f16 where all of them are, and f32 elsewhere.

    ```mlir
    %0 = linalg.generic {indexing_maps = [#id, #group, #group, #id], ...}
        ins(%codes, %scales, %points : tensor<8x2x32xi4>, tensor<8x2x1xf32>, tensor<8x2x1xf32>) ... {
    ^bb0(%code: i4, %scale: f32, %point: f32, %out: f32):
      %1 = arith.extui %code : i4 to i32
      %2 = arith.uitofp %1 : i32 to f32
      %3 = arith.subf %2, %point : f32
      %4 = arith.mulf %3, %scale : f32
      linalg.yield %4 : f32
    } -> tensor<8x2x32xf32>
    ```

    becomes

    ```mlir
    #uint4 = #lowbit.encoding<uint<4>, zero_point = integer, group = 32, scale = f16>
    lowbit.global @w : !lowbit.tensor<8x64xf32, #uint4> {codes = ..., scale = ..., zero_point = ...}
    %1 = lowbit.weight @w : !lowbit.tensor<8x64xf32, #uint4>
    %2 = lowbit.dequantize %1 : !lowbit.tensor<8x64xf32, #uint4> -> tensor<8x64xf32>
    %0 = tensor.expand_shape %2 [[0], [1, 2]] : tensor<8x64xf32> into tensor<8x2x32xf32>
    ```
  }];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::ml_program::MLProgramDialect", "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numImported", "imported", "Dequantizations of constants imported">,
    Statistic<"numGlobals", "globals", "Weights made; equal ones are one">,
    Statistic<"numLeft", "left", "Dequantizations that are left">,
  ];
}

def ImportBlockScaledPass
    : Pass<"lowbit-import-block-scaled", "::mlir::ModuleOp"> {
  let summary = "Lower TOSA's block-scaled operations";
  let description = [{
    `tosa.cast_from_block_scaled`, `tosa.cast_to_block_scaled` and
    `tosa.matmul_t_block_scaled`, which upstream does not lower.
    Block-scaled constants become weights of a small float (mxint8: of `int<8>`)
    in groups; their E8M0 scales, powers of two, are held exactly by f16 or
    f32. A value that is cast to blocks and read by these operations alone is
    rounded in f32. Where a cast's results are used otherwise, or the halves of
    an operand come from elsewhere, `linalg` computes on the small floats.

    The scale of a block is the smallest power of two with which its largest
    magnitude is in the element's range; numbers are rounded half to even.

    Needs: a static last dimension that the block size divides. Guarantees: none
    of the three operations, or an error.

    ```mlir
    %w = tosa.cast_from_block_scaled %data, %scale {block_size = BLOCK_SIZE_32}
        : (tensor<8x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU>) -> tensor<8x64xf32>
    ```

    becomes

    ```mlir
    #float4 = #lowbit.encoding<float<f4E2M1FN>, group = 32, scale = f16>
    lowbit.global @w : !lowbit.tensor<8x64xf32, #float4> {codes = ..., scale = ...}
    %0 = lowbit.weight @w : !lowbit.tensor<8x64xf32, #float4>
    %1 = lowbit.dequantize %0 : !lowbit.tensor<8x64xf32, #float4> -> tensor<8x64xf32>
    ```
  }];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numWeights", "weights", "Block-scaled constants imported">,
    Statistic<"numProducts", "products", "Block-scaled products lowered">,
  ];
}

def ImportQuantPass : Pass<"lowbit-import-quant", "::mlir::ModuleOp"> {
  let summary = "Turn constants of upstream's quantized types into weights";
  let description = [{
    A `quant.dcast` of a constant, which `quant.scast` gave a `quant.uniform`
    type or `quant.qcast` quantized, becomes a `lowbit.global` with the same
    codes and a `lowbit.dequantize`. Scales and zero points per tensor, per axis
    and in blocks of any dimensions leave the type and become data. A storage
    range narrower than the storage type, such as `i8<-8:7>`, makes narrower
    codes. `quant.qcast` rounds half to even.

    A computed value that is quantized and dequantized, per tensor or per axis,
    becomes the arithmetic of both, which upstream's folder would drop.

    Needs: storage ranges of at most 8 bits for weights. Guarantees: numbers to
    the bit; a remark names each `quant.dcast` that stays.

    ```mlir
    %c = arith.constant dense<[[1, -2, 3, -4], [5, -6, 7, -8]]> : tensor<2x4xi4>
    %q = quant.scast %c : tensor<2x4xi4> to tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>>
    %w = quant.dcast %q : tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>> to tensor<2x4xf32>
    ```

    becomes

    ```mlir
    #int4 = #lowbit.encoding<int<4>, channel, scale = f16>
    lowbit.global @weight : !lowbit.tensor<2x4xf32, #int4> {codes = ..., scale = ...}
    %0 = lowbit.weight @weight : !lowbit.tensor<2x4xf32, #int4>
    %w = lowbit.dequantize %0 : !lowbit.tensor<2x4xf32, #int4> -> tensor<2x4xf32>
    ```
  }];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numImported", "imported", "Dequantizations of constants imported">,
    Statistic<"numGlobals", "globals", "Weights made; equal ones are one">,
    Statistic<"numActivations", "activations", "Round trips of computed values">,
    Statistic<"numLeft", "left", "Dequantizations that are left">,
  ];
}

#endif // LOWBIT_TRANSFORMS_IMPORTPASSES
