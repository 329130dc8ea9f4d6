//===- Passes.td - target-independent passes ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the order of the phases: import, raise, calibrate, quantize, fuse, pack,
// lower; then export and verify.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PASSES
#define LOWBIT_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"
include "lowbit/Transforms/CachePasses.td"
include "lowbit/Transforms/CalibrationPasses.td"
include "lowbit/Transforms/ImportPasses.td"
include "lowbit/Transforms/PreparePasses.td"
include "lowbit/Transforms/RaisePasses.td"

//===----------------------------------------------------------------------===//
// Quantize
//===----------------------------------------------------------------------===//

def AssignRatesPass : Pass<"lowbit-assign-rates", "::mlir::ModuleOp"> {
  let summary = "Divide bits among the columns of all layers";
  let description = [{
    Writes the attribute `lowbit.rates` of each `lowbit.linear` that has neither
    one nor `lowbit.encoding` or `lowbit.keep_float`: the bits that
    `lowbit-quantize-weights` is to give each column of a trellis. Bits go where
    they lower the loss most, which is predicted from the `second_moment` of
    what a layer reads and the `gradient_mean_square` of what it yields, until
    the average of all weights is that of the method, or their bytes, parameters
    counted, are those of `budget`. A layer that has `lowbit.rate_losses`, what
    the model loses if all its columns have 1 bit, 2 bits, and so on, measured,
    competes with others by that; its columns share by prediction. Quantization
    by a method with an average does the same for the layers that have no rates
    then; this pass is for flows that quantize some layers at a time, or change
    rates.

    ```mlir
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```
    becomes, with `method=trellis2.5`,
    ```mlir
    %y = lowbit.linear %x, %w {lowbit.rates = array<i8: 2, 3, 2, 3>} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```
  }];
  let options = [
    Option<"method", "method", "std::string", "\"trellis2.5\"",
           "A trellis whose rate is an average, such as trellis2.5-s8">,
    Option<"budget", "budget", "std::string", "",
           "Instead of an average: bpw=N, bytes=N or reduction=N% that all of "
           "these weights may take; the method is then one of a whole rate">,
    Option<"damping", "damping", "double", "0.01",
           "What is added to the diagonal of second moments, as a share of its "
           "mean">,
    Option<"includeEmbeddings", "include-embeddings", "bool", "false",
           "Rates for the head, too">];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numAssigned", "layers", "Layers whose columns got rates">];
}

