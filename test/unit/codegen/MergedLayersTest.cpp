//===- MergedLayersTest.cpp - merged layers compute the same numbers ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers with rows of their own against one layer with all rows, bit by bit, in
// encodings whose rows begin in the middle of a byte or of a kernel's block.
//
//===----------------------------------------------------------------------===//

#include "FusionProgram.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

std::string getGlobal(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                      uint32_t seed) {
  HostTensor data = createFloats(shape, seed);
  return ("lowbit.global @" + name + " : tensor<" + data.describe() +
          "> {data = " + getElements(data) + "}\n")
      .str();
}

/// Queries, keys and values of unequal size, two of them with a bias.
std::string getProjections() {
  return getGlobal("attn.q.weight", {37, 45}, 1) +
         getGlobal("attn.k.weight", {19, 45}, 2) +
         getGlobal("attn.v.weight", {33, 45}, 3) +
         getGlobal("attn.q.bias", {37}, 4) + getGlobal("attn.v.bias", {33}, 5) +
         R"mlir(
func.func @main(%x: tensor<1x?x45xf32>) -> (tensor<1x?x37xf32>, tensor<1x?x19xf32>, tensor<1x?x33xf32>) {
  %q = lowbit.weight @attn.q.weight : tensor<37x45xf32>
  %k = lowbit.weight @attn.k.weight : tensor<19x45xf32>
  %v = lowbit.weight @attn.v.weight : tensor<33x45xf32>
  %bq = lowbit.weight @attn.q.bias : tensor<37xf32>
  %bv = lowbit.weight @attn.v.bias : tensor<33xf32>
  %0 = lowbit.linear %x, %q bias %bq : tensor<1x?x45xf32>, tensor<37x45xf32> -> tensor<1x?x37xf32>
  %1 = lowbit.linear %x, %k : tensor<1x?x45xf32>, tensor<19x45xf32> -> tensor<1x?x19xf32>
  %2 = lowbit.linear %x, %v bias %bv : tensor<1x?x45xf32>, tensor<33x45xf32> -> tensor<1x?x33xf32>
  return %0, %1, %2 : tensor<1x?x37xf32>, tensor<1x?x19xf32>, tensor<1x?x33xf32>
})mlir";
}

/// up(x) silu(gate(x)), both with a bias.
std::string getFeedForward() {
  return getGlobal("mlp.gate", {41, 50}, 6) + getGlobal("mlp.up", {41, 50}, 7) +
         getGlobal("bias.gate", {41}, 8) + getGlobal("bias.up", {41}, 9) +
         R"mlir(
func.func @main(%x: tensor<?x50xf32>) -> tensor<?x41xf32> {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %wg = lowbit.weight @mlp.gate : tensor<41x50xf32>
  %wu = lowbit.weight @mlp.up : tensor<41x50xf32>
  %bg = lowbit.weight @bias.gate : tensor<41xf32>
  %bu = lowbit.weight @bias.up : tensor<41xf32>
  %g = lowbit.linear %x, %wg bias %bg : tensor<?x50xf32>, tensor<41x50xf32> -> tensor<?x41xf32>
  %u = lowbit.linear %x, %wu bias %bu : tensor<?x50xf32>, tensor<41x50xf32> -> tensor<?x41xf32>
  %n = tensor.dim %x, %c0 : tensor<?x50xf32>
  %e = tensor.empty(%n) : tensor<?x41xf32>
  %y = linalg.map ins(%u, %g : tensor<?x41xf32>, tensor<?x41xf32>) outs(%e : tensor<?x41xf32>)
    (%up: f32, %in: f32, %out: f32) {
      %negated = arith.negf %in : f32
      %exp = math.exp %negated : f32
      %denominator = arith.addf %exp, %one : f32
      %silu = arith.divf %in, %denominator : f32
      %product = arith.mulf %up, %silu : f32
      linalg.yield %product : f32
    }
  return %y : tensor<?x41xf32>
})mlir";
}

/// Expects `layers` layers after merging, and the bits of unmerged ones.
void check(const std::string &text, const HostTensor &input,
           const std::string &method, int64_t layers) {
  SCOPED_TRACE(method);
  CompileOptions merged, apart;
  merged.method = apart.method = method;
  apart.disabledPatterns = {"qkv", "gated_linear"};
  EXPECT_EQ(countFused(text, merged, "lowbit.linear"), layers);
  auto found = compileAndRun(text, merged, {input});
  auto expected = compileAndRun(text, apart, {input});
  ASSERT_EQ(found.size(), expected.size());
  for (auto [one, other] : llvm::zip_equal(found, expected)) {
    EXPECT_EQ(one.describe(), other.describe());
    EXPECT_EQ(one.getBytes(), other.getBytes());
  }
}

TEST(MergedLayers, ProjectionsHaveTheSameBits) {
  HostTensor x = createFloats({1, 5, 45}, 10);
  for (std::string method : {"int3-g16", "uint4", "int8-g32-a8"})
    check(getProjections(), x, method, 1);
}

TEST(MergedLayers, FloatProjectionsStayApart) {
  check(getProjections(), createFloats({1, 5, 45}, 10), "none", 3);
}

TEST(MergedLayers, GatesHaveTheSameBits) {
  HostTensor x = createFloats({6, 50}, 11);
  for (std::string method : {"int4-g32", "uint2-g16", "int8-a8"})
    check(getFeedForward(), x, method, 1);
}

TEST(MergedLayers, GatesInTheReference) {
  CompileOptions merged, apart;
  merged.method = apart.method = "int4-g32";
  merged.reference = apart.reference = true;
  apart.disabledPatterns = {"gated_linear"};
  HostTensor x = createFloats({6, 50}, 11);
  auto found = compileAndRun(getFeedForward(), merged, {x});
  auto expected = compileAndRun(getFeedForward(), apart, {x});
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(expected.size(), 1u);
  expectClose(found[0], expected[0], 1e-5);
}

} // namespace
