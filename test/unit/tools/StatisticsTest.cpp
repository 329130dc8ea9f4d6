//===- StatisticsTest.cpp - statistics files ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Statistics.h"
#include "TestSupport.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Safetensors.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using lowbit::testing::TemporaryFolder;

namespace {

template <typename T>
HostTensor makeTensor(ElementType type, llvm::ArrayRef<int64_t> shape,
                      llvm::ArrayRef<T> values) {
  HostTensor tensor = HostTensor::allocate(type, shape);
  llvm::copy(values, tensor.getMutableAs<T>().begin());
  return tensor;
}

/// Statistics of `rows` rows of two columns, in which `value` occurs.
CalibrationStatistics makeStatistics(uint64_t rows, float value) {
  CalibrationStatistics statistics;
  statistics.provenance = {"m", "d", "samples=1", "columns"};
  StatisticsRecord &record = statistics.records.emplace_back();
  record.name = "fc";
  record.layers = {"fc", "other"};
  record.rows = rows;
  record.samples = 1;
  record.columns = 2;
  record.components["minimum"] =
      makeTensor<float>(ElementType::F32, {2}, {-value, 0});
  record.components["mean_square"] =
      makeTensor<double>(ElementType::F64, {2}, {value, 1});
  record.components["second_moment"] =
      makeTensor<float>(ElementType::F32, {2, 2}, {value, 0, 0, 1});
  numerics::Histogram histogram;
  histogram.add(&value, 1);
  record.components["histogram"] = makeTensor<uint64_t>(
      ElementType::U64, {numerics::Histogram::kBins}, histogram.counts());
  record.components["histogram_limit"] =
      makeTensor<double>(ElementType::F64, {1}, {histogram.limit()});
  return statistics;
}

TEST(Statistics, AreReadAsTheyWereWritten) {
  TemporaryFolder folder;
  std::string path = folder / "a.stats";
  ASSERT_FALSE(bool(writeStatistics(path, makeStatistics(3, 5))));
  auto read = readStatistics(path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->provenance.options, "samples=1");
  ASSERT_EQ(read->records.size(), 1u);
  const StatisticsRecord &record = read->records.front();
  EXPECT_EQ(record.layers, (std::vector<std::string>{"fc", "other"}));
  EXPECT_EQ(record.rows, 3u);
  EXPECT_EQ(record.lookup("mean_square")->getAs<double>()[0], 5);
  EXPECT_EQ(record.getHistogram()->limit(), 8);
  EXPECT_EQ(record.lookup("nothing"), nullptr);
}

TEST(Statistics, ColumnsAreMergedOneByOne) {
  auto make = [](float first, float second, const char *data) {
    CalibrationStatistics statistics = makeStatistics(1, 4);
    statistics.provenance.data = data;
    auto &parts = statistics.records.front().components;
    std::vector<uint64_t> counts;
    std::vector<double> limits, moving;
    for (float value : {first, second}) {
      numerics::Histogram histogram(numerics::Histogram::kColumnBins);
      histogram.add(&value, 1);
      llvm::append_range(counts, histogram.counts());
      limits.push_back(histogram.limit());
      moving.insert(moving.end(), 2, value);
    }
    parts["column_histogram"] =
        makeTensor<uint64_t>(ElementType::U64, {2, 512}, counts);
    parts["column_histogram_limit"] =
        makeTensor<double>(ElementType::F64, {2}, limits);
    parts["column_moving_range"] =
        makeTensor<double>(ElementType::F64, {2, 2}, moving);
    return statistics;
  };
  auto merged = mergeStatistics({make(3, 1, "d"), make(5, 1, "e")});
  ASSERT_TRUE(bool(merged)) << llvm::toString(merged.takeError());
  const StatisticsRecord &record = merged->records.front();
  std::vector<numerics::Histogram> columns = record.getColumnHistograms();
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_EQ(columns[0].limit(), 8);
  EXPECT_EQ(columns[0].total(), 2u);
  EXPECT_EQ(columns[1].limit(), 2);
  EXPECT_EQ(record.lookup("column_moving_range")->getAs<double>()[0], 4);
}

TEST(Statistics, MergingWeighsByRows) {
  CalibrationStatistics more = makeStatistics(3, 100);
  more.provenance.data = "e";
  auto merged = mergeStatistics({makeStatistics(1, 4), more});
  ASSERT_TRUE(bool(merged)) << llvm::toString(merged.takeError());
  const StatisticsRecord &record = merged->records.front();
  EXPECT_EQ(record.rows, 4u);
  EXPECT_EQ(record.samples, 2u);
  EXPECT_EQ(record.lookup("minimum")->getAs<float>()[0], -100);
  EXPECT_EQ(record.lookup("mean_square")->getAs<double>()[0], 76);
  EXPECT_EQ(record.lookup("second_moment")->getAs<float>()[0], 76);
  EXPECT_EQ(record.getHistogram()->limit(), 128);
  EXPECT_EQ(record.getHistogram()->total(), 2u);
  EXPECT_EQ(merged->provenance.data, "d+e");
}

/// Statistics of gradients, whose rows have these squares.
CalibrationStatistics makeGradients(llvm::StringRef data,
                                    llvm::ArrayRef<float> squares) {
  CalibrationStatistics statistics;
  statistics.provenance = {"m", data.str(), "samples=1", "gradients"};
  StatisticsRecord &record = statistics.records.emplace_back();
  record.name = "fc.gradient";
  record.layers = {"fc"};
  record.rows = squares.size();
  record.samples = 1;
  record.columns = 2;
  record.components["gradient_rows"] = makeTensor<float>(
      ElementType::F32, {int64_t(squares.size()), 1}, squares);
  return statistics;
}

TEST(Statistics, MergingPutsRowsOneBehindTheOther) {
  auto merged =
      mergeStatistics({makeGradients("d", {1, 2}), makeGradients("e", {3}),
                       makeGradients("f", {4, 5})});
  ASSERT_TRUE(bool(merged)) << llvm::toString(merged.takeError());
  const HostTensor *rows = merged->records.front().lookup("gradient_rows");
  EXPECT_EQ(rows->getAs<float>(), (llvm::ArrayRef<float>{1, 2, 3, 4, 5}));
  EXPECT_EQ(rows->getShape(), (llvm::ArrayRef<int64_t>{5, 1}));
}

std::string mergeError(const CalibrationStatistics &a,
                       const CalibrationStatistics &b) {
  return llvm::toString(mergeStatistics({a, b}).takeError());
}

TEST(Statistics, MergingRefusesOtherThings) {
  CalibrationStatistics a = makeStatistics(1, 4), b = a;
  EXPECT_EQ(mergeError(a, b),
            "merging requires statistics of different data, found those of d "
            "twice: their samples would count twice");
  a.provenance.data = "c";
  b.provenance.model = "n";
  EXPECT_EQ(mergeError(a, b), "merging requires statistics of one model, found "
                              "those of m and n");
  b = a;
  b.provenance.data = "d";
  b.records.clear();
  EXPECT_EQ(mergeError(a, b),
            "merging requires the same records, found 1 and 0");
  b = a;
  b.provenance.data = "d";
  b.records[0].layers.pop_back();
  EXPECT_EQ(mergeError(a, b),
            "statistics of one model must have the same records, found 'fc' "
            "and 'fc' with other layers, columns or components");
  a.records[0].components["fisher"] = b.records[0].components["minimum"];
  b = a;
  b.provenance.data = "d";
  EXPECT_EQ(mergeError(a, b), "component 'fisher' of 'fc' is not known here, "
                              "and cannot be merged");
  EXPECT_EQ(llvm::toString(mergeStatistics({}).takeError()),
            "merging requires at least one statistics file");
}

/// What reading says of a file with these records, of which one has two minima,
/// 1 and `second`.
std::string readError(const std::string &records, float second = 2,
                      bool isSigned = true) {
  TemporaryFolder folder;
  std::string path = folder / "a.stats";
  float values[] = {1, second};
  auto output = AtomicOutput::create(path);
  EXPECT_TRUE(bool(output));
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(values), 8);
  std::vector<SafetensorsEntry> entries = {
      {"fc.minimum", ElementType::F32, {2}, bytes}};
  std::map<std::string, std::string> metadata = {
      {"format", "lowbit.statistics 2"}, {"records", records}};
  if (isSigned)
    metadata["checksum"] = computeChecksum(metadata, entries);
  EXPECT_TRUE(bool(writeSafetensors(*output, entries, metadata)));
  EXPECT_FALSE(bool(output->commit()));
  std::string text = llvm::toString(readStatistics(path).takeError());
  return text.empty() ? text : text.substr(text.find(": ") + 2);
}

