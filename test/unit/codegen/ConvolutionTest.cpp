//===- ConvolutionTest.cpp - convolutions against their definition --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights are multiples of 1/128 that begin each filter with -1, so that int8
// holds them exactly and one truth serves float and quantized layers.
//
//===----------------------------------------------------------------------===//

#include "FusionProgram.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit;
using namespace lowbit::test;

namespace {

struct Convolution {
  int64_t batch, channels, height, width, filters, kernel[2], strides[2],
      dilations[2];
  int64_t groups = 1;
  bool isChannelsLast = false;
  /// Whether it runs among guard pages, too.
  bool isGuarded = false;

  int64_t getOutput(int axis) const {
    int64_t reach = (kernel[axis] - 1) * dilations[axis] + 1;
    return ((axis ? width : height) - reach) / strides[axis] + 1;
  }
};

HostTensor createWeight(const Convolution &c) {
  int64_t perFilter = c.channels / c.groups * c.kernel[0] * c.kernel[1];
  HostTensor weight =
      HostTensor::allocate(ElementType::F32, {c.filters, c.channels / c.groups,
                                              c.kernel[0], c.kernel[1]});
  uint32_t state = 7;
  for (auto [i, number] : llvm::enumerate(weight.getMutableAs<float>())) {
    state = state * 1664525u + 1013904223u;
    number = i % perFilter ? static_cast<int>(state >> 24) / 128.0f - 1 : -1;
  }
  return weight;
}

/// [N, F, height, width] of an input [N, C, height, width], then relu(y + b).
HostTensor compute(const Convolution &c, const HostTensor &x,
                   const HostTensor &w, const HostTensor &bias) {
  int64_t height = c.getOutput(0), width = c.getOutput(1);
  int64_t inGroup = c.channels / c.groups, outGroup = c.filters / c.groups;
  HostTensor y = HostTensor::allocate(ElementType::F32,
                                      {c.batch, c.filters, height, width});
  auto result = y.getMutableAs<float>();
  for (int64_t at = 0; at < static_cast<int64_t>(result.size()); ++at) {
    int64_t ow = at % width, oh = at / width % height;
    int64_t f = at / width / height % c.filters;
    int64_t n = at / width / height / c.filters;
    double sum = bias.getElement(f);
    for (int64_t i = 0; i < inGroup * c.kernel[0] * c.kernel[1]; ++i) {
      int64_t kw = i % c.kernel[1], kh = i / c.kernel[1] % c.kernel[0];
      int64_t channel = i / c.kernel[1] / c.kernel[0] + f / outGroup * inGroup;
      int64_t h = oh * c.strides[0] + kh * c.dilations[0];
      int64_t v = ow * c.strides[1] + kw * c.dilations[1];
      sum += w.getElement(f * inGroup * c.kernel[0] * c.kernel[1] + i) *
             x.getElement(
                 ((n * c.channels + channel) * c.height + h) * c.width + v);
    }
    result[at] = std::fmax(sum, 0);
  }
  return y;
}

/// `tensor` of four dimensions in another order.
HostTensor permuted(const HostTensor &tensor, const int (&order)[4]) {
  llvm::ArrayRef<int64_t> shape = tensor.getShape();
  HostTensor result = HostTensor::allocate(
      tensor.getType(),
      {shape[order[0]], shape[order[1]], shape[order[2]], shape[order[3]]});
  auto target = result.getMutableAs<float>();
  auto source = tensor.getAs<float>();
  int64_t to[4];
  for (int64_t at = 0, rest; at < static_cast<int64_t>(target.size()); ++at) {
    rest = at;
    for (int i = 3; i >= 0; --i) {
      to[order[i]] = rest % shape[order[i]];
      rest /= shape[order[i]];
    }
    target[at] =
        source[((to[0] * shape[1] + to[1]) * shape[2] + to[2]) * shape[3] +
               to[3]];
  }
  return result;
}

std::string getType(llvm::ArrayRef<int64_t> shape) {
  return "tensor<" + describe(ElementType::F32, shape) + ">";
}

std::string pair(const int64_t (&numbers)[2]) {
  return "dense<[" + std::to_string(numbers[0]) + ", " +
         std::to_string(numbers[1]) + "]> : vector<2xi64>";
}

/// A bias and a relu after the sum, over the dimension of filters.
std::string getEpilogue(const std::string &type, int64_t filters,
                        bool isChannelsLast) {
  std::string map = isChannelsLast ? "d3" : "d1";
  return R"(  %r = linalg.generic {indexing_maps = [
      affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>,
      affine_map<(d0, d1, d2, d3) -> ()" +
         map + R"()>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y, %b : )" +
         type + ", " + getType({filters}) + ") outs(%e : " + type + R"() {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %s = arith.addf %in, %bias : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> )" +
         type + "\n";
}

/// One group: the named op.
std::string getNamed(const Convolution &c, const HostTensor &weight,
                     const std::string &xType, const std::string &wType,
                     const std::string &yType) {
  std::string op = c.isChannelsLast ? "conv_2d_nhwc_fhwc" : "conv_2d_nchw_fchw";
  return "  %y = linalg." + op + " {strides = " + pair(c.strides) +
         ", dilations = " + pair(c.dilations) + "} ins(%x, %w : " + xType +
         ", " + wType + ") outs(%z : " + yType + ") -> " + yType + "\n";
}

/// Several groups: dimensions split into group and rest around a generic op.
std::string getGrouped(const Convolution &c, const std::string &yType) {
  int64_t g = c.groups, inGroup = c.channels / g, outGroup = c.filters / g;
  std::string x5 = getType({c.batch, g, inGroup, c.height, c.width});
  std::string w5 = getType({g, outGroup, inGroup, c.kernel[0], c.kernel[1]});
  std::string y5 =
      getType({c.batch, g, outGroup, c.getOutput(0), c.getOutput(1)});
  auto text = [](int64_t number) { return std::to_string(number); };
  std::string h =
      "h * " + text(c.strides[0]) + " + i * " + text(c.dilations[0]);
  std::string v =
      "v * " + text(c.strides[1]) + " + j * " + text(c.dilations[1]);
  std::string loops = "(n, g, f, h, v, c, i, j)";
  return "  %x5 = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape "
         "[" +
         text(c.batch) + ", " + text(g) + ", " + text(inGroup) + ", " +
         text(c.height) + ", " + text(c.width) +
         "] : " + getType({c.batch, c.channels, c.height, c.width}) + " into " +
         x5 +
         "\n  %w5 = tensor.expand_shape %w [[0, 1], [2], [3], [4]] "
         "output_shape [" +
         text(g) + ", " + text(outGroup) + ", " + text(inGroup) + ", " +
         text(c.kernel[0]) + ", " + text(c.kernel[1]) +
         "] : " + getType({c.filters, inGroup, c.kernel[0], c.kernel[1]}) +
         " into " + w5 + "\n  %e5 = tensor.empty() : " + y5 +
         "\n  %z5 = linalg.fill ins(%zero : f32) outs(%e5 : " + y5 + ") -> " +
         y5 + "\n  %y5 = linalg.generic {indexing_maps = [affine_map<" + loops +
         " -> (n, g, c, " + h + ", " + v + ")>, affine_map<" + loops +
         " -> (g, f, c, i, j)>, affine_map<" + loops +
         " -> (n, g, f, h, v)>], iterator_types = [\"parallel\", \"parallel\", "
         "\"parallel\", \"parallel\", \"parallel\", \"reduction\", "
         "\"reduction\", \"reduction\"]} ins(%x5, %w5 : " +
         x5 + ", " + w5 + ") outs(%z5 : " + y5 +
         ") {\n  ^bb0(%p: f32, %q: f32, %s: f32):\n    %m = arith.mulf %p, %q "
         ": f32\n    %a = arith.addf %s, %m : f32\n    linalg.yield %a : f32\n "
         " "
         "} -> " +
         y5 +
         "\n  %y = tensor.collapse_shape %y5 [[0], [1, 2], [3], [4]] : " + y5 +
         " into " + yType + "\n";
}

/// Checks the float and the int8 layer, and how many layers there are.
void check(const Convolution &c, int64_t layers) {
  HostTensor x = createFloats({c.batch, c.channels, c.height, c.width}, 1);
  HostTensor w = createWeight(c), bias = createFloats({c.filters}, 2);
  HostTensor expected = compute(c, x, w, bias);
  if (c.isChannelsLast) {
    expected = permuted(expected, {0, 2, 3, 1});
    x = permuted(x, {0, 2, 3, 1});
    w = permuted(w, {0, 2, 3, 1});
  }
  std::string xType = getType(x.getShape()), wType = getType(w.getShape());
  std::string yType = getType(expected.getShape());
  std::string product = c.groups == 1 ? getNamed(c, w, xType, wType, yType)
                                      : getGrouped(c, yType);
  std::string text =
      "lowbit.global @w : " + wType + " {data = " + getElements(w) +
      "}\nlowbit.global @b : " + getType({c.filters}) +
      " {data = " + getElements(bias) + "}\nfunc.func @main(%x: " + xType +
      ") -> " + yType + " {\n  %zero = arith.constant 0.0 : f32\n" +
      "  %w = lowbit.weight @w : " + wType +
      "\n  %b = lowbit.weight @b : " + getType({c.filters}) +
      "\n  %e = tensor.empty() : " + yType +
      "\n  %z = linalg.fill ins(%zero : f32) outs(%e : " + yType + ") -> " +
      yType + "\n" + product + getEpilogue(yType, c.filters, c.isChannelsLast) +
      "  return %r : " + yType + "\n}\n";
  for (std::string method : {"none", "int8"}) {
    SCOPED_TRACE(method);
    CompileOptions options;
    options.method = method;
    options.scaleSearch = "absmax";
    EXPECT_EQ(countFused(text, options, "lowbit.linear"), layers);
    auto found = compileAndRun(text, options, {x});
    ASSERT_EQ(found.size(), 1u);
    expectClose(found[0], expected, 1e-3);
    if (c.isGuarded)
      for (auto &guarded : compileAndRunGuarded(text, options, {x}))
        expectClose(guarded[0], expected, 1e-3);
  }
}

TEST(Convolution, OverlappingWindows) {
  check({2, 5, 11, 13, 18, {3, 3}, {1, 1}, {1, 1}}, 1);
  check({1, 3, 12, 17, 9, {3, 5}, {2, 1}, {1, 2}}, 1);
}

/// More rows than a task copies at a time, in blocks of unequal sizes.
TEST(Convolution, BlocksOfRows) {
  check({1, 40, 24, 61, 9, {3, 3}, {1, 1}, {1, 1}}, 1);
  check({2, 40, 25, 60, 8, {3, 5}, {2, 2}, {1, 1}}, 1);
  check({1, 40, 24, 43, 17, {3, 3}, {1, 1}, {1, 1}, 1, true, true}, 1);
  check({1, 60, 26, 70, 60, {3, 3}, {1, 2}, {1, 1}, 60, false, true}, 0);
}

TEST(Convolution, ChannelsLast) {
  check({1, 6, 9, 8, 17, {3, 2}, {2, 1}, {1, 1}, 1, true}, 1);
}

TEST(Convolution, PatchesSideBySide) {
  // Two columns of pixels are in no patch.
  check({1, 3, 16, 26, 20, {8, 8}, {8, 8}, {1, 1}}, 1);
}

TEST(Convolution, OneElementWindows) {
  check({1, 7, 5, 6, 12, {1, 1}, {1, 1}, {1, 1}}, 1);
  check({1, 7, 5, 6, 12, {1, 1}, {2, 2}, {1, 1}}, 1);
}

TEST(Convolution, GroupsAreLayers) {
  check({1, 6, 7, 9, 24, {1, 3}, {1, 1}, {1, 1}, 3}, 3);
}

TEST(Convolution, StaysInItsBuffers) {
  check({1, 3, 7, 5, 9, {3, 3}, {1, 1}, {1, 1}, 1, false, true}, 1);
  check({1, 2, 9, 7, 5, {2, 3}, {2, 2}, {2, 1}, 1, true, true}, 1);
  check({1, 4, 5, 7, 16, {1, 3}, {1, 2}, {1, 1}, 2, false, true}, 2);
  check({1, 3, 5, 5, 3, {3, 3}, {2, 2}, {1, 1}, 3, false, true}, 0);
}

TEST(Convolution, DepthwiseStaysFloat) {
  check({1, 6, 7, 9, 6, {3, 3}, {1, 1}, {1, 1}, 6}, 0);
}

} // namespace