def QuantizeWeightsPass : Pass<"lowbit-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "Quantize the constant weights of linear layers";
  let description = [{
    Replaces the float weight of each `lowbit.linear` by codes and parameters,
    rounded to nearest, with the scale (and minimum) of least squared error
    unless `scale-search` says otherwise. Embedding tables, and the layer that
    maps to their rows and is returned (the head), stay float unless
    `include-embeddings`, and their globals say so by `lowbit.keep_float`. A
    remark names each layer that stays float and why, and each weight with
    groups whose scales are too small for their type. Rows are quantized by all
    threads of the context; the bytes don't depend on how many there are.

    Attributes of a layer go before `method`: `lowbit.encoding` is the encoding
    of its weight, and `lowbit.keep_float` keeps it float. The method of a name
    that begins with `gptq-` rounds column by column, and lets the columns that
    follow make up for each error; it needs the `second_moment` of the layer's
    input in `lowbit.statistics`. If there is a `cross_moment` beside it, which
    says that the layers before are quantized already, what is rounded is not
    the weight W but W + (W (C - H) + share R) A^-1, whose output is nearest to
    that of the float model: C is that moment, H the second one, A the same with
    its diagonal raised by `damping`, and R the layer's `residual_moment`, if
    the layer has one.

    Trellises (`trellis2`, or any encoding of codes that overlap) are coded in
    the same way, a whole column at a time by a search for the best path; rows
    count by the layer's `gradient_mean_square`, if there is one. Several layers
    are coded at the same time. The attribute `lowbit.rates` of a layer holds
    the rate of each column; a method such as `trellis2.5` gives one to layers
    that have none, so that the average of all is 2.5 bits.

    Where codes that stand for scales have no sign (`scale = f16 as <uint<4>>`),
    scales are searched among positive numbers, and groups keep 0 in range.

    `method` is an encoding spelled as in IR (`#lowbit.encoding<...>`), `none`, a
    format by name (`nf4`, `mxfp4`, `q4_k` and others, see README.md), `int<b>`
    (symmetric, full range) or `uint<b>`
    (asymmetric, with a minimum), per channel, with `-g<group>` or with
    `-b<rows>x<columns>` for blocks of rows and columns; the suffix `-a8`
    quantizes the layers' inputs to int8 at run time, `-afp8` to FP8
    (`-afp8-e5m2` to E5M2; with `-token` behind it, under one scale for each
    row). `-abf16` rounds them to bf16, and lets weights express that type, so
    that what they stand for is rounded, too; codes stay the same. A weight that
    is quantized already keeps its codes, with a remark where they are others.

    ```mlir
    lowbit.global @fc : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
    %w = lowbit.weight @fc : tensor<2x4xf32>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```
    becomes, with `method=int4-g4`,
    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = ... : tensor<4xi8>, scale = ... : tensor<2x1xf16>}
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    ```
  }];
  let options = [
    Option<"method", "method", "std::string", "\"int4-g32\"",
           "Method by name, such as int8, int4-g32, uint4-g32-a8, nf4; README.md "
           "has the table">,
    Option<"scaleSearch", "scale-search", "std::string", "\"mse\"",
           "How scales are found: mse (least squared error), importance (the same, "
           "columns weighted by the mean squares in `lowbit.statistics`) or absmax">,
    Option<"includeEmbeddings", "include-embeddings", "bool", "false",
           "Quantize embedding tables and the head, too">,
    Option<"sweeps", "sweeps", "int64_t", "0",
           "Passes over the finished codes of gptq- and trellis methods, each of which lowers "
           "the error of the layer's output">,
    Option<"damping", "damping", "double", "0.01",
           "What is added to the diagonal of second moments, as a share of its "
           "mean">,
    Option<"residualShare", "residual-share", "double", "0.5",
           "Share of the drift of what a layer's output is added to that the "
           "layer makes up for">,
    ListOption<"layers", "layers", "std::string",
               "Names of the weights to quantize; all where none is given. "
               "Nothing is said of others">,
    Option<"keepSources", "keep-sources", "bool", "false",
           "Say in `lowbit.float_source` of each quantized weight which floats it "
           "was rounded from, for who rounds them again; to nearest alone">,
    Option<"releaseData", "release-data", "bool", /*default=*/"false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numWeights", "weights", "Weight tensors quantized">,
    Statistic<"numParameters", "parameters", "Weights (numbers) quantized">,
    Statistic<"numBytes", "bytes", "Bytes of codes and parameters written">];
}

//===----------------------------------------------------------------------===//
// Fuse
//===----------------------------------------------------------------------===//

def FuseEpiloguePass : Pass<"lowbit-fuse-epilogue"> {
  let summary = "Absorb bias, activation and residual into the layer before them";
  let description = [{
    Follows the result of each `lowbit.linear` through elementwise ops, however
    the scalar operations are divided among them, and absorbs, in this order: a
    vector that is added (`linear_bias`); one of relu, gelu, gelu_tanh, silu,
    sigmoid, tanh, hardswish, hardsigmoid, leaky_relu (`linear_activation`); a
    tensor of the result's type that is added (`linear_residual`), also where a
    reshape that keeps rows, or a loop of extent 1, stands between: the tensor is
    then reshaped before the layer, and the sum behind it.

    An activation is recognised on a normal form of the scalar expression, so its
    spelling doesn't matter: order of operands, x / 2 or x * 0.5, min and max or
    comparisons, powers or products. Constants may be off by 1e-6 relative. What
    a select does with NaN is not compared.

    Only what nothing else uses is absorbed, so no work is done twice. What an op
    computes beside that stays in it. Sums may be taken in another order.

    Needs: `lowbit-raise-linear`. Guarantees: other ops are left as they were.

    ```mlir
    %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<256x64xf32> -> tensor<?x256xf32>
    %1 = linalg.generic {...} ins(%0, %b : tensor<?x256xf32>, tensor<256xf32>) ... {
      %sum = arith.addf %in, %bias : f32
      linalg.yield %sum : f32
    } -> tensor<?x256xf32>
    %2 = linalg.generic {...} ins(%1 : tensor<?x256xf32>) ... {
      %negated = arith.negf %in : f32
      %exp = math.exp %negated : f32
      %denominator = arith.addf %exp, %one : f32
      %silu = arith.divf %in, %denominator : f32
      linalg.yield %silu : f32
    } -> tensor<?x256xf32>
    ```

    becomes

    ```mlir
    %0 = lowbit.linear %x, %w bias %b activation silu
        : tensor<?x64xf32>, tensor<256x64xf32> -> tensor<?x256xf32>
    ```
  }];
  let options = [
    ListOption<"patternNames", "patterns", "std::string",
               "Patterns to apply, by name; all where none is given">,
    ListOption<"disabledPatterns", "disable-patterns", "std::string",
               "Names of patterns of the fuse phase to leave out">,
    Option<"report", "report", "bool", /*default=*/"false",
           "Emit a remark, with the weight's name and the reason, for each "
           "addition or activation that is left">,
  ];
  let statistics = [
    Statistic<"numBiases", "biases", "Layers with a bias">,
    Statistic<"numActivations", "activations", "Layers with an activation">,
    Statistic<"numResiduals", "residuals", "Layers with a residual">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def MergeLinearsPass : Pass<"lowbit-merge-linears", "::mlir::ModuleOp"> {
  let summary = "Merge layers that read one input into one";
  let description = [{
    Two patterns, by name. `gated_linear`: the product of the results of two
    layers of one input, of which one may have an activation, becomes one layer
    whose weight has their rows in turn (gate, up, gate, up, ...), and which is
    `gated`. `qkv`: layers of one input that differ in weight and bias alone
    become one with the rows of all, and slices of its result.

    Weights must be quantized constants of one encoding whose rows have their own
    parameters, biases constants of f32. The merged weight has the same codes
    and parameters, so each number is computed as before, to the bit. It is
    named after its parts: `attn.q.weight` and `attn.k.weight` give
    `attn.q_k.weight`. Functions that share weights share the merged one.

    Needs: `lowbit-quantize-weights`, `lowbit-fuse-epilogue` for activations and
    biases. Guarantees: float layers are left as they are.

    ```mlir
    %g = lowbit.linear %x, %gate activation silu : tensor<?x64xf32>, !lowbit.tensor<96x64xf32, #int4> -> tensor<?x96xf32>
    %u = lowbit.linear %x, %up : tensor<?x64xf32>, !lowbit.tensor<96x64xf32, #int4> -> tensor<?x96xf32>
    %y = linalg.mul ins(%g, %u : tensor<?x96xf32>, tensor<?x96xf32>) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
    ```

    becomes

    ```mlir
    %w = lowbit.weight @gate_up : !lowbit.tensor<192x64xf32, #int4>
    %y = lowbit.linear %x, %w activation silu gated
        : tensor<?x64xf32>, !lowbit.tensor<192x64xf32, #int4> -> tensor<?x96xf32>
    ```
  }];
  let options = [
    ListOption<"disabledPatterns", "disable-patterns", "std::string",
               "Names of patterns of the fuse phase to leave out: gated_linear, qkv">,
    Option<"report", "report", "bool", /*default=*/"false",
           "Emit a remark, with the weights' names and the reason, for layers that "
           "are left apart">,
    Option<"releaseData", "release-data", "bool", /*default=*/"false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">,
  ];
  let statistics = [
    Statistic<"numGated", "gated", "Pairs of layers made one gated layer">,
    Statistic<"numMerged", "merged", "Layers that became a part of another">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

//===----------------------------------------------------------------------===//
// Pack
//===----------------------------------------------------------------------===//

def ReorderColumnsPass : Pass<"lowbit-reorder-columns", "::mlir::ModuleOp"> {
  let summary = "Put inputs in the order in which permuted weights are stored";
  let description = [{
    A `lowbit.linear` whose weight is permuted (GPTQ's act-order, `g_idx` of
    MatMulNBits) gets its input's columns in the order of storage, and the weight
    loses its permutation: no code moves, and kernels for weights in natural
    order read it. The order is a global of its own, one for all weights that
    share it. Other uses of the weight stay as they are, as do layers whose input
    is quantized by something else than `lowbit.quantize`.

    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x4xf32, #permuted> {codes = ..., scale = ..., permutation = ...}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #permuted> -> tensor<?x2xf32>
    ```
    becomes
    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = ..., scale = ...}
    lowbit.global @fc.columns : tensor<4xi32> {data = ...}
    %o = lowbit.weight @fc.columns : tensor<4xi32>
    %0 = linalg.generic ... ins(%o : tensor<4xi32>) ... // extracts %x[..., %o[k]]
    %y = lowbit.linear %0, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    ```
  }];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numReordered", "layers", "Layers whose input was put in order">];
}

def SplitMixedPass : Pass<"lowbit-split-mixed", "::mlir::ModuleOp"> {
  let summary = "Move scales and formats of columns from weights to what their layers read";
  let description = [{
    The input of a `lowbit.linear` whose weight has column scales is multiplied
    by them, and the weight loses them. A layer whose weight has columns of
    several formats becomes one layer for each format, over a slice of the input
    with its columns in the order of storage; each adds to the sum of those
    before. Kernels for weights of one format then read the parts. Inputs that
    `lowbit.quantize` gives are quantized after that; of others, and of gated
    layers, a remark says that they stay.

    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x4xf32, #mixed> {codes = ..., column_part = ..., column_scale = ...}
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #mixed> -> tensor<?x2xf32>
    ```
    becomes
    ```mlir
    lowbit.global @fc.input_order : tensor<4xi32> {data = ...}
    lowbit.global @fc.input_scale : tensor<4xf32> {data = ...}
    lowbit.global @fc.part0 : !lowbit.tensor<2x1xf32, #trellis3> {codes = ..., scale = ...}
    lowbit.global @fc.part1 : !lowbit.tensor<2x3xf32, #trellis2> {codes = ..., scale = ...}
    %0 = linalg.generic ... // extracts %x[..., %columns[k]], times %scale[k]
    %1 = tensor.extract_slice %0[0, 0] ...
    %2 = lowbit.linear %1, %part0 : tensor<?x1xf32>, !lowbit.tensor<2x1xf32, #trellis3> -> tensor<?x2xf32>
    %3 = tensor.extract_slice %0[0, 1] ...
    %y = lowbit.linear %3, %part1 residual %2 : tensor<?x3xf32>, !lowbit.tensor<2x3xf32, #trellis2> -> tensor<?x2xf32>
    ```
  }];
  let options = [
    Option<"releaseData", "release-data", "bool", /*default=*/"false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numSplit", "layers", "Layers whose input took over what the weight had">];
}