TEST(Statistics, DamagedFilesAreRefused) {
  EXPECT_EQ(readError("3"), "'records' must be a list");
  EXPECT_EQ(readError("[{\"name\": \"fc\"}]"),
            "a record requires a name, layers, rows, samples, columns and "
            "components");
  std::string fields = "\"name\":\"fc\",\"layers\":[\"fc\"],\"rows\":1,"
                       "\"samples\":1,\"columns\":";
  EXPECT_EQ(readError("[{" + fields + "2,\"components\":[\"minimum\"]}]"), "");
  EXPECT_EQ(readError("[{" + fields + "2,\"components\":[\"mean\"]}]"),
            "the tensor 'fc.mean' of a record is missing");
  EXPECT_EQ(readError("[{" + fields + "3,\"components\":[\"minimum\"]}]"),
            "tensor 'fc.minimum': requires 3xf32, found 2xf32");
  std::string good = "[{" + fields + "2,\"components\":[\"minimum\"]}]";
  EXPECT_EQ(readError(good, /*second=*/NAN),
            "tensor 'fc.minimum': requires finite numbers, found nan at 1");
  EXPECT_EQ(readError(good, 2, /*isSigned=*/false),
            "is damaged: its bytes do not match their checksum; remove it and "
            "calibrate again");
}

} // namespace
