//===- LowbitAttributes.td - attributes ---------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBITATTRIBUTES
#define LOWBIT_IR_LOWBITATTRIBUTES

include "lowbit/IR/LowbitDialect.td"
include "lowbit/IR/LowbitInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Lowbit_Attr<string name, string mnemonicName, list<Trait> traits = []>
    : AttrDef<Lowbit_Dialect, name, traits> {
  let mnemonic = mnemonicName;
}

//===----------------------------------------------------------------------===//
// Element formats
//===----------------------------------------------------------------------===//

def Lowbit_IntAttr : Lowbit_Attr<"Int", "int",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getIntegerFormat", "buildDecode"]>]> {
  let summary = "Signed integers in offset binary";
  let description = [{
    Code c of `int<b>` stands for c - 2^(b-1); one bit stands for {-1, +1}.
    `restricted` leaves out the most negative value, which makes the range
    symmetric. Widths 1 to 8 are for weights, 8 and 16 for activations.

    ```mlir
    #lowbit.int<4>
    #lowbit.int<3, restricted>
    ```
  }];
  let parameters = (ins "unsigned":$width, DefaultValuedParameter<"bool", "false">:$restricted);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_UIntAttr : Lowbit_Attr<"UInt", "uint",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getIntegerFormat", "buildDecode"]>]> {
  let summary = "Unsigned integers";
  let description = [{
    Code c of `uint<b>` stands for c. Used with a zero point or a minimum.

    ```mlir
    #lowbit.uint<4>
    ```
  }];
  let parameters = (ins "unsigned":$width);
  let assemblyFormat = "`<` $width `>`";
  let genVerifyDecl = 1;
}

def Lowbit_SmallFloatAttr : Lowbit_Attr<"SmallFloat", "float",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface>]> {
  let summary = "Floats of at most 8 bits";
  let description = [{
    Codes are the bit patterns of a floating-point type. Infinities and NaNs
    decode to themselves; the quantizer never writes them.

    ```mlir
    #lowbit.float<f4E2M1FN>
    #lowbit.float<f8E4M3FN>
    ```
  }];
  let parameters = (ins "::mlir::FloatType":$type);
  let assemblyFormat = "`<` $type `>`";
  let genVerifyDecl = 1;
}

def Lowbit_MinifloatAttr : Lowbit_Attr<"Minifloat", "minifloat",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface>]> {
  let summary = "Floats of any few bits, without infinities and NaNs";
  let description = [{
    A sign, `exponent` bits with a bias of 2^(exponent - 1) - 1, and `mantissa`
    bits; exponent 0 is subnormal. For what MLIR has no type.

    ```mlir
    #lowbit.minifloat<e2m2>
    ```
  }];
  let parameters = (ins "unsigned":$exponent, "unsigned":$mantissa);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_CodebookAttr : Lowbit_Attr<"Codebook", "codebook",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getValuesPerCode"]>]> {
  let summary = "A given table of numbers, or of vectors of numbers";
  let description = [{
    Code c stands for entry c of `values`; with a second dimension, for that many
    numbers in consecutive columns.

    ```mlir
    #lowbit.codebook<dense<[-1.0, 0.0, 0.5, 1.0]> : tensor<4xf32>>
    #lowbit.codebook<dense<[[-1.0, -1.0], [1.0, 1.0]]> : tensor<2x2xf32>>
    ```
  }];
  let parameters = (ins "::mlir::DenseElementsAttr":$values);
  let assemblyFormat = "`<` $values `>`";
  let genVerifyDecl = 1;
}

