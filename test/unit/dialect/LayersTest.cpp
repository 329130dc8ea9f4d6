//===- LayersTest.cpp - lowered linear, embedding and quantize ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceJit.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;
using namespace lowbit::test;

namespace {

std::vector<float> createNumbers(int64_t count, uint32_t state) {
  std::vector<float> numbers(count);
  for (float &number : numbers) {
    state = state * 1664525u + 1013904223u;
    number = std::ldexp(static_cast<float>(state >> 8), -23) - 1;
  }
  return numbers;
}

/// A 7 x 37 weight of four bits in groups of 16, as the text below has it.
struct Weight {
  static constexpr int64_t rows = 7, columns = 37;
  numerics::QuantizedMatrix matrix;
  numerics::PackedMatrix packed;
  std::vector<float> values = std::vector<float>(rows * columns);

  Weight() {
    numerics::Encoding encoding;
    encoding.element = {4, numerics::IntegerKind::Signed};
    encoding.granularity = numerics::Granularity::Group;
    encoding.groupSize = 16;
    numerics::Status status =
        numerics::quantize(createNumbers(rows * columns, 7).data(), rows,
                           columns, encoding, {}, matrix);
    EXPECT_TRUE(status.ok()) << status.message;
    numerics::BoundLayout layout(numerics::Layout::dense(4), encoding, rows,
                                 columns);
    packed = numerics::pack(layout, matrix);
    numerics::dequantize(matrix, values.data());
  }
  SmallVector<Array> arrays() {
    int64_t bytes = packed.buffers[0].size();
    return {{packed.buffers[0].data(), {bytes}},
            {packed.buffers[1].data(), {rows, 3}}};
  }
};

double silu(double x) { return x / (1 + std::exp(-x)); }

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

constexpr const char *linearText = R"mlir(
#int4 = #lowbit.encoding<int<4>, group = 16, scale = f16>
!w = !lowbit.tensor<7x37xf32, #int4>
func.func @fused(%x: tensor<2x?x37xf32>, %w: !w, %b: tensor<7xf32>,
                 %r: tensor<2x?x7xf32>) -> tensor<2x?x7xf32>
    attributes {llvm.emit_c_interface} {
  %y = lowbit.linear %x, %w bias %b activation silu residual %r
      : tensor<2x?x37xf32>, !w -> tensor<2x?x7xf32>
  return %y : tensor<2x?x7xf32>
}
func.func @vector(%x: tensor<37xf32>, %w: !w) -> tensor<7xf32>
    attributes {llvm.emit_c_interface} {
  %y = lowbit.linear %x, %w : tensor<37xf32>, !w -> tensor<7xf32>
  return %y : tensor<7xf32>
}
func.func @transposed(%x: tensor<?x37xf32>, %w: tensor<37x7xf32>)
    -> tensor<?x7xf32> attributes {llvm.emit_c_interface} {
  %e = tensor.empty() : tensor<7x37xf32>
  %t = linalg.transpose ins(%w : tensor<37x7xf32>) outs(%e : tensor<7x37xf32>)
      permutation = [1, 0]
  %y = lowbit.linear %x, %t : tensor<?x37xf32>, tensor<7x37xf32> -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}
)mlir";

/// Row `row` of x times column `n` of the transposed weight.
double dot(const std::vector<float> &x, int64_t row, const Weight &weight,
           int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k < Weight::columns; ++k)
    sum += double(x[row * Weight::columns + k]) *
           weight.values[n * Weight::columns + k];
  return sum;
}

TEST(Linear, AddsBiasActivatesAddsResidual) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, linearText);
  ASSERT_TRUE(jit);
  Weight weight;
  std::vector<float> x = createNumbers(2 * 3 * 37, 1), b = createNumbers(7, 2),
                     r = createNumbers(2 * 3 * 7, 3);
  SmallVector<Array> inputs{{x.data(), {2, 3, 37}}};
  inputs.append(weight.arrays());
  inputs.push_back({b.data(), {7}});
  inputs.push_back({r.data(), {2, 3, 7}});
  std::vector<float> found = jit->call("fused", inputs, 3);
  ASSERT_EQ(found.size(), r.size());
  for (int64_t i = 0; i < 2 * 3 * 7; ++i)
    EXPECT_NEAR(found[i], silu(dot(x, i / 7, weight, i % 7) + b[i % 7]) + r[i],
                1e-5);

  SmallVector<Array> vectorInputs{{x.data(), {37}}};
  vectorInputs.append(weight.arrays());
  found = jit->call("vector", vectorInputs, 1);
  ASSERT_EQ(found.size(), 7u);
  for (int64_t n = 0; n < 7; ++n)
    EXPECT_NEAR(found[n], dot(x, 0, weight, n), 1e-5);
}

