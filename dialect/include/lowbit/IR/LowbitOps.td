//===- LowbitOps.td - operations ---------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITOPS
#define LOWBIT_IR_LOWBITOPS

include "lowbit/IR/LowbitTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Lowbit_Op<string mnemonic, list<Trait> traits = []>
    : Op<Lowbit_Dialect, mnemonic, traits>;

def Lowbit_FloatTensor : RankedTensorOf<[F32, F16, BF16]>;
def Lowbit_WeightTensor : AnyTypeOf<[Lowbit_FloatTensor, Lowbit_TensorType],
                                    "a float or quantized tensor">;
def Lowbit_AnyTensor : AnyTypeOf<[AnyRankedTensor, Lowbit_TensorType],
                                 "a ranked or quantized tensor">;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Lowbit_GlobalOp : Lowbit_Op<"global",
    [Symbol, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "A weight of the module: a name, a type, the data";
  let description = [{
    Holds the components of a weight: `data` for a plain tensor; `codes`,
    `scale`, `zero_point`, `minimum`, `permutation` for a dense quantized one;
    `blob` for a packed one. Data are usually `dense_resource` attributes over a
    mapped file, so that the text of a module never contains them.

    ```mlir
    lowbit.global @fc1 : !lowbit.tensor<2x4xf32, #int4> {
      codes = dense<[16, 50, 84, 118]> : tensor<4xi8>,
      scale = dense<1.0> : tensor<2x1xf16>}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       DictionaryAttr:$components);
  let assemblyFormat = [{
    $sym_name `:` $type $components attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The component called `name`, or null.
    mlir::ElementsAttr getComponent(llvm::StringRef name);
    /// Bytes of all components.
    int64_t getStoredBytes();
  }];
}

def Lowbit_WeightOp : Lowbit_Op<"weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a global";
  let description = [{
    ```mlir
    %w = lowbit.weight @fc1 : !lowbit.tensor<3072x768xf32, #int4>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$global);
  let results = (outs Lowbit_AnyTensor:$result);
  let assemblyFormat = "$global attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    /// The global that this op reads, or null where the symbol is unknown.
    GlobalOp getGlobalOp();
  }];
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

def Lowbit_LinearOp : Lowbit_Op<"linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "y = activation(x * transpose(W) + bias) + residual";
  let description = [{
    `weight` is [N, K]; `input` is [..., K] with any leading dimensions, which
    the result [..., N] and `residual` share. Both input and weight may be float
    or quantized. Products are accumulated in f32.

    With `gated`, rows 2n of the weight (and bias) are those of a gate and rows
    2n + 1 what it lets through: y[n] = activation(z[2n]) * z[2n + 1] + residual
    for z = x * transpose(W) + bias, so the result is [..., N / 2].

    ```mlir
    %y = lowbit.linear %x, %w bias %b activation gelu residual %r
        : tensor<1x?x768xf32>, !lowbit.tensor<3072x768xf32, #int4> -> tensor<1x?x3072xf32>
    %z = lowbit.linear %x, %v activation silu gated
        : tensor<1x?x768xf32>, !lowbit.tensor<6144x768xf32, #int4> -> tensor<1x?x3072xf32>
    ```
  }];
  let arguments = (ins Lowbit_WeightTensor:$input, Lowbit_WeightTensor:$weight,
                       Optional<Lowbit_FloatTensor>:$bias,
                       Optional<Lowbit_FloatTensor>:$residual,
                       OptionalAttr<Lowbit_ActivationAttr>:$activation,
                       UnitAttr:$gated);
  let results = (outs Lowbit_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`activation` custom<Activation>($activation)^)?
    (`gated` $gated^)? (`residual` $residual^)? attr-dict `:` type($input) `,` type($weight)
    `->` type($result) `` custom<EpilogueTypes>(ref($bias), ref($residual),
      type($bias), type($residual), ref(type($result)))
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Lowbit_EmbeddingOp : Lowbit_Op<"embedding", [Pure]> {
  let summary = "Rows of a table, selected by index";
  let description = [{
    Result [..., K] holds row `indices[...]` of `weight` [N, K]. A negative
    index counts from the end; an index outside the table is clamped to it.

    ```mlir
    %y = lowbit.embedding %ids, %w : tensor<1x?xi64>, !lowbit.tensor<1024x256xf32, #int8>
        -> tensor<1x?x256xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<[AnySignlessInteger]>:$indices,
                       Lowbit_WeightTensor:$weight);
  let results = (outs Lowbit_FloatTensor:$result);
  let assemblyFormat = [{
    $indices `,` $weight attr-dict `:` type($indices) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_AttentionOp : Lowbit_Op<"attention", [Pure]> {
  let summary = "y = softmax(scale * Q * transpose(K) + mask) * V, by heads";
  let description = [{
    `query` is [..., H, I, D], `key` [..., G, J, D], `value` [..., G, J, E]; the
    result is [..., H, I, E]. Heads may be grouped: query head h reads key and
    value head h / (H / G). `mask` is added to the scores and broadcast to them.
    With `causal`, query i sees key j only where j <= i + J - I.

    ```mlir
    %y = lowbit.attention %q, %k, %v scale 1.250000e-01 causal
        : tensor<1x32x?x64xf32>, tensor<1x8x?x64xf32>, tensor<1x8x?x64xf32>
        -> tensor<1x32x?x64xf32>
    %z = lowbit.attention %q, %k, %v mask %m scale 1.250000e-01
        : tensor<2x12x?x64xf32>, tensor<2x12x?x64xf32>, tensor<2x12x?x64xf32>,
          mask tensor<2x1x1x?xf32> -> tensor<2x12x?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_FloatTensor:$query, Lowbit_FloatTensor:$key,
                       Lowbit_FloatTensor:$value, Optional<Lowbit_FloatTensor>:$mask,
                       F32Attr:$scale, UnitAttr:$causal);
  let results = (outs Lowbit_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? `scale` $scale (`causal` $causal^)?
    attr-dict `:` type($query) `,` type($key) `,` type($value)
    (`,` `mask` type($mask)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Query heads that read one head of key and value.
    int64_t getHeadsPerGroup();
  }];
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

def Lowbit_QuantizeOp : Lowbit_Op<"quantize", [Pure]> {
  let summary = "Quantizes a float tensor with scales taken from its values, or given";
  let description = [{
    Each group's scale is its largest magnitude over the largest code, rounded
    to the scale's format, or the number that `scale` gives for all of them;
    codes are rounded half to even: to integers of 8 or 16 bits, or to FP8. This
    is how activations are quantized at run time.

    ```mlir
    %q = lowbit.quantize %x : tensor<?x768xf32> -> !lowbit.tensor<?x768xf32, #a8>
    %f = lowbit.quantize %x : tensor<?x768xf32> -> !lowbit.tensor<?x768xf32, #f8E4M3FN_f32>
    %s = lowbit.quantize %x scale 3.125000e-02 : tensor<?x768xf32> -> !lowbit.tensor<?x768xf32, #a8>
    ```
  }];
  let arguments = (ins Lowbit_FloatTensor:$input, OptionalAttr<F32Attr>:$scale);
  let results = (outs Lowbit_TensorType:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? attr-dict `:` type($input) `->` qualified(type($result))
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input), [{
      build($_builder, $_state, type, input, ::mlir::FloatAttr());
    }]>
  ];
  let hasVerifier = 1;
}

def Lowbit_DequantizeOp : Lowbit_Op<"dequantize", [Pure]> {
  let summary = "The numbers that a quantized tensor stands for";
  let description = [{
    ```mlir
    %x = lowbit.dequantize %q : !lowbit.tensor<8x768xf32, #int4> -> tensor<8x768xf32>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$input);
  let results = (outs Lowbit_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input)) `->` type($result)";
  let hasVerifier = 1;
}

def Lowbit_PackOp : Lowbit_Op<"pack", [Pure]> {
  let summary = "Moves a quantized tensor to another layout";
  let description = [{
    Codes and parameters keep their values, only their places change. The pack
    of a constant weight is done at compile time by `lowbit-pack-weights`.

    ```mlir
    %p = lowbit.pack %q : !lowbit.tensor<64x64xf32, #int4>
        -> !lowbit.tensor<64x64xf32, #int4, #lowbit.planes<rows = 32, padding = 32>>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$input);
  let results = (outs Lowbit_TensorType:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input)) `->` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

def Lowbit_Statistics : I32BitEnumAttr<"Statistics", "what an observer records", [
      I32BitEnumAttrCaseBit<"Columns", 0, "columns">,
      I32BitEnumAttrCaseBit<"Histogram", 1, "histogram">,
      I32BitEnumAttrCaseBit<"SecondMoment", 2, "second_moment">,
      I32BitEnumAttrCaseBit<"ColumnRanges", 3, "column_ranges">]> {
  let cppNamespace = "::lowbit";
  let genSpecializedAttr = 0;
}
def Lowbit_StatisticsAttr
    : EnumAttr<Lowbit_Dialect, Lowbit_Statistics, "statistics">;

def Lowbit_ObserveOp : Lowbit_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "Records statistics of a value";
  let description = [{
    The rows of `input` are added to the record `name` of a calibration run. A
    record is that of the input of `layers`, which share it; layers go by the
    names of their weights.

    ```mlir
    lowbit.observe %x as "layers.0.q" layers ["layers.0.q", "layers.0.k"]
        with columns|second_moment : tensor<1x?x768xf32>
    ```
  }];
  let arguments = (ins Lowbit_FloatTensor:$input, StrAttr:$name,
                       StrArrayAttr:$layers, Lowbit_StatisticsAttr:$statistics);
  let assemblyFormat = [{
    $input `as` $name `layers` $layers `with` $statistics attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Lowbit_StatisticsOp : Lowbit_Op<"statistics"> {
  let summary = "What a calibration run found out about the input of layers";
  let description = [{
    A record of a statistics file, for the passes that make use of it. Each
    component is the mean over all rows seen, or their extreme. Passes look for
    the components that they need and pass over others.

    ```mlir
    lowbit.statistics "layers.0.q" layers ["layers.0.q", "layers.0.k"] count 32768 {
      mean_square = dense<[1.0, 0.25]> : tensor<2xf32>,
      second_moment = dense<[[1.0, 0.5], [0.5, 0.25]]> : tensor<2x2xf32>}
    ```
  }];
  let arguments = (ins StrAttr:$name, StrArrayAttr:$layers, I64Attr:$count,
                       DictionaryAttr:$components);
  let assemblyFormat = [{
    $name `layers` $layers `count` $count $components attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The component called `name`, or null.
    mlir::ElementsAttr getComponent(llvm::StringRef name);
  }];
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def Lowbit_CallKernelOp : Lowbit_Op<"call_kernel",
    [DestinationStyleOpInterface, AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel over a range of tiles";
  let description = [{
    The kernel is a function that takes the buffers of `inputs` and `outputs`
    and two indices, the first tile and the one after the last. Any division of
    [0, `tiles`) into ranges computes the same bytes, so a scheduler may split
    it as it likes; `grain` (at least 1) tiles are worth a task.

    ```mlir
    %y = lowbit.call_kernel @linear_int4 tiles(%t) grain(%g) ins(%w, %x : tensor<9216xi8>, tensor<?x512xi8>)
        outs(%init : tensor<?x768xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$tiles, Index:$grain,
                       Variadic<AnyType>:$inputs, Variadic<AnyType>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `tiles` `(` $tiles `)` `grain` `(` $grain `)`
    (`ins` `(` $inputs^ `:` type($inputs) `)`)? `outs` `(` $outputs `:` type($outputs) `)`
    attr-dict `` custom<KernelResults>(ref(type($outputs)), type($results))
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
}

def Lowbit_Dot4Op : Lowbit_Op<"dot4", [Pure,
    AllTypesMatch<["accumulator", "result"]>, AllTypesMatch<["codes", "values"]>]> {
  let summary = "Adds dot products of four bytes to 32-bit lanes";
  let description = [{
    Lane j of the result is accumulator[j] + sum over c of codes[4j + c] *
    values[4j + c], `codes` unsigned and `values` signed: `vpdpbusd` where the
    machine has it. `upto` bounds the codes (255 without it): machines that
    multiply in 16 bits can then add several products before they widen. With
    `signed`, codes are signed numbers, too.

    ```mlir
    %r = lowbit.dot4 %acc, %u, %s : vector<16xi32>, vector<64xi8>
    %r = lowbit.dot4 %acc, %u, %s upto 15 : vector<16xi32>, vector<64xi8>
    ```
  }];
  let arguments = (ins VectorOfLengthAndType<[4, 8, 16], [I32]>:$accumulator,
                       VectorOfLengthAndType<[16, 32, 64], [I8]>:$codes,
                       VectorOfLengthAndType<[16, 32, 64], [I8]>:$values,
                       OptionalAttr<I32Attr>:$largest,
                       UnitAttr:$signedCodes);
  let results = (outs VectorOfLengthAndType<[4, 8, 16], [I32]>:$result);
  let assemblyFormat = [{
    $accumulator `,` $codes `,` $values (`upto` $largest^)? (`signed` $signedCodes^)?
    attr-dict `:` type($accumulator) `,` type($codes)
  }];
  let extraClassDeclaration = [{
    /// The largest magnitude that a code can have.
    unsigned getLargestCode() {
      unsigned full = getSignedCodes() ? 128 : 255;
      return getLargest().value_or(full);
    }
  }];
  let hasVerifier = 1;
}

def Lowbit_LutOp : Lowbit_Op<"lut", [Pure, AllTypesMatch<["indices", "result"]>]> {
  let summary = "Looks bytes up in a table";
  let description = [{
    Byte i of the result is table[indices[i] mod n], n being the table's size: a
    permutation of bytes in registers where the machine has one. Indices needn't
    be masked, as the bits above those that count are ignored. Tables of more
    than 256 bytes take an index of two bytes, `upper` being the second.

    ```mlir
    // 0, 0.5, 1, 1.5, 2, 3, 4 and 6, and their negatives, in halves.
    %r = lowbit.lut %codes, [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] : vector<64xi8>
    ```
  }];
  let arguments = (ins VectorOfLengthAndType<[16, 32, 64], [I8]>:$indices,
                       Optional<VectorOfLengthAndType<[16, 32, 64], [I8]>>:$upper,
                       DenseI8ArrayAttr:$table);
  let results = (outs VectorOfLengthAndType<[16, 32, 64], [I8]>:$result);
  let assemblyFormat = [{
    $indices (`upper` $upper^ `:` type($upper))? `,` $table attr-dict `:` type($indices)
  }];
  let hasVerifier = 1;
}

def Lowbit_WindowsOp : Lowbit_Op<"windows", [Pure]> {
  let summary = "Eight bits of each of four bit streams for every lane";
  let description = [{
    Byte i of stream c = 0 … 3 is byte 4i + c of the operand, its low bits first.
    Byte 4j + c of the result is the 8 bits of stream c from bit starts[j] on.

    ```mlir
    // A code of two bits for each lane, with the three codes before it.
    %w = lowbit.windows %streams, [0, 2, 4, 6] : vector<16xi8> -> vector<16xi8>
    ```
  }];
  let arguments = (ins VectorOfLengthAndType<[16, 32, 64], [I8]>:$streams,
                       DenseI32ArrayAttr:$starts);
  let results = (outs VectorOfLengthAndType<[16, 32, 64], [I8]>:$result);
  let assemblyFormat = "$streams `,` $starts attr-dict `:` type($streams) `->` type($result)";
  let hasVerifier = 1;
}

#endif // LOWBIT_IR_LOWBITOPS
