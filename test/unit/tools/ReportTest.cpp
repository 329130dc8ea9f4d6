//===- ReportTest.cpp - reports on what no small model has ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Report.h"
#include "lowbit/Tools/Bounds.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace lowbit;

namespace {

std::string print(const Report &report, ReportForm form) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printReport(report, form, os);
  return text;
}

/// A layer of 4 x 8 weights whose error is exact in decimal.
ReportLayer makeLayer(std::string name, uint64_t bytes) {
  ReportLayer layer;
  layer.name = std::move(name);
  layer.kind = "linear";
  layer.rows = 4;
  layer.columns = 8;
  layer.encoding = "#lowbit.encoding<int<4>, channel, scale = f16>";
  layer.isQuantized = true;
  layer.isInteger = true;
  layer.codeBits = 4;
  layer.bytes = bytes;
  layer.sourceBytes = 128;
  layer.kernel = "16-bit activations";
  layer.error = WeightError{0.5, 3.0, 0.75, 2.0};
  return layer;
}

} // namespace

TEST(Report, CountsBitsOfLowBitWeightsAlone) {
  Report report;
  report.layers = {makeLayer("a", 16), makeLayer("b", 24)};
  ReportLayer head = makeLayer("head", 128);
  head.isQuantized = false;
  report.layers.push_back(head);
  EXPECT_EQ(report.getBitsPerWeight(), 8.0 * 40 / 64);
  report.layers = {head};
  EXPECT_EQ(report.getBitsPerWeight(), 32.0);
  report.layers.clear();
  EXPECT_EQ(report.getBitsPerWeight(), 0.0);
}

TEST(Report, EmptyReportsPrint) {
  for (ReportForm form : {ReportForm::Text, ReportForm::JSON, ReportForm::HTML})
    EXPECT_FALSE(print({}, form).empty());
}

TEST(Report, NamesCannotBreakThePage) {
  Report report;
  report.model = "<script>\"&'\xff";
  report.layers = {makeLayer("</td><b>\x01", 16)};
  report.remarks = {"a < b"};
  std::string page = print(report, ReportForm::HTML);
  EXPECT_EQ(page.find("<script>\""), std::string::npos);
  EXPECT_EQ(page.find("</td><b>"), std::string::npos);
  EXPECT_NE(page.find("a &lt; b"), std::string::npos);
  EXPECT_TRUE(llvm::json::isUTF8(page));
}

TEST(Report, NumbersThatJSONLacksAreNull) {
  Report report;
  report.layers = {makeLayer("a", 16)};
  report.layers[0].error->snr = std::nullopt;
  report.layers[0].divergence = std::numeric_limits<double>::infinity();
  llvm::Expected<llvm::json::Value> value =
      llvm::json::parse(print(report, ReportForm::JSON));
  ASSERT_TRUE(bool(value));
  const llvm::json::Object &layer =
      *(*value->getAsObject()->getArray("layers"))[0].getAsObject();
  EXPECT_TRUE(layer.getObject("error")->get("snr_db")->getAsNull());
  EXPECT_TRUE(layer.get("kl")->getAsNull());
}

TEST(Report, ShowsWhatThereWasToChooseFrom) {
  Report report;
  report.pareto = {{2.0, 0.5, false}, {3.0, 0.05, true}, {4.0, 0.0, false}};
  report.paretoError = "estimated divergence";
  std::string page = print(report, ReportForm::HTML);
  EXPECT_NE(page.find("Size against error"), std::string::npos);
  EXPECT_NE(page.find("class=\"ring\""), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_NE(print(report, ReportForm::JSON).find("\"chosen\": true"),
            std::string::npos);
}

TEST(Report, RanksAMoreUsefulBitFirst) {
  Report report;
  report.layers = {makeLayer("a", 16), makeLayer("b", 16)};
  report.layers[0].oneMoreBit = OneMoreBit{0.125, 4, std::nullopt};
  report.layers[1].oneMoreBit = OneMoreBit{0.125, 2, std::nullopt};
  std::string text = print(report, ReportForm::Text);
  size_t section = text.find("one more bit");
  ASSERT_NE(section, std::string::npos);
  EXPECT_LT(text.find("\nb ", section), text.find("\na ", section));
}

TEST(Bounds, AreReadWithUnits) {
  auto bounds = parseBounds("perplexity<1.02x, kl<0.01,size<6MB,latency<2.5ms");
  ASSERT_TRUE(bool(bounds));
  ASSERT_EQ(bounds->size(), 4u);
  EXPECT_TRUE((*bounds)[0].isRelative);
  EXPECT_EQ((*bounds)[1].text, "kl<0.01");
  EXPECT_EQ((*bounds)[2].limit, 6e6);
  EXPECT_DOUBLE_EQ((*bounds)[3].limit, 2.5e-3);
}

TEST(Bounds, NaNPassesNone) {
  auto bounds = parseBounds("kl<1,top1>0");
  ASSERT_TRUE(bool(bounds));
  for (const Bound &bound : *bounds)
    EXPECT_FALSE(checkBound(bound, std::nan(""), std::nullopt).passed);
}

TEST(Bounds, DefaultsFollowTheWidth) {
  auto limit = [](unsigned bits, bool isInteger, llvm::StringRef recipe) {
    ReportLayer layer = makeLayer("a", 16);
    layer.codeBits = bits;
    layer.isInteger = isInteger;
    llvm::Expected<Bound> bound = getDefaultBound({layer}, recipe);
    if (bound)
      return bound->limit;
    llvm::consumeError(bound.takeError());
    return 0.0;
  };
  EXPECT_EQ(limit(8, true, ""), 1.02);
  EXPECT_EQ(limit(8, false, ""), 1.01);
  EXPECT_EQ(limit(6, true, ""), 1.03);
  EXPECT_EQ(limit(4, true, ""), 1.05);
  EXPECT_EQ(limit(4, true, "quantize=gptq-int4"), 1.03);
  EXPECT_EQ(limit(3, true, ""), 0.0);
}
