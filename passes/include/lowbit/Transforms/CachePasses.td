//===- CachePasses.td - passes that add a KV cache ---------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A decoder becomes two functions that extend a text.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_CACHEPASSES
#define LOWBIT_TRANSFORMS_CACHEPASSES

include "mlir/Pass/PassBase.td"

def AddCachePass : Pass<"lowbit-add-cache", "::mlir::ModuleOp"> {
  let summary = "Make functions that extend a text of a causal decoder";
  let description = [{
    `@main`, which maps the tokens of a text to an output for each of them, is
    replaced by `@prefill`, which takes some more tokens and the position of the
    first, and `@decode`, which takes one. What attention read of earlier tokens
    is in caches: an argument for the keys and one for the values of each
    `lowbit.attention`, [..., heads, max-length, width], whose new value is a
    result (`lowbit.state` is that result's number) and which CPU code updates in
    place. Both functions compute the rows of `@main` that belong to their
    tokens; row i of a table, a mask or an index stands for position + i.

    With `last-only`, results of `@prefill` are those of its last token, which is
    what a program that generates text asks for: the output head, and what lies
    behind the last keys and values, is computed for one token. Results in f16
    or bf16 are f32 here: whoever picks a token reads numbers of one type.

    With `prefill-length`, `@prefill` takes so many tokens at once, and its shapes
    are numbers but for the length of the text.

    An input called `attention_mask` is all ones, so that of a mask stays what
    hides other keys than padding and later ones; `position_ids` are the
    positions, `token_type_ids` are zero. Inputs of past keys and values, to
    which the model appends what it returns, are dropped: the cache is in their
    place.

    Needs: after `lowbit-raise`; one input of tokens, integers [1, ?]; numbers of
    several positions meet in `lowbit.attention` alone, which is causal or has a
    mask with a row for each query, taken to hide what comes later. What stands
    in the way is an error at that op. `lowbit.requires` must hold up to
    `max-length`.

    ```mlir
    func.func @main(%tokens: tensor<1x?xi64>) -> tensor<1x?x8xf32> {
      ...
      %y = lowbit.attention %q, %k, %v scale 1.0 causal : tensor<1x1x?x8xf32>,
        tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
    ```
    becomes, in `@decode` with `max-length=16`,
    ```mlir
    func.func @decode(%tokens: tensor<1x1xi64>, %position: tensor<i64>,
        %keys: tensor<1x1x16x8xf32> {lowbit.state = 1 : i64},
        %values: tensor<1x1x16x8xf32> {lowbit.state = 2 : i64})
        -> (tensor<1x1x8xf32>, tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32>) {
      ...
      %keys1 = tensor.insert_slice %k into %keys[0, 0, %p, 0] [1, 1, 1, 8] [1, 1, 1, 1]
      %all = tensor.extract_slice %keys1[0, 0, 0, 0] [1, 1, %length, 8] [1, 1, 1, 1]
      ...
      %y = lowbit.attention %q, %all, %allValues scale 1.0 causal : tensor<1x1x1x8xf32>,
        tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x1x8xf32>
    ```
  }];
  let options = [
    Option<"maxLength", "max-length", "int64_t", "2048",
           "Tokens of the longest text, at least 1">,
    Option<"format", "format", "std::string", "\"f32\"",
           "How a cache stores numbers: f32, f16, int8 with an f16 scale for each "
           "head of each token, or int4 with an f16 scale and minimum for each "
           "half of that">,
    Option<"prefillLength", "prefill-length", "int64_t", "0",
           "Tokens that @prefill takes, up to max-length; 0 for any number">,
    Option<"lastOnly", "last-only", "bool", "false",
           "Results of @prefill have the row of the last token alone">];
  let statistics = [
    Statistic<"numCaches", "caches", "Caches added to each function">,
    Statistic<"numBytes", "bytes", "Bytes of all caches">];
  let dependentDialects = [
    "::lowbit::LowbitDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // LOWBIT_TRANSFORMS_CACHEPASSES
