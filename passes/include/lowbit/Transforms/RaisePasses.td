//===- RaisePasses.td - passes of the raise phase ----------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What linalg computes by many operations becomes layers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_RAISEPASSES
#define LOWBIT_TRANSFORMS_RAISEPASSES

include "mlir/Pass/PassBase.td"

def RaiseLinearPass : Pass<"lowbit-raise-linear"> {
  let summary = "Recognise products with weights and lookups in them as layers";
  let description = [{
    A contraction of floats, named or generic, in which exactly one operand is a
    weight becomes `lowbit.linear`. A weight is a `lowbit.weight` or an
    `arith.constant`, also behind transposes, reshapes, broadcasts and
    extensions from 16-bit floats, which are looked through: the layer takes the
    weight as it is stored. One stored as [K, N] is not rearranged either; a
    `linalg.transpose` of its value feeds the layer. Any order of dimensions and
    any leading ones are taken; the input is transposed only where the
    contraction asks for it. What the result is accumulated onto, unless it is
    zero, becomes the residual. Reshapes of leading dimensions that surround a
    layer are dropped; dimensions of extent 1 that all its elementwise users have
    and it lacks are added to it.

    A `linalg.generic` that gathers rows of a weight becomes `lowbit.embedding`
    if it treats indices outside of the table as that does, or leaves them
    undefined.

    A layer whose weight is the `lowbit.dequantize` of a matrix reads the matrix
    itself; some rows of it, such as those of a group of a convolution, become a
    weight of their own. Any other use of a dequantized weight stays, with a
    remark: its numbers are computed whenever the model runs.

    Needs: `linalg` on tensors, weights of static shape. Guarantees: a product
    with a weight that is left has a batch dimension in the weight, sums over a
    dimension of one operand alone, or multiplies by a weight that other constants
    make; `report` says which.

    ```mlir
    %w = lowbit.weight @up : tensor<64x256xf32>
    %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x?x64xf32> into tensor<?x64xf32>
    %1 = linalg.fill ins(%zero : f32) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
    %2 = linalg.matmul ins(%0, %w : tensor<?x64xf32>, tensor<64x256xf32>)
                       outs(%1 : tensor<?x256xf32>) -> tensor<?x256xf32>
    %3 = tensor.expand_shape %2 [[0, 1], [2]] output_shape [1, %s, 256]
        : tensor<?x256xf32> into tensor<1x?x256xf32>
    ```

    becomes

    ```mlir
    %w = lowbit.weight @up : tensor<64x256xf32>
    %0 = tensor.empty() : tensor<256x64xf32>
    %1 = linalg.transpose ins(%w : tensor<64x256xf32>) outs(%0 : tensor<256x64xf32>)
        permutation = [1, 0]
    %2 = lowbit.linear %x, %1 : tensor<1x?x64xf32>, tensor<256x64xf32> -> tensor<1x?x256xf32>
    ```
  }];
  let options = [
    ListOption<"disabledPatterns", "disable-patterns", "std::string",
               "Names of patterns of the raise phase to leave out: linear, embedding">,
    Option<"report", "report", "bool", /*default=*/"false",
           "Emit a remark, with the weight's name and the reason, for each product "
           "with a weight that is left">,
  ];
  let statistics = [
    Statistic<"numLinears", "linears", "Products raised to layers">,
    Statistic<"numEmbeddings", "embeddings", "Gathers raised to embeddings">,
    Statistic<"numLeft", "left", "Products with a weight that are left">,
    Statistic<"numDecoded", "decoded", "Quantized weights that are dequantized at run time">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def RaiseConvPass : Pass<"lowbit-raise-conv"> {
  let summary = "Rewrite convolutions with weights to products";
  let description = [{
    A convolution with a constant weight, a named op or a generic one in any
    layout and with any number of spatial dimensions, becomes a contraction of
    its windows with the weight as it is stored (the pattern `conv`), for
    `lowbit-raise-linear` to raise. Windows that lie side by side, as those of a
    patch embedding or of a kernel of one element, are a reshape and a
    transposition of the input. Others are copied to [outputs..., kernel...] by a
    `linalg.generic`: the im2col matrix, as many times the input as windows
    overlap. A grouped convolution becomes one for each group, and so does what is
    computed of its results one by one, such as a bias.

    Needs: `linalg` on tensors; padding is an op of its own before. Guarantees: a
    convolution that is left has more than 64 groups, fewer than 8 filters in a
    group (a depthwise one), or groups or a weight that are read at sums of loops;
    `report` says which.

    ```mlir
    %y = linalg.conv_2d_nchw_fchw {strides = dense<16> : vector<2xi64>}
        ins(%x, %w : tensor<1x3x224x224xf32>, tensor<768x3x16x16xf32>)
        outs(%zeros : tensor<1x768x14x14xf32>) -> tensor<1x768x14x14xf32>
    ```

    becomes

    ```mlir
    %0 = tensor.expand_shape %x [[0], [1], [2, 3], [4, 5]] output_shape [1, 3, 14, 16, 14, 16]
    %1 = linalg.transpose ins(%0 : tensor<1x3x14x16x14x16xf32>) ... permutation = [0, 2, 4, 1, 3, 5]
    %y = linalg.generic {...} ins(%1, %w : tensor<1x14x14x3x16x16xf32>, tensor<768x3x16x16xf32>)
        outs(%zeros : tensor<1x768x14x14xf32>) { arith.mulf, arith.addf }
    ```
  }];
  let options = [
    ListOption<"disabledPatterns", "disable-patterns", "std::string",
               "Names of patterns of the raise phase to leave out: conv">,
    Option<"report", "report", "bool", /*default=*/"false",
           "Emit a remark, with the weight's name and the reason, for each "
           "convolution with a weight that is left">,
  ];
  let statistics = [
    Statistic<"numConvolutions", "convolutions", "Convolutions rewritten">,
    Statistic<"numLeft", "left", "Convolutions with a weight that are left">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::affine::AffineDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def RaiseAttentionPass : Pass<"lowbit-raise-attention"> {
  let summary = "Recognise attention";
  let description = [{
    A product of a softmax with V, the softmax being of the product of Q and K
    times a constant, plus masks, becomes `lowbit.attention` (the pattern
    `attention_pattern`). Scalars are traced through elementwise ops, so it
    doesn't matter how those are divided; the softmax may be one op or its
    steps, the order of dimensions is any. A mask that hides all keys after the
    query's own, j > i + J - I, becomes `causal`, whatever it is computed with:
    comparisons of places, triangles made or stored, choices, sums and products.
    What else it hides (padding that is an input, a window) stays as a mask of
    the dimensions that it has. One that selects scores by a condition is added
    as 0 or the number it puts in their place.
    Several masks are added up first, in the dimensions that they have; what is
    added before scores are multiplied by a constant is multiplied, too. Heads of
    K and V that are repeated for groups of query heads are read where they are,
    and so is a single one that operands of the products have no dimension for.

    Operands in f16 or bf16 are widened, and the result is rounded to the type
    of the product. Scores, exponentials and weights that a model rounds to 16
    bits in between are not rounded; to fewer bits, nothing is recognised.

    Batches and heads that are one dynamic dimension are batches of one head.

    Needs: `linalg` on tensors. Guarantees: a product with a softmax that is left
    has one of the reasons that `report` names.

    ```mlir
    %s = linalg.batch_matmul ins(%q, %kt : tensor<4x?x64xf32>, tensor<4x64x?xf32>)
        outs(%zeros : tensor<4x?x?xf32>) -> tensor<4x?x?xf32>
    %t = linalg.generic {...} ins(%s, %mask : tensor<4x?x?xf32>, tensor<?x?xf32>) ... {
      %scaled = arith.divf %in, %eight : f32
      %masked = arith.addf %scaled, %m : f32
      linalg.yield %masked : f32
    } -> tensor<4x?x?xf32>
    %p = linalg.softmax dimension(2) ins(%t : tensor<4x?x?xf32>) ...
    %y = linalg.batch_matmul ins(%p, %v : tensor<4x?x?xf32>, tensor<4x?x64xf32>) ...
    ```

    becomes

    ```mlir
    %k = linalg.transpose ins(%kt : tensor<4x64x?xf32>) ... permutation = [0, 2, 1]
    %y = lowbit.attention %q, %k, %v mask %mask scale 1.250000e-01
        : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>, mask tensor<?x?xf32>
        -> tensor<4x?x64xf32>
    ```
  }];
  let options = [
    ListOption<"disabledPatterns", "disable-patterns", "std::string",
               "Names of patterns of the raise phase to leave out: attention_pattern">,
    Option<"report", "report", "bool", /*default=*/"false",
           "Emit a remark, with the reason, for each product with a softmax that is left">,
  ];
  let statistics = [
    Statistic<"numAttentions", "attentions", "Products raised to attention">,
    Statistic<"numLeft", "left", "Products with a softmax that are left">,
  ];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // LOWBIT_TRANSFORMS_RAISEPASSES