def ExpandWeightsPass : Pass<"lowbit-expand-weights", "::mlir::ModuleOp"> {
  let summary = "Give weights a form that kernels read, without changing a number";
  let description = [{
    Scales that are quantized become plain, and codes of a table that belongs to
    the weight become integers of 8 bits: the same values bit by bit, in more
    memory. Concerns dense weights of `lowbit.linear`, where the module's
    `lowbit.target` has no kernel for them as they are (or there is no target),
    and of `lowbit.embedding`; others keep what they have.

    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x64xf32, #lowbit.encoding<int<4>, group = 32, scale = f16 as <int<8>, group = 256, scale = f32>>> {codes = ..., scale = ..., scale_scale = ...}
    ```
    becomes
    ```mlir
    lowbit.global @fc : !lowbit.tensor<2x64xf32, #lowbit.encoding<int<4>, group = 32, scale = f16>> {codes = ..., scale = ...}
    ```
  }];
  let options = [
    Option<"releaseData", "release-data", "bool", /*default=*/"false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numExpanded", "expanded", "Weights that got another form">];
}

def PackWeightsPass : Pass<"lowbit-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Move weights to the layout that the target's kernels read";
  let description = [{
    Asks the module's `lowbit.target` for the layout of each quantized weight of
    a `lowbit.linear`, repacks the constant, and quantizes the layer's input in
    the form that the target's kernels take, if it is float. Values don't
    change, only places. A weight that the target has no layout for stays dense
    and a remark says why; the reference lowering computes it.

    ```mlir
    lowbit.global @fc : !lowbit.tensor<32x64xf32, #int4> {codes = ..., scale = ...}
    %y = lowbit.linear %x, %w : tensor<?x64xf32>, !lowbit.tensor<32x64xf32, #int4> -> tensor<?x32xf32>
    ```
    becomes, for `#lowbit.cpu<...>`,
    ```mlir
    lowbit.global @fc : !lowbit.tensor<32x64xf32, #int4, #lowbit.planes<rows = 32, padding = 4>> {blob = ...}
    %q = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %y = lowbit.linear %q, %w : ...
    ```

    Weights that have a layout already are left as they are; with `repack` they
    move on to the target's, as a model that was packed for another one needs.
  }];
  let options = [
    Option<"repack", "repack", "bool", /*default=*/"false",
           "Move weights that were packed for another target, too">,
    Option<"releaseData", "release-data", "bool", /*default=*/"false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let dependentDialects = ["::lowbit::LowbitDialect"];
  let statistics = [
    Statistic<"numPacked", "packed", "Weights moved to a target's layout">,
    Statistic<"numInputs", "inputs", "Inputs of layers quantized for the target">];
}

//===----------------------------------------------------------------------===//
// Lower
//===----------------------------------------------------------------------===//

def LowerToLinalgPass : Pass<"lowbit-lower-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Lower every operation to upstream dialects, as the specification defines it";
  let description = [{
    The executable reference. A quantized value becomes the tensors that hold
    its data, one SSA value each (`codes`, `scale`, ... when dense, one `blob`
    when packed); a quantized global becomes one plain global per component,
    `@w` giving `@w.codes`, `@w.scale` and so on; functions take and return
    components. An extent of a dynamic dimension travels as an index.

    Needs: no `lowbit.pack`, which is an error (`lowbit-pack-weights` packs
    constants). Guarantees: no quantized value, and of lowbit operations only
    plain globals and weights (with `inline-weights` none) and kernel calls. A
    float weight that a `linalg.transpose` turns to [N, K] is read as it lies.

    ```mlir
    #int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
    %x = lowbit.dequantize %w : !lowbit.tensor<8x64xf32, #int4> -> tensor<8x64xf32>
    ```

    becomes

    ```mlir
    %0 = tensor.empty() : tensor<8x64xf32>
    %x = linalg.generic {...} outs(%0 : tensor<8x64xf32>) {
      // byte (64 n + k) / 2 of %codes, shifted by 4 (k mod 2), masked, less 8,
      // times %scale[n, k / 32]
    } -> tensor<8x64xf32>
    ```
  }];
  let options = [
    Option<"inlinesWeights", "inline-weights", "bool", /*default=*/"false",
           "Make weights constants of the functions that use them">,
  ];
  let statistics = [
    Statistic<"linears", "linears", "Linear layers lowered">,
    Statistic<"others", "others", "Other operations lowered">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"
  ];
}

