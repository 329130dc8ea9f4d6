//===- AttentionTest.cpp - lowered attention against its definition -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reference and the tiled form, for extents below, at and past tiles.
//
//===----------------------------------------------------------------------===//

#include "FusionProgram.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit;
using namespace lowbit::test;

namespace {

struct Shape {
  int64_t batch, heads, groups, queries, keys, depth, width;
  bool isCausal;
  /// Extents of the mask, or none.
  std::vector<int64_t> mask;
  /// Whether it runs among guard pages, too.
  bool isGuarded = false;
  /// Whether a single query is one of a number that the program doesn't know.
  bool isDynamic = false;
};

/// Attention in double by its definition.
HostTensor compute(const Shape &s, const HostTensor &q, const HostTensor &k,
                   const HostTensor &v, const HostTensor *mask, double scale) {
  HostTensor y = HostTensor::allocate(ElementType::F32,
                                      {s.batch, s.heads, s.queries, s.width});
  auto result = y.getMutableAs<float>();
  for (int64_t row = 0; row < s.batch * s.heads * s.queries; ++row) {
    int64_t i = row % s.queries, head = row / s.queries;
    int64_t group =
        head / s.heads * s.groups + head % s.heads / (s.heads / s.groups);
    std::vector<double> weights(s.keys);
    double total = 0;
    for (int64_t j = 0; j < s.keys; ++j) {
      if (s.isCausal && j > i + s.keys - s.queries)
        continue;
      double score = 0;
      for (int64_t d = 0; d < s.depth; ++d)
        score += q.getElement(row * s.depth + d) *
                 k.getElement((group * s.keys + j) * s.depth + d);
      score *= scale;
      if (mask) {
        // Broadcast from the right: [batch, heads, queries, keys].
        int64_t places[] = {head / s.heads, head % s.heads, i, j}, at = 0;
        int64_t rank = mask->getShape().size();
        for (int64_t n = 0; n < rank; ++n) {
          int64_t extent = mask->getShape()[n];
          at = at * extent + (extent == 1 ? 0 : places[4 - rank + n]);
        }
        score += mask->getElement(at);
      }
      total += weights[j] = std::exp(score);
    }
    for (int64_t e = 0; e < s.width; ++e) {
      double sum = 0;
      for (int64_t j = 0; j < s.keys; ++j)
        sum += weights[j] * v.getElement((group * s.keys + j) * s.width + e);
      result[row * s.width + e] = sum / total;
    }
  }
  return y;
}

std::string getType(llvm::ArrayRef<int64_t> shape) {
  return "tensor<" + describe(ElementType::F32, shape) + ">";
}

void check(const Shape &s) {
  HostTensor q = createFloats({s.batch, s.heads, s.queries, s.depth}, 1);
  HostTensor k = createFloats({s.batch, s.groups, s.keys, s.depth}, 2);
  HostTensor v = createFloats({s.batch, s.groups, s.keys, s.width}, 3);
  for (HostTensor *tensor : {&q, &k})
    for (float &number : tensor->getMutableAs<float>())
      number *= 3;
  std::vector<HostTensor> inputs{q, k, v};
  std::string maskArgument, maskOperand, maskType;
  if (!s.mask.empty()) {
    // Some keys are hidden, in some rows the first ones.
    HostTensor mask = createFloats(s.mask, 4);
    for (auto [i, number] : llvm::enumerate(mask.getMutableAs<float>()))
      if (i % 7 < 3)
        number = i % 2 ? -INFINITY : -3e38f;
    inputs.push_back(mask);
    maskArgument = ", %m: " + getType(s.mask);
    maskOperand = " mask %m";
    maskType = ", mask " + getType(s.mask);
  }
  // Keys are dynamic, and queries unless there is one.
  int64_t any = -1, queries = s.queries == 1 && !s.isDynamic ? 1 : -1;
  std::string qType = getType({s.batch, s.heads, queries, s.depth});
  std::string kType = getType({s.batch, s.groups, any, s.depth});
  std::string vType = getType({s.batch, s.groups, any, s.width});
  std::string yType = getType({s.batch, s.heads, queries, s.width});
  std::string text = "func.func @main(%q: " + qType + ", %k: " + kType +
                     ", %v: " + vType + maskArgument + ") -> " + yType +
                     " {\n%y = lowbit.attention %q, %k, %v" + maskOperand +
                     " scale 0.25 " + (s.isCausal ? "causal" : "") + " : " +
                     qType + ", " + kType + ", " + vType + maskType + " -> " +
                     yType + "\nreturn %y : " + yType + "\n}\n";
  SCOPED_TRACE(text);
  HostTensor expected =
      compute(s, q, k, v, s.mask.empty() ? nullptr : &inputs[3], 0.25);
  for (bool reference : {false, true}) {
    SCOPED_TRACE(reference ? "reference" : "tiles");
    CompileOptions options;
    options.reference = reference;
    auto found = compileAndRun(text, options, inputs);
    ASSERT_EQ(found.size(), 1u);
    expectClose(found[0], expected, 2e-5);
  }
  if (s.isGuarded)
    for (auto &found : compileAndRunGuarded(text, {}, inputs))
      expectClose(found[0], expected, 2e-5);
}

TEST(Attention, SeesAllKeys) { check({1, 2, 2, 65, 130, 64, 64, false, {}}); }

TEST(Attention, SeesKeysUpToItsOwn) {
  check({2, 2, 2, 130, 130, 32, 32, true, {}});
}

TEST(Attention, StandsAtTheLastKey) {
  check({1, 4, 2, 3, 70, 32, 48, true, {}});
}

TEST(Attention, OneQueryOfGroupedHeads) {
  check({1, 8, 2, 1, 129, 64, 64, true, {}});
}

TEST(Attention, OneQueryOfSomeNumber) {
  check({1, 8, 2, 1, 200, 64, 32, true, {}, false, true});
  check({2, 6, 2, 1, 70, 20, 12, false, {2, 6, 1, 70}, true, true});
}

TEST(Attention, AddsMasks) {
  check({1, 2, 2, 64, 100, 20, 12, false, {64, 100}});
  check({2, 4, 2, 7, 66, 16, 16, false, {2, 1, 1, 66}});
  check({2, 4, 2, 70, 66, 16, 16, false, {1, 4, 70, 66}});
}

TEST(Attention, StaysInItsBuffers) {
  check({1, 2, 1, 5, 67, 20, 12, true, {}, /*isGuarded=*/true});
  check({1, 3, 3, 67, 5, 7, 1, false, {67, 5}, /*isGuarded=*/true});
  check({1, 4, 2, 1, 13, 7, 9, false, {1, 1, 1, 13}, /*isGuarded=*/true});
  check({1, 1, 1, 1, 1, 1, 1, true, {}, /*isGuarded=*/true});
}

} // namespace
