//===- quantize_bench.cpp - speed of quantizing and packing ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One thread, 2048 x 2048 normal weights. Throughput is counted in bytes of
// float weights, so that widths and layouts compare.
//
//===----------------------------------------------------------------------===//

#include "FailedRows.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include <benchmark/benchmark.h>
#include <random>

using namespace lowbit::numerics;

static constexpr int64_t rows = 2048, columns = 2048;

static const std::vector<float> &weights() {
  static const std::vector<float> values = [] {
    std::vector<float> result(rows * columns);
    std::mt19937 generator(1);
    std::normal_distribution<float> normal(0, 0.02f);
    for (float &value : result)
      value = normal(generator);
    return result;
  }();
  return values;
}

/// Groups of `groupSize` columns with scales of 16 bits.
static Encoding grouped(ElementFormat element, int64_t groupSize) {
  Encoding encoding;
  encoding.element = element;
  encoding.granularity = Granularity::Group;
  encoding.groupSize = groupSize;
  encoding.scale = ScaleFormat::F16;
  return encoding;
}

static Encoding symmetric(unsigned width, int64_t groupSize) {
  return grouped({width, IntegerKind::Signed}, groupSize);
}

static Encoding withMinimum(unsigned width, int64_t groupSize) {
  Encoding encoding = grouped({width, IntegerKind::Unsigned}, groupSize);
  encoding.hasMinimum = true;
  return encoding;
}

static void countWeights(benchmark::State &state) {
  state.SetBytesProcessed(state.iterations() * rows * columns * 4);
}

static void quantizeBench(benchmark::State &state, Encoding encoding,
                          ScaleSearch search) {
  QuantizedMatrix matrix;
  QuantizeOptions options;
  options.search = search;
  for (auto _ : state)
    if (Status status = quantize(weights().data(), rows, columns, encoding,
                                 options, matrix);
        !status.ok())
      lowbit::bench::failRow(state, status.message);
  countWeights(state);
}

BENCHMARK_CAPTURE(quantizeBench, int4_g32_absmax, symmetric(4, 32),
                  ScaleSearch::AbsMax);
BENCHMARK_CAPTURE(quantizeBench, int4_g32_mse, symmetric(4, 32),
                  ScaleSearch::MeanSquaredError);
BENCHMARK_CAPTURE(quantizeBench, uint4_minimum_g32_absmax, withMinimum(4, 32),
                  ScaleSearch::AbsMax);
BENCHMARK_CAPTURE(quantizeBench, uint4_minimum_g32_mse, withMinimum(4, 32),
                  ScaleSearch::MeanSquaredError);
BENCHMARK_CAPTURE(quantizeBench, uint2_minimum_g64_mse, withMinimum(2, 64),
                  ScaleSearch::MeanSquaredError);

/// The values of E2M1, to measure rounding to a table.
static Encoding table(int64_t groupSize) {
  Encoding encoding = symmetric(4, groupSize);
  CodeTable values{4, 4, 1, {}};
  for (float sign : {1.0f, -1.0f})
    for (float value : {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f})
      values.values.push_back(sign * value);
  encoding.element = std::make_shared<const CodeTable>(values);
  return encoding;
}

BENCHMARK_CAPTURE(quantizeBench, e2m1_g32_absmax, table(32),
                  ScaleSearch::AbsMax);
BENCHMARK_CAPTURE(quantizeBench, e2m1_g32_mse, table(32),
                  ScaleSearch::MeanSquaredError);

/// The second moment of inputs of which an eighth is common to all columns.
static std::vector<float> hessian() {
  std::vector<float> result(columns * columns, 0.125f);
  for (int64_t k = 0; k < columns; ++k)
    result[k * columns + k] = 1 + 0.001f * static_cast<float>(k % 97);
  return result;
}

/// Error feedback, factoring the second moment included.
static void feedbackBench(benchmark::State &state, int sweeps) {
  std::vector<float> moment = hessian();
  FeedbackOptions options;
  options.sweeps = sweeps;
  QuantizedMatrix matrix;
  std::vector<int32_t> permutation;
  for (auto _ : state)
    if (Status status = quantizeWithFeedback(weights().data(), rows, columns,
                                             symmetric(4, 128), moment.data(),
                                             options, 1, matrix, permutation);
        !status.ok())
      lowbit::bench::failRow(state, status.message);
  countWeights(state);
}

BENCHMARK_CAPTURE(feedbackBench, int4_g128, 0)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(feedbackBench, int4_g128_two_sweeps, 2)
    ->Unit(benchmark::kMillisecond);

static void packBench(benchmark::State &state, Layout layout, unsigned width) {
  Encoding encoding = symmetric(width, 32);
  QuantizedMatrix matrix;
  if (!quantize(weights().data(), rows, columns, encoding,
                {ScaleSearch::AbsMax, nullptr}, matrix)
           .ok())
    lowbit::bench::failRow(state, "weights could not be quantized");
  Packer packer(BoundLayout(layout, encoding, rows, columns));
  for (auto _ : state)
    benchmark::DoNotOptimize(packer.pack(matrix));
  countWeights(state);
}

/// Both, one after the other, as the passes do it for a layer.
static void quantizeAndPackBench(benchmark::State &state, ScaleSearch search) {
  Encoding encoding = symmetric(4, 32);
  QuantizeOptions options;
  options.search = search;
  Packer packer(BoundLayout(planes(4), encoding, rows, columns));
  QuantizedMatrix matrix;
  for (auto _ : state) {
    if (Status status = quantize(weights().data(), rows, columns, encoding,
                                 options, matrix);
        !status.ok())
      lowbit::bench::failRow(state, status.message);
    benchmark::DoNotOptimize(packer.pack(matrix));
  }
  countWeights(state);
}

BENCHMARK_CAPTURE(quantizeAndPackBench, int4_g32_mse,
                  ScaleSearch::MeanSquaredError);
BENCHMARK_CAPTURE(quantizeAndPackBench, int4_g32_absmax, ScaleSearch::AbsMax);

BENCHMARK_CAPTURE(packBench, dense_3, Layout::dense(3), 3);
BENCHMARK_CAPTURE(packBench, dense_4, Layout::dense(4), 4);
BENCHMARK_CAPTURE(packBench, planes_2, planes(2, 64), 2);
BENCHMARK_CAPTURE(packBench, planes_3, planes(3), 3);
BENCHMARK_CAPTURE(packBench, planes_4, planes(4), 4);
BENCHMARK_CAPTURE(packBench, planes_8, planes(8), 8);
BENCHMARK_CAPTURE(packBench, gptq_4, gptq(4), 4);
