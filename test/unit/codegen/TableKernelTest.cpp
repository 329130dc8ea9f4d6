//===- TableKernelTest.cpp - kernels of codes that are looked up ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Formats whose numbers are tables, and scales in every format, against the
// numerics library: on this machine in every form of activations, and in every
// other row of the table of CPUs, which look bytes up in a way of their own.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "codegen/cpu/kernels/CodeDigits.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;
using numerics::ScaleFormat;

namespace {

/// A format as an encoding's assembly has it.
numerics::ElementFormat parseFormat(const std::string &text) {
  mlir::MLIRContext context;
  context.loadDialect<LowbitDialect>();
  auto encoding = mlir::cast<EncodingAttr>(
      mlir::parseAttribute("#lowbit.encoding<" + text + ">", &context));
  return encoding.getElement().getNumerics();
}

std::string printCodebook(const std::vector<float> &numbers) {
  std::string text;
  for (float number : numbers)
    text += (text.empty() ? "" : ", ") + llvm::formatv("{0:e8}", number).str();
  return "codebook<dense<[" + text + "]> : tensor<" +
         std::to_string(numbers.size()) + "xf32>>";
}

/// Any numbers: a table of `bits` bits without a pattern.
std::string printRandom(unsigned bits) {
  return printCodebook(createNumbers(1 << bits, 100 + bits));
}

/// A table of 2^`bits` vectors.
std::string printVectors(unsigned bits, unsigned values) {
  std::string text;
  std::vector<float> numbers = createNumbers(values << bits, 200 + values);
  for (auto [i, number] : llvm::enumerate(numbers))
    text += (i % values ? ", "
             : i        ? "], ["
                        : "") +
            llvm::formatv("{0:e8}", number).str();
  return llvm::formatv("codebook<dense<[[{0}]]> : tensor<{1}x{2}xf32>>", text,
                       1 << bits, values);
}

struct Format {
  const char *name;
  std::string text;
};

/// Widths 1 to 8, exact in one digit and in none, with infinities and NaNs.
std::vector<Format> getFormats() {
  return {{"Random1", printRandom(1)},
          {"Ternary", printCodebook({-1, 0, 1, 0})},
          {"Uneven2", printCodebook({-1, 0, 0.5f, 1})},
          {"Random3", printRandom(3)},
          {"E2M1", "float<f4E2M1FN>"},
          {"Random4", printRandom(4)},
          {"Random5", printRandom(5)},
          {"E2M2", "#lowbit.minifloat<e2m2>"},
          {"E2M3", "float<f6E2M3FN>"},
          {"E3M2", "float<f6E3M2FN>"},
          {"Random7", printRandom(7)},
          {"E4M3", "float<f8E4M3FN>"},
          {"E5M2", "float<f8E5M2>"},
          {"Random8", printRandom(8)},
          {"Pairs4", printVectors(4, 2)},
          {"Pairs8", printVectors(8, 2)},
          {"Fours8", printVectors(8, 4)},
          {"Eights8", printVectors(8, 8)}};
}

constexpr int64_t kGroups[] = {32, 0, 20, 300, -1, 16};
constexpr int64_t kRows[] = {64, 33, 1, 15};
constexpr int64_t kColumns[] = {130, 333, 96, 1, 31};
constexpr ScaleFormat kScales[] = {ScaleFormat::E8M0, ScaleFormat::F16,
                                   ScaleFormat::BF16, ScaleFormat::F32,
                                   ScaleFormat::E4M3};

/// `count` layers of a format; `turn` deals shapes, groups and scales.
std::vector<LayerSpec> createLayers(const numerics::ElementFormat &element,
                                    unsigned turn, unsigned count) {
  std::vector<LayerSpec> layers;
  for (unsigned i = turn; i < turn + count; ++i) {
    int64_t group = kGroups[i % std::size(kGroups)];
    // A group holds whole steps of four codes.
    if (group > 0 && element.valuesPerCode() == 8)
      group = 32;
    LayerSpec layer;
    layer.encoding.element = element;
    layer.encoding.granularity = group < 0    ? Granularity::Tensor
                                 : group == 0 ? Granularity::Channel
                                              : Granularity::Group;
    layer.encoding.groupSize = std::max<int64_t>(group, 0);
    layer.encoding.scale = kScales[(i + i / 5) % std::size(kScales)];
    layer.rows = kRows[i % std::size(kRows)];
    // A row holds whole codes.
    int64_t columns = kColumns[(i + i / 6) % std::size(kColumns)];
    layer.columns = llvm::alignTo(columns, element.valuesPerCode());
    layer.hasBias = i % 2;
    layer.hasResidual = i % 3 == 0;
    layers.push_back(std::move(layer));
  }
  return layers;
}

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

class TableKernel : public testing::TestWithParam<size_t> {
protected:
  static std::vector<LayerSpec> layers(unsigned turn, unsigned count) {
    return createLayers(parseFormat(getFormats()[GetParam()].text),
                        7 * GetParam() + turn, count);
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, TableKernel,
                         testing::Range(size_t(0), getFormats().size()),
                         [](const auto &info) {
                           return std::string(getFormats()[info.param].name);
                         });

TEST_P(TableKernel, SixteenBitActivations) {
  checkLayers(layers(0, 2), {}, kTolerance16);
}

TEST_P(TableKernel, EightBitActivations) {
  checkLayers(quantizeInputs(layers(3, 1)), {}, kTolerance8);
}

TEST_P(TableKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  checkLayers(layers(4, 1), floats, kToleranceFloat);
}

/// Integers, too, have scales of 8 bits (MXINT8) and bfloat16.
TEST(TableKernel, ScalesOfIntegers) {
  std::vector<LayerSpec> layers =
      createLayers({8, numerics::IntegerKind::Signed}, 0, std::size(kScales));
  layers[1].encoding.element = {4, numerics::IntegerKind::Unsigned};
  checkLayers(layers, {}, kTolerance16);
}

/// One factor for the tensor (NVFP4), or for each row.
TEST(TableKernel, OuterScales) {
  std::vector<LayerSpec> layers =
      createLayers(parseFormat("float<f4E2M1FN>"), 0, 4);
  for (auto [i, layer] : llvm::enumerate(layers)) {
    layer.encoding.granularity = Granularity::Group;
    layer.encoding.groupSize = 16;
    layer.encoding.scale = ScaleFormat::E4M3;
    layer.encoding.outer =
        i % 2 ? numerics::OuterScale::Channel : numerics::OuterScale::Tensor;
  }
  checkLayers(layers, {}, kTolerance16);
}

//===----------------------------------------------------------------------===//
// Every other row of the table of CPUs
//===----------------------------------------------------------------------===//

class TableTarget : public OtherTarget {
protected:
  static std::vector<LayerSpec> layers(unsigned turn,
                                       const std::vector<std::string> &texts) {
    std::vector<LayerSpec> some;
    for (const std::string &text : texts)
      llvm::append_range(some, createLayers(parseFormat(text), turn++, 1));
    return some;
  }
};

INSTANTIATE_TEST_SUITE_P(Targets, TableTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(TableTarget, SixteenBitActivations) {
  checkLayers(layers(0, {"float<f4E2M1FN>", printRandom(5), "float<f8E4M3FN>",
                         printVectors(4, 2)}),
              options(), kTolerance16);
}

TEST_P(TableTarget, EightBitActivations) {
  checkLayers(quantizeInputs(layers(3, {printRandom(2), printRandom(7)})),
              options(), kTolerance8);
}

/// One scale for a row of weights, or for all of them, and one for a token:
/// tiles add up digits of several segments before they are joined.
TEST_P(TableTarget, ScalesOfTokens) {
  std::vector<LayerSpec> some =
      quantizeInputs(layers(1, {printRandom(4), "float<f8E4M3FN>"}));
  for (LayerSpec &layer : some) {
    layer.encoding.groupSize = 0;
    layer.columns = 333;
    layer.scalesPerToken = true;
  }
  some[0].encoding.granularity = Granularity::Channel;
  some[1].encoding.granularity = Granularity::Tensor;
  checkLayers(some, options(), kTolerance8, {0, 1, 3, 35});
}

TEST_P(TableTarget, FloatActivations) {
  CompileOptions floats = options();
  floats.floatActivations = true;
  checkLayers(layers(6, {"float<f8E5M2>"}), floats, kToleranceFloat);
}

//===----------------------------------------------------------------------===//
// Digits
//===----------------------------------------------------------------------===//

cpu::CodeDigits getDigits(const std::string &text, bool isSigned = false,
                          Granularity granularity = Granularity::Channel) {
  numerics::Encoding encoding;
  encoding.element = parseFormat(text);
  encoding.granularity = granularity;
  return cpu::findCodeDigits(encoding, isSigned);
}

/// The numbers that the digits stand for, and the largest difference from those
/// of the format, as a part of the largest.
double getError(const std::string &text, bool isSigned,
                Granularity granularity) {
  cpu::CodeDigits digits = getDigits(text, isSigned, granularity);
  numerics::ElementFormat element = parseFormat(text);
  double error = 0, largest = 0;
  for (auto [i, truth] : llvm::enumerate(element.table()->values)) {
    double number = 0;
    for (const std::vector<int8_t> &bytes : digits.bytes) {
      int byte = isSigned ? bytes[i] : uint8_t(bytes[i]);
      EXPECT_LE(std::abs(byte), digits.largest);
      number = 256 * number + byte - digits.offset;
    }
    if (!std::isfinite(truth))
      continue;
    error = std::fmax(error, std::fabs(number * digits.step - truth));
    largest = std::fmax(largest, std::fabs(truth));
  }
  return error / largest;
}

TEST(CodeDigits, WriteTheNumbersOfAFormat) {
  for (const Format &format : getFormats())
    for (bool isSigned : {false, true})
      for (Granularity granularity :
           {Granularity::Channel, Granularity::Tensor}) {
        bool isExact = getDigits(format.text, isSigned, granularity).isExact;
        EXPECT_LE(getError(format.text, isSigned, granularity),
                  isExact                              ? 1e-7
                  : granularity == Granularity::Tensor ? 0x1p-22
                                                       : 0x1p-15)
            << format.name;
      }
}

TEST(CodeDigits, AreAsFewAsTheNumbersTake) {
  // In halves, up to 12, so that 16 makes them positive.
  cpu::CodeDigits e2m1 = getDigits("float<f4E2M1FN>");
  EXPECT_EQ(e2m1.bytes.size(), 1u);
  EXPECT_EQ(e2m1.step, 0.5f);
  EXPECT_EQ(e2m1.offset, 16);
  EXPECT_EQ(e2m1.largest, 28u);
  EXPECT_EQ(getDigits("float<f4E2M1FN>", true).offset, 0);
  EXPECT_EQ(getDigits("float<f4E2M1FN>", true).largest, 12u);
  // In eighths, up to 60; in sixteenths, up to 448.
  EXPECT_EQ(getDigits("float<f6E2M3FN>").bytes.size(), 1u);
  EXPECT_EQ(getDigits("float<f6E3M2FN>").bytes.size(), 2u);
  EXPECT_TRUE(getDigits("float<f6E3M2FN>").isExact);
  // Thirds are not exact in binary, but as exact as numbers of f32.
  EXPECT_EQ(getDigits(printCodebook({-1, -1.f / 3, 1.f / 3, 1})).bytes.size(),
            1u);
  // E4M3 spans 18 bits: rows have scales of their own, or three digits.
  EXPECT_EQ(getDigits("float<f8E4M3FN>").bytes.size(), 2u);
  cpu::CodeDigits three =
      getDigits("float<f8E4M3FN>", false, Granularity::Tensor);
  EXPECT_EQ(three.bytes.size(), 3u);
  EXPECT_TRUE(three.isExact);
}

} // namespace
