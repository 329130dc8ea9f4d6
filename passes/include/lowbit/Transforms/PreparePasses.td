//===- PreparePasses.td - layers before quantization -------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Part of Passes.td: what is done to float layers so that less is lost when
// they are quantized, and static quantization of what they read.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PREPAREPASSES
#define LOWBIT_TRANSFORMS_PREPAREPASSES

include "mlir/Pass/PassBase.td"

class ScalePassBase<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numFolded", "folded", "Inputs that constants upstream scale">,
    Statistic<"numMultiplied", "multiplied", "Inputs that are multiplied at run time">,
    Statistic<"numLeft", "left", "Inputs that stay as they are">,
  ];
}

def ScaleColumnsPass : ScalePassBase<"lowbit-scale-columns"> {
  let summary = "Give columns that matter finer steps (AWQ)";
  let description = [{
    Layers that share an input x compute x Wᵀ = (x diag(s)⁻¹) (W diag(s))ᵀ. Columns
    of W diag(s) with a large s are rounded by less, relative to their size; s is
    a power of each column's root mean square, and the power is the one of 21
    between 0 and 1 with which the quantized layers' outputs have the least error
    (activation-aware quantization: Lin et al., 2023). Clipping is part of it: each
    group's range is searched.

    x diag(s)⁻¹ costs nothing where constants decide the size of x: the weight of a
    norm, the rows of the layer before it (through the product with a gate, through
    attention in its values, also for grouped queries, whose factors are then
    shared), the columns of an embedding. Elsewhere x is multiplied by a vector when
    the model runs, and a remark says why; with `only-folds` such layers stay as
    they are.

    Layers are those that `lowbit-quantize-weights` would quantize, with the same
    encodings. Needs: `lowbit-raise`; `second_moment` in `lowbit.statistics`, which
    follow the new columns. Guarantees: the model computes the same, up to
    rounding of f32.

    ```mlir
    lowbit.global @norm : tensor<4xf32> {data = dense<1.0> : tensor<4xf32>}
    %n = lowbit.weight @norm : tensor<4xf32>
    %x = linalg.generic {...} ins(%z, %n : tensor<?x4xf32>, tensor<4xf32>) ... { arith.mulf }
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```

    becomes, if the second column is twice as large as the others and s = [1, 2, 1, 1],

    ```mlir
    lowbit.global @norm : tensor<4xf32> {data = dense<[1.0, 0.5, 1.0, 1.0]> : tensor<4xf32>}
    ```

    and @w with its second column doubled.
  }];
  let options = [
    Option<"method", "method", "std::string", "\"int4-g32\"",
           "Method by name that the layers will be quantized with">,
    Option<"includeEmbeddings", "include-embeddings", "bool", "false",
           "The head will be quantized, too">,
    Option<"rows", "rows", "int64_t", "256",
           "Rows of each layer that are tried">,
    Option<"onlyFolds", "only-folds", "bool", "false",
           "Leave layers whose input would have to be multiplied at run time">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
}

def SmoothInputsPass : ScalePassBase<"lowbit-smooth-inputs"> {
  let summary = "Move outliers of inputs to weights (SmoothQuant)";
  let description = [{
    Divides column k of the input of layers by

      s_k = (max |x_k|)^strength / (max_n |w_nk|)^(1 - strength)

    and multiplies that of their weights by it (Xiao et al., 2023), so that int8
    activations with one scale lose less. Where the division goes is what
    `lowbit-scale-columns` says. The head and layers that are to stay float are
    left alone. With an observer other than `minmax`, a column reaches as far as
    that says: rare numbers beyond are clipped instead of taking digits from all
    others of the column.

    Needs: `lowbit-raise`; `minimum` and `maximum` in `lowbit.statistics`, which
    follow. Guarantees: the model computes the same, up to rounding of f32.

    ```mlir
    %x = lowbit.linear %z, %up : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %y = lowbit.linear %x, %down : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```

    keeps its form: row k of @up is divided by s_k, column k of @down multiplied.
  }];
  let options = [
    Option<"strength", "strength", "double", "0.5",
           "How much of the difficulty moves to the weights: 0 (none) to 1">,
    Option<"observer", "observer", "std::string", "\"minmax\"",
           "How far a column reaches: minmax, moving_average, percentile, mse, "
           "entropy; all but the first need `column_ranges`">,
    Option<"percentile", "percentile", "double", "99.99",
           "The percentage of numbers within the range of that observer">,
    Option<"onlyFolds", "only-folds", "bool", "false",
           "Leave layers whose input would have to be multiplied at run time">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
}

def RotatePass : Pass<"lowbit-rotate", "::mlir::ModuleOp"> {
  let summary = "Rotate the residual stream, so that outliers are spread";
  let description = [{
    A few columns of the stream that the blocks of a transformer add to are often
    much larger than all others, and decide every scale. Multiplied by an orthogonal
    matrix Q whose entries have one magnitude (Hadamard, with signs that depend on the
    column), they are not. Nothing is computed for that when the model runs: Q is part
    of the embeddings, of the rows of layers that write the stream, and its inverse of
    the columns of layers that read it (QuaRot: Ashkboos et al., 2024).

    A stream begins with an embedding. It is rotated if all that happens to it is
    addition, multiplication by a number per row, root-mean-square norms and layers;
    norms' weights become part of the layers that read them. A remark says why one
    is not: norms that subtract the mean, say. A table that is also the head is
    copied.

    `online` names layers whose inputs are rotated when the model runs, such as those
    behind an activation: blocks of 2^a columns, by products with Hadamard matrices of
    at most 16 x 16.

    Needs: `lowbit-raise`. Guarantees: the model computes the same, up to rounding of
    f32.

    ```mlir
    %r = lowbit.embedding %ids, %table : tensor<?xi64>, tensor<64x4xf32> -> tensor<?x4xf32>
    %y = lowbit.linear %r, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
    ```

    keeps its form: rows of @table and @w are multiplied by Q.
  }];
  let options = [
    ListOption<"online", "online", "std::string",
               "Globs of names of layers whose inputs are rotated at run time">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let statistics = [
    Statistic<"numStreams", "streams", "Streams rotated">,
    Statistic<"numReaders", "readers", "Layers that read them">,
    Statistic<"numWriters", "writers", "Layers and embeddings that write them">,
    Statistic<"numOnline", "online", "Inputs rotated at run time">];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

class SplitPassBase<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def SplitWeightsPass : SplitPassBase<"lowbit-split-weights"> {
  let summary = "Keep the largest weights of each row apart, in f16";
  let description = [{
    The `share` of the numbers of each row of a layer's weight that are largest in
    magnitude leave it for a sparse matrix in f16 of as many numbers in every row,
    and what that computes is added to the layer's output (a dense-and-sparse
    decomposition, as in SqueezeLLM: Kim et al., 2024). What is left in the weight has
    zeros there and smaller extremes, so its scales are finer. Columns of the sparse
    numbers take 16 bits, or 32 where there are more than 65536.

    Layers are those that `lowbit-quantize-weights` would quantize. Needs:
    `lowbit-raise`. Guarantees: the model computes the same, up to rounding of the
    split numbers to f16.

    ```mlir
    %y = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    ```

    becomes, with one number of each row split off,

    ```mlir
    %v = lowbit.weight @w.sparse : tensor<32x1xf16>
    %c = lowbit.weight @w.sparse_columns : tensor<32x1xi16>
    %0 = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %y = linalg.generic ins(%v, %c) outs(%0) { // += %v[n, j] * %x[..., %c[n, j]] }
    ```
  }];
  let options = [
    Option<"share", "share", "double", "0.5",
           "Percentage of each row's numbers; at least one is split off">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let statistics = [
    Statistic<"numSplit", "split", "Layers with a sparse part">,
    Statistic<"numNumbers", "numbers", "Numbers split off">,
    Statistic<"numBytes", "bytes", "Bytes of sparse parts">];
}

def SplitColumnsPass : SplitPassBase<"lowbit-split-columns"> {
  let summary = "Keep the columns that multiply outliers in f16";
  let description = [{
    At most `count` columns of what a layer reads, those whose extremes are largest
    and more than `ratio` times the median of all columns', are multiplied apart, by a
    float layer over them alone; elsewhere they are zero (LLM.int8: Dettmers et al.,
    2022). So they don't decide the scale of int8 activations. Weights of the split
    columns are f16 and stay so.

    Needs: `lowbit-raise`; `minimum` and `maximum` in `lowbit.statistics`, which
    follow. Guarantees: the model computes the same, up to rounding of the split
    weights to f16. Layers without such columns stay as they are.

    ```mlir
    %y = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    ```

    becomes

    ```mlir
    %r = linalg.generic ins(%x, %mask) ... { arith.mulf }
    %z = lowbit.linear %r, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    %o = linalg.generic ins(%columns) ... { // %x[..., %columns[j]] }
    %s = lowbit.linear %o, %v {lowbit.keep_float} : tensor<?x2xf32>, tensor<32x2xf16> -> tensor<?x32xf32>
    %y = linalg.generic ins(%z, %s) ... { arith.addf }
    ```
  }];
  let options = [
    Option<"count", "count", "int64_t", "8",
           "Columns of an input that are split off at most">,
    Option<"ratio", "ratio", "double", "4",
           "How many times the median of extremes those of a column must exceed">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let statistics = [
    Statistic<"numSplit", "split", "Inputs with columns split off">,
    Statistic<"numColumns", "columns", "Columns split off">];
}

def ClipWeightsPass : SplitPassBase<"lowbit-clip-weights"> {
  let summary = "Clip the rarest numbers of weights";
  let description = [{
    Numbers of a row of a layer's weight whose magnitude is above the row's
    percentile are set to that magnitude, sign kept, so that they don't decide its
    scales. With scales of least squared error a range is clipped where that pays
    anyway; this is for plain rules (`scale-search=absmax`) and tables.

    Layers are those that `lowbit-quantize-weights` would quantize. Needs:
    `lowbit-raise`. Changes what the model computes.

    ```mlir
    lowbit.global @w : tensor<1x4xf32> {data = dense<[[1.0, -2.0, 3.0, -40.0]]> : tensor<1x4xf32>}
    ```

    becomes, with `percentile=75`,

    ```mlir
    lowbit.global @w : tensor<1x4xf32> {data = dense<[[1.0, -2.0, 3.0, -3.0]]> : tensor<1x4xf32>}
    ```
  }];
  let options = [
    Option<"percentile", "percentile", "double", "99.9",
           "Percentage of each row's numbers that stay as they are">,
    Option<"releaseData", "release-data", "bool", "false",
           "Free the data of weights as soon as another form replaces them; other "
           "modules of the context that share the data lose them">];
  let statistics = [
    Statistic<"numClipped", "clipped", "Numbers clipped">];
}

def SetScaleFactorsPass : Pass<"lowbit-set-scale-factors", "::mlir::ModuleOp"> {
  let summary = "Name factors for the scales of layers";
  let description = [{
    Sets `lowbit.scale_factor` on layers, by which `lowbit-quantize-weights`
    multiplies the parameters that its search has found: scales, and minima, where
    there are. Codes are those nearest under the new scales. A factor below 1 clips
    more, one above leaves room. The last glob that matches a layer decides; one that
    matches nothing is an error.

    Needs: `lowbit-raise`. Guarantees: only the attribute changes.

    ```mlir
    %y = lowbit.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    ```

    becomes, with `factors=*.w=0.9`,

    ```mlir
    %y = lowbit.linear %x, %w {lowbit.scale_factor = 9.000000e-01 : f32} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    ```
  }];
  let options = [
    ListOption<"factors", "factors", "std::string",
               "Names or globs of layers and their factors: GLOB=F">];
  let statistics = [
    Statistic<"numLayers", "layers", "Layers with a factor">];
}

def QuantizeInputsPass : Pass<"lowbit-quantize-inputs", "::mlir::ModuleOp"> {
  let summary = "Quantize inputs of layers with scales from calibration";
  let description = [{
    The input of each `lowbit.linear` with a quantized weight becomes int8, or with
    `format` FP8, with one scale that calibration chose, so that nothing looks for the largest magnitude
    when the model runs. Which range is encoded, `observer` says: `minmax` all that
    was seen; `moving_average` a moving average of the samples' extremes;
    `percentile` all but the rarest numbers; `mse` the one of least squared error;
    `entropy` the one of least divergence. Numbers beyond it are clamped.

    With `asymmetric` the range needn't be symmetric: the input is shifted by
    scale · zero_point before it is rounded, and the layer's bias takes back
    scale · zero_point · Σ_k w_nk, which costs one addition per number of the input.

    FP8 resolves small numbers as finely beside large ones: there the range may be
    all that was seen, a moving average or a percentile, and it is symmetric.

    Needs: `lowbit-quantize-weights`; in `lowbit.statistics` the extremes,
    `moving_range` or `histogram`. Guarantees: no layer's input is quantized twice;
    a layer without statistics is an error.

    ```mlir
    %y = lowbit.linear %x, %w : tensor<?x64xf32>, !lowbit.tensor<32x64xf32, #int4> -> tensor<?x32xf32>
    ```

    becomes, for numbers in [-2, 1.27],

    ```mlir
    %q = lowbit.quantize %x scale 1.574803e-02 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %y = lowbit.linear %q, %w : ...
    ```
  }];
  let options = [
    Option<"observer", "observer", "std::string", "\"minmax\"",
           "How a range is chosen: minmax, moving_average, percentile, mse, entropy">,
    Option<"percentile", "percentile", "double", "99.99",
           "The percentage of numbers within the range of that observer">,
    Option<"asymmetric", "asymmetric", "bool", "false",
           "Let ranges be asymmetric">,
    Option<"format", "format", "std::string", "\"int8\"",
           "What inputs become: int8, fp8-e4m3, fp8-e5m2">];
  let statistics = [
    Statistic<"numInputs", "inputs", "Inputs quantized">,
    Statistic<"numLayers", "layers", "Layers that read them">];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // LOWBIT_TRANSFORMS_PREPAREPASSES