TEST(Linear, ReadsTransposedWeightAsItLies) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, linearText);
  ASSERT_TRUE(jit);
  Weight weight;
  std::vector<float> x = createNumbers(3 * 37, 1), w(37 * 7);
  for (int64_t k = 0; k < 37; ++k)
    for (int64_t n = 0; n < 7; ++n)
      w[k * 7 + n] = weight.values[n * 37 + k];
  std::vector<float> found =
      jit->call("transposed", {{x.data(), {3, 37}}, {w.data(), {37, 7}}}, 2);
  ASSERT_EQ(found.size(), 21u);
  for (int64_t i = 0; i < 21; ++i)
    EXPECT_NEAR(found[i], dot(x, i / 7, weight, i % 7), 1e-5);
}

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

TEST(Embedding, CountsFromTheEndAndClamps) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, R"mlir(
    #int4 = #lowbit.encoding<int<4>, group = 16, scale = f16>
    !w = !lowbit.tensor<7x37xf32, #int4>
    func.func @rows(%i: tensor<1x?xi64>, %w: !w) -> tensor<1x?x37xf32>
        attributes {llvm.emit_c_interface} {
      %y = lowbit.embedding %i, %w : tensor<1x?xi64>, !w -> tensor<1x?x37xf32>
      return %y : tensor<1x?x37xf32>
    })mlir");
  ASSERT_TRUE(jit);
  Weight weight;
  std::vector<int64_t> indices{3, 0, 6, -1, -7, -8, 7, INT64_MAX, INT64_MIN};
  std::vector<int64_t> expected{3, 0, 6, 6, 0, 0, 6, 6, 0};
  int64_t count = indices.size();
  SmallVector<Array> inputs{{indices.data(), {1, count}}};
  inputs.append(weight.arrays());
  std::vector<float> found = jit->call("rows", inputs, 3);
  ASSERT_EQ(found.size(), size_t(count * 37));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t k = 0; k < 37; ++k)
      EXPECT_EQ(found[i * 37 + k], weight.values[expected[i] * 37 + k])
          << "index " << indices[i];
}

//===----------------------------------------------------------------------===//
// Permutation
//===----------------------------------------------------------------------===//

TEST(Dequantize, FollowsPermutation) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, R"mlir(
    #int4 = #lowbit.encoding<int<4>, group = 16, scale = f16, permuted>
    !w = !lowbit.tensor<7x37xf32, #int4>
    func.func @permuted(%w: !w) -> tensor<7x37xf32>
        attributes {llvm.emit_c_interface} {
      %y = lowbit.dequantize %w : !w -> tensor<7x37xf32>
      return %y : tensor<7x37xf32>
    })mlir");
  ASSERT_TRUE(jit);
  Weight weight;
  std::vector<int32_t> places(37);
  for (int32_t k = 0; k < 37; ++k)
    places[k] = k * 10 % 37;
  SmallVector<Array> inputs = weight.arrays();
  inputs.push_back({places.data(), {37}});
  std::vector<float> found = jit->call("permuted", inputs, 2);
  ASSERT_EQ(found.size(), weight.values.size());
  for (int64_t n = 0; n < 7; ++n)
    for (int64_t k = 0; k < 37; ++k)
      EXPECT_EQ(found[n * 37 + k], weight.values[n * 37 + places[k]]);
}

//===----------------------------------------------------------------------===//
// Quantize
//===----------------------------------------------------------------------===//

/// Three rows of 100 numbers: ordinary ones, a group of zeros, ties, numbers
/// whose scale underflows or overflows half precision.
std::vector<float> createActivations() {
  std::vector<float> numbers = createNumbers(300, 11);
  std::fill_n(numbers.begin() + 100, 48, 0.0f);
  for (int i = 0; i < 48; ++i)
    numbers[148 + i] = i == 0 ? 127 : i - 0.5f;
  std::fill_n(numbers.begin() + 200, 48, 1e-9f);
  numbers[250] = -3e7f;
  return numbers;
}

/// quantize, then dequantize: the definition.
std::vector<float> roundTrip(const std::vector<float> &numbers, int64_t size,
                             bool half, float smallest, float greatest) {
  std::vector<float> result;
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t begin = 0; begin < 100; begin += size) {
      int64_t end = std::min<int64_t>(begin + size, 100);
      const float *x = numbers.data() + row * 100;
      float scale = 0;
      for (int64_t k = begin; k < end; ++k)
        scale = std::fmax(scale, std::fabs(x[k]));
      scale /= greatest;
      if (half)
        scale = numerics::roundToHalf(std::fmin(scale, numerics::maxFloat16));
      for (int64_t k = begin; k < end; ++k) {
        float code = std::nearbyint(x[k] / (scale == 0 ? 1 : scale));
        result.push_back(std::fmin(std::fmax(code, smallest), greatest) *
                         scale);
      }
    }
  return result;
}