//===----------------------------------------------------------------------===//
// Export
//===----------------------------------------------------------------------===//

def ExportQuantPass : Pass<"lowbit-export-quant", "::mlir::ModuleOp"> {
  let summary = "Write weights as upstream's quantized types";
  let description = [{
    Each quantized weight becomes a constant of its codes, a `quant.scast` to
    `quant.uniform` and a `quant.dcast`, so that a compiler that knows upstream
    alone can take over (with `lowbit-lower-to-linalg` for the layers).
    quant.uniform has integer codes and integer zero points, one scale per
    tensor, axis or block, and blocks that divide the dimension; a weight that
    needs more (small floats, codebooks, minima, fractional zero points, a
    permutation, a short last group) is an error. A negative scale becomes positive by
    mirroring codes and zero point. A packed weight loses its layout.

    Scales become part of the type: meant for single layers and small models.
    Guarantees: the same numbers, to the bit but for the sign of a zero;
    `lowbit-import-quant` gives the same codes again.

    ```mlir
    #int4 = #lowbit.encoding<int<4>, scale = f32>
    lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = ..., scale = dense<[[0.5], [0.25]]> : tensor<2x1xf32>}
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    ```

    becomes

    ```mlir
    %c = arith.constant dense<...> : tensor<2x4xi4>
    %q = quant.scast %c : tensor<2x4xi4> to tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>>
    %w = quant.dcast %q : tensor<2x4x!quant.uniform<i4:f32:0, {0.5, 0.25}>> to tensor<2x4xf32>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::quant::QuantDialect"
  ];
  let statistics = [
    Statistic<"numExported", "exported", "Weights written as quant.uniform">,
  ];
}

//===----------------------------------------------------------------------===//
// Verify
//===----------------------------------------------------------------------===//

def VerifyNoFloatWeightsPass : Pass<"lowbit-verify-no-float-weights"> {
  let summary = "Report weights that stayed float";
  let description = [{
    With `scope=layers`, for use before lowering: the weight of a `lowbit.linear`
    or `lowbit.embedding` that is a float constant is an error, and so is one of two
    or more dimensions that a linalg op multiplies by and sums up. With
    `scope=constants`, for use after it: a `lowbit.global`, `memref.global` or
    `arith.constant` of floats with two or more dimensions is an error (scales
    live in blobs then). Weights of at most `max-elements` numbers (unless a
    convolution slides them, whose weight may be as small), those whose name one
    of the globs in `allow` matches, and globals with the attribute
    `lowbit.keep_float` are let through.

    Needs: nothing. Guarantees: changes nothing; fails after all errors are
    reported.

    ```mlir
    lowbit.global @head : tensor<1024x256xf32> {data = dense_resource<head> : tensor<1024x256xf32>}
    %w = lowbit.weight @head : tensor<1024x256xf32>
    %y = lowbit.linear %x, %w : tensor<1x?x256xf32>, tensor<1024x256xf32> -> tensor<1x?x1024xf32>
    ```

    gives

    ```
    error: 'lowbit.linear' op requires a quantized weight, found @head of type
    'tensor<1024x256xf32>'; quantize it, or allow it with
    'lowbit-verify-no-float-weights=allow=head'
    ```
  }];
  let options = [
    ListOption<"allow", "allow", "std::string",
               "Globs of names of weights that may be float">,
    Option<"maxElements", "max-elements", "int64_t", /*default=*/"1024",
           "Numbers that a float tensor may have without being taken for a weight">,
    Option<"scope", "scope", "std::string", /*default=*/"\"layers\"",
           "What is checked: layers or constants">,
  ];
  let statistics = [
    Statistic<"numAllowed", "allowed", "Float weights let through by name">,
    Statistic<"numFloatBytes", "float-bytes",
              "Bytes of float constants, of any size (scope=constants)">,
  ];
}

#endif // LOWBIT_TRANSFORMS_PASSES