def Lowbit_TrellisAttr : Lowbit_Attr<"Trellis", "trellis",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getWindowBits"]>]> {
  let summary = "Codes that overlap: a window of the stream chooses a number";
  let description = [{
    A code has `rate` bits; the last `state` bits of the stream choose one of
    2^state numbers, a Gaussian's, which are the same for every model
    (numerics/Trellis.h) and stored nowhere.

    ```mlir
    #lowbit.trellis<state = 12, rate = 2>
    ```
  }];
  let parameters = (ins "unsigned":$state, "unsigned":$rate);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lowbit_LogAttr : Lowbit_Attr<"Log", "log",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface>]> {
  let summary = "Powers of two, some in each octave";
  let description = [{
    Code c of `width` bits stands for 2^(-c / octave): numbers from 1 down, all
    with the same relative error. For scales.

    ```mlir
    #lowbit.log<width = 5, octave = 8>
    ```
  }];
  let parameters = (ins "unsigned":$width, "unsigned":$octave);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lowbit_MixedAttr : Lowbit_Attr<"Mixed", "mixed",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getWindowBits"]>]> {
  let summary = "Several formats, each for some of the columns";
  let description = [{
    As many columns as the number before it says have each format. Which they
    are is data: a component `column_part` of the value. Codes of a part stand
    together, its columns in their natural order.

    ```mlir
    #lowbit.mixed<16 int<8>, 240 int<3>>
    #lowbit.mixed<40 trellis<state = 12, rate = 3>, 216 trellis<state = 12, rate = 2>>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$columns,
    ArrayRefParameter<"::lowbit::ElementFormatInterface">:$formats);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_LatticeAttr : Lowbit_Attr<"Lattice", "lattice",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getValuesPerCode", "buildDecode"]>]> {
  let summary = "Codes for 4 or 8 odd numbers whose sum is a multiple of 4";
  let description = [{
    A code's low bits select one of the shortest vectors of odd magnitudes; the
    others, one less than there are numbers, say the signs
    (numerics/Lattice.h). 15 bits for 8 numbers are 1.875 for each.

    ```mlir
    #lowbit.lattice<8 in 15>
    #lowbit.lattice<4 in 11>
    ```
  }];
  let parameters = (ins "unsigned":$values, "unsigned":$bits);
  let assemblyFormat = "`<` $values `in` $bits `>`";
  let genVerifyDecl = 1;
}

def Lowbit_LearnedAttr : Lowbit_Attr<"Learned", "learned",
    [DeclareAttrInterfaceMethods<Lowbit_ElementFormatInterface,
                                 ["getTableOwner", "buildDecode"]>]> {
  let summary = "Codes of a table that belongs to the tensor";
  let description = [{
    The tensor's component `table` has the integers, -128 to 127, that codes of
    `width` bits stand for: one table, or with `channel` one for each row.

    ```mlir
    #lowbit.learned<3>
    #lowbit.learned<4, channel>
    ```
  }];
  let parameters = (ins "unsigned":$width, DefaultValuedParameter<"bool", "false">:$perChannel);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

class Lowbit_GranularityAttr<string name, string mnemonicName>
    : Lowbit_Attr<name, mnemonicName,
        [DeclareAttrInterfaceMethods<Lowbit_GranularityInterface>]>;

def Lowbit_PerTensorAttr : Lowbit_GranularityAttr<"PerTensor", "per_tensor"> {
  let summary = "One scale for the whole tensor";
  let description = [{
    ```mlir
    #lowbit.encoding<int<8>, tensor, scale = f32>
    #lowbit.per_tensor
    ```
  }];
}

def Lowbit_PerChannelAttr : Lowbit_GranularityAttr<"PerChannel", "per_channel"> {
  let summary = "One scale for each row";
  let description = [{
    ```mlir
    #lowbit.encoding<int<8>, channel, scale = f16>
    #lowbit.per_channel
    ```
  }];
}

def Lowbit_PerGroupAttr : Lowbit_Attr<"PerGroup", "per_group",
    [DeclareAttrInterfaceMethods<Lowbit_GranularityInterface, ["getGroupSize"]>]> {
  let summary = "One scale for each run of columns in a row; the last may be short";
  let description = [{
    ```mlir
    #lowbit.encoding<int<4>, group = 32, scale = f16>
    #lowbit.per_group<32>
    ```
  }];
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
}

def Lowbit_PerBlockAttr : Lowbit_Attr<"PerBlock", "per_block",
    [DeclareAttrInterfaceMethods<Lowbit_GranularityInterface,
                                 ["getGroupSize", "getGroupRows"]>]> {
  let summary = "One scale for each block of rows and columns; the last may be short";
  let description = [{
    ```mlir
    #lowbit.encoding<float<f8E4M3FN>, block = [128, 128], scale = f32>
    #lowbit.per_block<[128, 128]>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` `[` $rows `,` $columns `]` `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

def Lowbit_ZeroPointKind : I32EnumAttr<"ZeroPointKind",
    "what is subtracted from a decoded code", [
      I32EnumAttrCase<"None", 0, "none">,
      I32EnumAttrCase<"Integer", 1, "integer">,
      I32EnumAttrCase<"Fractional", 2, "fractional">]> {
  let cppNamespace = "::lowbit";
  let genSpecializedAttr = 0;
}

def Lowbit_OuterScaleKind : I32EnumAttr<"OuterScaleKind",
    "what shares a factor of all numbers", [
      I32EnumAttrCase<"None", 0, "none">,
      I32EnumAttrCase<"Tensor", 1, "tensor_scale">,
      I32EnumAttrCase<"Channel", 2, "channel_scale">]> {
  let cppNamespace = "::lowbit";
  let genSpecializedAttr = 0;
}

def Lowbit_EncodingAttr : Lowbit_Attr<"Encoding", "encoding"> {
  let summary = "What the codes of a quantized tensor mean";
  let description = [{
    value = scale * (decode(code) - zero point) + minimum, where scale, zero
    point and minimum belong to the group of the column. All of them are data;
    the encoding says only which exist and how they are stored.

    ```mlir
    #lowbit.encoding<int<4>, group = 32, scale = f16>
    #lowbit.encoding<uint<4>, minimum, group = 128, scale = f16>
    #lowbit.encoding<uint<2>, zero_point = fractional, channel, scale = f32>
    #lowbit.encoding<int<4>, group = 128, scale = f16, permuted>
    #lowbit.encoding<float<f4E2M1FN>, group = 32, scale = f8E8M0FNU>
    #lowbit.encoding<float<f4E2M1FN>, group = 16, scale = f8E4M3FN, tensor_scale>
    #lowbit.encoding<uint<4>, minimum, group = 32,
                     scale = f16 as <uint<6>, group = 8, scale = f16>>
    ```

    With `as`, scales (and minima and fractional zero points) are quantized in
    their turn: as a matrix of one row, in row-major order, of that encoding.

    `permuted` says that the columns were reordered before grouping (GPTQ's
    act-order); the permutation is one more component of the data. So is the
    f32 of `tensor_scale` or of each row's `channel_scale`, which everything is
    multiplied by, and so are the factors of columns, whose own encoding
    `column_scale` gives:

    ```mlir
    #lowbit.encoding<trellis<state = 12, rate = 2>, channel, scale = f16,
                     column_scale = <log<width = 5, octave = 8>, tensor, scale = f16>>
    ```
  }];
  let parameters = (ins
    "::lowbit::ElementFormatInterface":$element,
    "::lowbit::ZeroPointKind":$zeroPoint,
    "bool":$minimum,
    "::lowbit::GranularityInterface":$granularity,
    "::mlir::FloatType":$scale,
    "bool":$permuted,
    "::lowbit::OuterScaleKind":$outerScale,
    // Each an EncodingAttr, or null.
    "::mlir::Attribute":$storedScale,
    "::mlir::Attribute":$columnScale);
  let builders = [
    // With plain scales, without column scales.
    AttrBuilder<(ins "::lowbit::ElementFormatInterface":$element,
                     "::lowbit::ZeroPointKind":$zeroPoint, "bool":$minimum,
                     "::lowbit::GranularityInterface":$granularity,
                     "::mlir::FloatType":$scale, "bool":$permuted,
                     "::lowbit::OuterScaleKind":$outerScale)>,
    // Without an outer scale.
    AttrBuilder<(ins "::lowbit::ElementFormatInterface":$element,
                     "::lowbit::ZeroPointKind":$zeroPoint, "bool":$minimum,
                     "::lowbit::GranularityInterface":$granularity,
                     "::mlir::FloatType":$scale, "bool":$permuted)>,
    AttrBuilder<(ins "::lowbit::numerics::Encoding":$encoding)>,
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bits that one code takes.
    unsigned getCodeBits() const;
    /// The encoding as the numerics library knows it. The element format must
    /// be an integer.
    numerics::Encoding getNumerics() const;
    /// The encoding in which activations of `width` bits (8 or 16) meet weights
    /// of this one: symmetric, f32 scales, in groups that end where the
    /// weight's do.
    EncodingAttr getActivationEncoding(unsigned width) const;
    /// The same for activations of another format; with `perToken`, one scale
    /// for each row.
    EncodingAttr getActivationEncoding(ElementFormatInterface element,
                                       bool perToken) const;
    /// The encoding of the factors of columns, a row of numbers; null without.
    EncodingAttr getColumnScaleEncoding() const;
    /// The formats of parts of the columns; null where all have one.
    MixedAttr getMixed() const;
    /// How scales and minima are stored where they are quantized; null elsewhere.
    EncodingAttr getStored() const;
    /// The encoding of the same tensor without its permutation.
    EncodingAttr withoutPermutation() const;
    /// The encoding of numerics::expand's result: plain scales, no learned table.
    EncodingAttr getExpanded() const;
    /// Names of the data components besides the codes, in storage order.
    llvm::SmallVector<llvm::StringRef, 4> getParameterNames() const;
    /// Whether a layout places component `name`, `atom` being whether its atoms
    /// keep parameters; other components stay what they are.
    static bool isPlaced(llvm::StringRef name, bool atom);
    /// Type of parameter `name` for a matrix of `rows` x `columns`.
    mlir::RankedTensorType getParameterType(llvm::StringRef name, int64_t rows,
                                            int64_t columns) const;
  }];
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

def Lowbit_PlanesAttr : Lowbit_Attr<"Planes", "planes",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutInterface, ["verifyCodeBits"]>]> {
  let summary = "Bit planes interleaved over the rows of a block";
  let description = [{
    The layout of the CPU kernels: blocks of `rows` rows, the parameters of a
    group in front of its codes, and codes cut into planes of 8, 4, 2 and 1
    bits. Byte 4j + c of a 64-byte vector belongs to row j and column c of a
    step of four columns, so that a four-way dot product accumulates one output
    row per 32-bit lane. Groups are padded to a multiple of `padding` columns.

    ```mlir
    #lowbit.planes<rows = 32, padding = 32>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$padding);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lowbit_StreamsAttr : Lowbit_Attr<"Streams", "streams",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutInterface, ["verifyCodeBits"]>]> {
  let summary = "Bit streams down the rows of a block, four columns abreast";
  let description = [{
    The layout of the CPU kernels for codes that overlap: blocks of `rows` rows,
    the parameters of a group in front of its codes. The codes of a column of a
    block are one stream of bits, each code's top bit first, behind the
    `overlap` codes that precede them; the bytes of four columns' streams
    alternate. A block therefore holds every window of its codes, as a run of
    bits. Groups are padded to a multiple of `padding` columns.

    ```mlir
    // Windows of 8 bits, codes of 2: a window has bits of three codes before.
    #lowbit.streams<rows = 64, overlap = 3, padding = 4>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$overlap, "int64_t":$padding);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Lowbit_TilesAttr : Lowbit_Attr<"Tiles", "tiles",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutInterface>]> {
  let summary = "A layout spelled out: an atom's pieces and how atoms compose";
  let description = [{
    An atom of `rows x columns` codes in some bits, as a list of boxes. Modes of
    a box are `axis extent : stride`, with the axes n (row), k (column) and b
    (bit) and strides in bits. `at` gives the origin of a box that doesn't begin
    at zero, `offset` its first bit. Options, in this order: `padding` (columns
    of a group), `words` (bits), `alignment` (bits of a row block), `overlap`
    (codes), `interleave` (parts), `tail` (bits), `column_major`, `pad_row_end`,
    `inline` or `in_atom` (where boxes with the name of a component in front
    place parameters), and for each component (`codes`, `scale`, ...) `plus` a
    number and `in` a layout of its own; numerics/Layout.h has their meaning.

    ```mlir
    // Four bits for a 512-bit VNNI: low nibbles are rows 0-15, high ones 16-31.
    #lowbit.tiles<32 by 4, 512, [(b4 : 1, k4 : 8, n16 : 32, n2 : 4)],
                  padding = 32, inline>
    // GGUF's Q4_0: a scale, then 16 bytes of two codes each.
    #lowbit.tiles<1 by 32, 144, [scale (b16 : 1),
                  (k16 : 8, k2 : 4, b4 : 1) offset 16], in_atom>
    // GPTQ's zero points: eight of neighbouring rows in a word, one less each.
    #lowbit.tiles<1 by 32, 128, [(k32 : 4, b4 : 1)], words = 32, column_major,
                  pad_row_end, zero_point plus 15,
                  zero_point in <8 by 1, 32, [(n8 : 4, b4 : 1)], column_major>>
    ```
  }];
  let parameters = (ins AttrParameter<"::lowbit::numerics::Layout", "", "const ::lowbit::numerics::Layout &">:$value);
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

def Lowbit_CPUTable : I32EnumAttr<"CPUTable", "CPU table", [
      I32EnumAttrCase<"Portable", 0, "portable">,
      I32EnumAttrCase<"AVX2", 1, "avx2">,
      I32EnumAttrCase<"AVXVNNI", 2, "avx_vnni">,
      I32EnumAttrCase<"AVX512VNNI", 3, "avx512_vnni">,
      I32EnumAttrCase<"Neon", 4, "neon">,
      I32EnumAttrCase<"NeonDotProd", 5, "neon_dotprod">,
      I32EnumAttrCase<"NeonI8MM", 6, "neon_i8mm">,
      I32EnumAttrCase<"AVX512VBMI", 7, "avx512_vbmi">,
      I32EnumAttrCase<"AVX512AMX", 8, "avx512_amx">,
      I32EnumAttrCase<"Wasm", 9, "wasm">,
      I32EnumAttrCase<"WasmRelaxed", 10, "wasm_relaxed">,
      I32EnumAttrCase<"AVX512BF16", 11, "avx512_bf16">]> {
  let cppNamespace = "::lowbit";
  let genSpecializedAttr = 0;
}

def Lowbit_CPUTargetAttr : Lowbit_Attr<"CPUTarget", "cpu"> {
  let summary = "A CPU and the instructions that its kernels may use";
  let description = [{
    The module attribute `lowbit.target` holds the target that packing and
    lowering work for. Its name is a row of the code generator's table of CPUs
    (codegen/cpu/kernels/CPUTables.cpp): an instruction set that is the same for
    many processors.

    ```mlir
    module attributes {lowbit.target = #lowbit.cpu<avx512_bf16>} {}
    ```
  }];
  let parameters = (ins EnumParameter<Lowbit_CPUTable>:$table);
  let assemblyFormat = "`<` $table `>`";
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

def Lowbit_ActivationKind : I32EnumAttr<"ActivationKind", "activation function", [
      I32EnumAttrCase<"Relu", 0, "relu">,
      I32EnumAttrCase<"Gelu", 1, "gelu">,
      I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
      I32EnumAttrCase<"Silu", 3, "silu">,
      I32EnumAttrCase<"Sigmoid", 4, "sigmoid">,
      I32EnumAttrCase<"Tanh", 5, "tanh">,
      I32EnumAttrCase<"HardSwish", 6, "hardswish">,
      I32EnumAttrCase<"HardSigmoid", 7, "hardsigmoid">,
      I32EnumAttrCase<"LeakyRelu", 8, "leaky_relu">]> {
  let cppNamespace = "::lowbit";
  let genSpecializedAttr = 0;
}

def Lowbit_ActivationAttr : Lowbit_Attr<"Activation", "activation"> {
  let summary = "An activation function with its constants";
  let description = [{
    `gelu` is the exact form with erf, `gelu_tanh` the approximation; `silu` is
    x sigmoid(x); `hardsigmoid` is clamp(alpha x + beta, 0, 1), `hardswish` is x
    times that with 1/6 and 1/2; `leaky_relu` has slope alpha below zero.

    ```mlir
    #lowbit.activation<gelu>
    #lowbit.activation<leaky_relu(1.000000e-02)>
    #lowbit.activation<hardsigmoid(2.000000e-01, 5.000000e-01)>
    ```
  }];
  let parameters = (ins "::lowbit::ActivationKind":$kind,
                        APFloatParameter<"first constant">:$alpha,
                        APFloatParameter<"second constant">:$beta);
  let builders = [
    AttrBuilder<(ins "::lowbit::ActivationKind":$kind)>,
    AttrBuilder<(ins "::lowbit::ActivationKind":$kind, "double":$alpha,
                     "double":$beta)>,
  ];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The form without angle brackets that operations use.
    static ActivationAttr parseBare(mlir::AsmParser &parser);
    void printBare(mlir::AsmPrinter &printer) const;
  }];
}

#endif // LOWBIT_IR_LOWBITATTRIBUTES