TEST(Quantize, EqualsDefinition) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, R"mlir(
    !group = !lowbit.tensor<1x?x?x100xf32, #lowbit.encoding<int<8>, group = 48, scale = f16>>
    !row = !lowbit.tensor<3x100xf32, #lowbit.encoding<int<8, restricted>, channel, scale = f32>>
    !wide = !lowbit.tensor<?x100xf32, #lowbit.encoding<int<16>, group = 25, scale = f32>>
    func.func @group(%x: tensor<1x?x?x100xf32>) -> tensor<1x?x?x100xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x : tensor<1x?x?x100xf32> -> !group
      %y = lowbit.dequantize %q : !group -> tensor<1x?x?x100xf32>
      return %y : tensor<1x?x?x100xf32>
    }
    func.func @row(%x: tensor<3x100xf32>) -> tensor<3x100xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x : tensor<3x100xf32> -> !row
      %y = lowbit.dequantize %q : !row -> tensor<3x100xf32>
      return %y : tensor<3x100xf32>
    }
    func.func @wide(%x: tensor<?x100xf32>) -> tensor<?x100xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x : tensor<?x100xf32> -> !wide
      %y = lowbit.dequantize %q : !wide -> tensor<?x100xf32>
      return %y : tensor<?x100xf32>
    })mlir");
  ASSERT_TRUE(jit);
  std::vector<float> x = createActivations();
  EXPECT_EQ(jit->call("group", {{x.data(), {1, 3, 1, 100}}}, 4),
            roundTrip(x, 48, true, -128, 127));
  EXPECT_EQ(jit->call("row", {{x.data(), {3, 100}}}, 2),
            roundTrip(x, 100, false, -127, 127));
  EXPECT_EQ(jit->call("wide", {{x.data(), {3, 100}}}, 2),
            roundTrip(x, 25, false, -32768, 32639));
}

/// The number of `type` that is nearest to `x`, half to even, within its range.
float roundToFloat8(const llvm::fltSemantics &type, float x) {
  float most = APFloat::getLargest(type).convertToFloat();
  APFloat number(std::isnan(x) ? x : std::fmax(std::fmin(x, most), -most));
  bool losesInfo;
  number.convert(type, APFloat::rmNearestTiesToEven, &losesInfo);
  number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.convertToFloat();
}

/// Every number of both formats, what is halfway between neighbours and next to
/// that, and what is beyond.
TEST(Quantize, RoundsToFloat8) {
  std::unique_ptr<MLIRContext> context = createContext();
  std::unique_ptr<ReferenceJit> jit = compile(*context, R"mlir(
    !e4m3 = !lowbit.tensor<?x8xf32, #lowbit.encoding<float<f8E4M3FN>, channel, scale = f32>>
    !e5m2 = !lowbit.tensor<?x8xf32, #lowbit.encoding<float<f8E5M2>, group = 3, scale = f32>>
    func.func @e4m3(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x scale 1.0 : tensor<?x8xf32> -> !e4m3
      %y = lowbit.dequantize %q : !e4m3 -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    func.func @e5m2(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x scale 1.0 : tensor<?x8xf32> -> !e5m2
      %y = lowbit.dequantize %q : !e5m2 -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    func.func @scaled(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
        attributes {llvm.emit_c_interface} {
      %q = lowbit.quantize %x : tensor<?x8xf32> -> !e4m3
      %y = lowbit.dequantize %q : !e4m3 -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    })mlir");
  ASSERT_TRUE(jit);
  for (auto [name, type] : {std::pair("e4m3", &APFloat::Float8E4M3FN()),
                            std::pair("e5m2", &APFloat::Float8E5M2())}) {
    std::vector<float> numbers{0, INFINITY, NAN, 1e30f, 1e-30f};
    for (unsigned code = 0; code < 127; ++code) {
      float here = APFloat(*type, APInt(8, code)).convertToFloat();
      float next = APFloat(*type, APInt(8, code + 1)).convertToFloat();
      float middle = here + (next - here) / 2;
      if (std::isfinite(middle))
        for (float number : {here, middle, std::nextafter(middle, here),
                             std::nextafter(middle, next)})
          numbers.push_back(number);
    }
    size_t count = numbers.size();
    for (size_t i = 0; i < count; ++i)
      numbers.push_back(-numbers[i]);
    while (numbers.size() % 8)
      numbers.push_back(1);
    std::vector<float> found = jit->call(
        name, {{numbers.data(), {int64_t(numbers.size() / 8), 8}}}, 2);
    ASSERT_EQ(found.size(), numbers.size());
    for (auto [number, result] : llvm::zip_equal(numbers, found)) {
      float expected = roundToFloat8(*type, number);
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(result)) << name;
      else
        EXPECT_EQ(result, expected) << name << " of " << number;
    }
  }
  // A row's largest number is the format's.
  std::vector<float> row = createNumbers(8, 3);
  std::vector<float> found = jit->call("scaled", {{row.data(), {1, 8}}}, 2);
  float largest = 0;
  for (float x : row)
    largest = std::fmax(largest, std::fabs(x));
  float scale = largest / 448;
  for (size_t i = 0; i < row.size(); ++i)
    EXPECT_EQ(found[i],
              roundToFloat8(APFloat::Float8E4M3FN(), row[i] / scale) * scale);
}

} // namespace
