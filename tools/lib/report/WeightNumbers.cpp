//===- WeightNumbers.cpp - how well codes stand for weights ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows are read in blocks, which threads share; each block has sums of its own
// that are added in the order of the blocks, so that the figures don't depend
// on the number of threads.
//
//===----------------------------------------------------------------------===//

#include "WeightNumbers.h"
#include "lowbit/Numerics/Quantizer.h"
#include "mlir/IR/Threading.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

/// Enough bins to show a gap between codes of 5 bits.
static constexpr size_t kBins = 64;
/// Positions of more codes than this say nothing.
static constexpr size_t kMostCodes = 64;
/// Weights of a block.
static constexpr int64_t kBlockWeights = 1 << 16;

namespace {

/// Sums over some rows.
struct Sums {
  double error = 0.0, square = 0.0, stored = 0.0, product = 0.0, largest = 0.0;
  /// Squared errors of rounding to nearest at the weight's width and at one
  /// more.
  double rounded = 0.0, finer = 0.0;
  std::vector<uint64_t> counts = std::vector<uint64_t>(kBins);
  uint64_t clipped = 0;

  void add(const Sums &other) {
    error += other.error;
    square += other.square;
    stored += other.stored;
    product += other.product;
    largest = std::max(largest, other.largest);
    rounded += other.rounded;
    finer += other.finer;
    for (size_t i = 0; i < kBins; ++i)
      counts[i] += other.counts[i];
    clipped += other.clipped;
  }
};

/// The numbers that an element format has, and the range that shows them.
struct CodeRange {
  std::vector<double> codes;
  double first = 0.0, last = 0.0, halfStep = 0.0;

  explicit CodeRange(const numerics::ElementFormat &format) {
    std::vector<double> numbers;
    if (format.parts())
      for (const numerics::ColumnPart &part : *format.parts())
        addNumbers(part.format, numbers);
    else
      addNumbers(format, numbers);
    llvm::sort(numbers);
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    double least = numbers.front(), most = numbers.back();
    bool isScalar =
        format.valuesPerCode() == 1 && format.windowBits() == format.codeBits();
    halfStep = numbers.size() > 1
                   ? (most - least) / double(numbers.size() - 1) / 2
                   : 0.5;
    first = least - std::max(halfStep, (most - least) / 16);
    last = most + std::max(halfStep, (most - least) / 16);
    if (isScalar && numbers.size() <= kMostCodes)
      codes = std::move(numbers);
    if (last <= first)
      last = first + 1.0;
  }

private:
  static void addNumbers(const numerics::ElementFormat &format,
                         std::vector<double> &numbers) {
    size_t count = size_t(1) << format.windowBits();
    for (size_t window = 0; window < count; ++window)
      for (unsigned i = 0; i < format.valuesPerCode(); ++i)
        if (double number = format.decode(window, i); std::isfinite(number))
          numbers.push_back(number);
  }
};

/// One weight's rows next to what they should be.
class Comparison {
public:
  Comparison(const QuantizedWeight &weight, const WeightPart &part,
             const ConstantMatrix &expected)
      : weight(weight), matrix(weight.getMatrix()), part(part),
        expected(expected), plain(numerics::expandedEncoding(matrix.encoding)),
        range(plain.element) {
    columnScales.assign(matrix.columns, 1);
    if (matrix.columnScale)
      numerics::dequantize(*matrix.columnScale, columnScales.data());
    const numerics::IntegerFormat *integer = matrix.encoding.element.integer();
    hasFiner = integer && integer->width < 8 && !matrix.columnScale &&
               matrix.encoding.granularity != numerics::Granularity::Tensor;
    if (!hasFiner)
      return;
    finer = plain;
    finer.element = numerics::ElementFormat(integer->width + 1, integer->kind);
  }

  Sums run(int64_t first, int64_t end) const {
    Sums sums;
    std::vector<float> wanted = expected.readRows(first, end);
    std::vector<float> found(matrix.columns);
    for (int64_t row = first; row < end; ++row) {
      const float *numbers = wanted.data() + (row - first) * matrix.columns;
      int64_t place = part.first + row * part.step;
      weight.readRow(place, found.data());
      addRow(numbers, found.data(), sums);
      countRow(numbers, place, sums);
    }
    if (hasFiner) {
      sums.rounded = round(wanted, plain);
      sums.finer = round(wanted, finer);
    }
    return sums;
  }

  const CodeRange &getRange() const { return range; }
  bool knowsFiner() const { return hasFiner; }

private:
  void addRow(const float *wanted, const float *found, Sums &sums) const {
    for (int64_t k = 0; k < matrix.columns; ++k) {
      double a = wanted[k], b = found[k], difference = a - b;
      sums.error += difference * difference;
      sums.square += a * a;
      sums.stored += b * b;
      sums.product += a * b;
      sums.largest = std::max(sums.largest, std::fabs(difference));
    }
  }

  /// Counts each weight where it lies in units of its group's scale.
  void countRow(const float *wanted, int64_t row, Sums &sums) const {
    const numerics::Encoding &encoding = matrix.encoding;
    int64_t groups = encoding.groupCount(matrix.columns);
    int64_t size = encoding.columnsPerGroup(matrix.columns);
    double width = (range.last - range.first) / double(kBins);
    double least = range.first, most = range.last;
    if (!range.codes.empty()) {
      least = range.codes.front() - range.halfStep;
      most = range.codes.back() + range.halfStep;
    }
    for (int64_t k = 0; k < matrix.columns; ++k) {
      int64_t group = weight.getStoredColumn(k) / size;
      int64_t index = encoding.parameterIndex(row, group, groups);
      double scale = matrix.scales.empty() ? 1.0 : matrix.scales[index];
      double factor = double(matrix.outerScale(row)) *
                      columnScales[weight.getStoredColumn(k)];
      if (scale == 0.0 || factor == 0.0)
        continue;
      double place = wanted[k] / factor;
      if (!matrix.minima.empty())
        place -= matrix.minima[index];
      place /= scale;
      if (!matrix.zeroPoints.empty())
        place += matrix.zeroPoints[index];
      double bin = std::floor((place - range.first) / width);
      ++sums.counts[size_t(std::clamp(bin, 0.0, double(kBins - 1)))];
      sums.clipped += place < least || place > most;
    }
  }

  /// Squared error of rounding rows to the nearest codes of `encoding`.
  double round(llvm::ArrayRef<float> rows,
               const numerics::Encoding &encoding) const {
    numerics::QuantizedMatrix result;
    int64_t count = rows.size() / matrix.columns;
    result.reset(encoding, count, matrix.columns);
    if (!numerics::quantizeRows(rows.data(), 0, count, {}, result).ok())
      return std::nan("");
    std::vector<float> numbers(rows.size());
    numerics::dequantizeRows(result, 0, count, numbers.data());
    double sum = 0.0;
    for (auto [a, b] : llvm::zip_equal(rows, numbers))
      sum += (double(a) - b) * (double(a) - b);
    return sum;
  }

  const QuantizedWeight &weight;
  const numerics::QuantizedMatrix &matrix;
  const WeightPart &part;
  const ConstantMatrix &expected;
  /// The encoding with plain scales and integers for learned numbers.
  numerics::Encoding plain;
  CodeRange range;
  std::vector<float> columnScales;
  bool hasFiner = false;
  numerics::Encoding finer;
};

} // namespace

static WeightError makeError(const Sums &sums, double count) {
  WeightError error;
  error.mse = sums.error / count;
  if (sums.error > 0.0)
    error.snr = 10.0 * std::log10(sums.square / sums.error);
  double norms = std::sqrt(sums.square) * std::sqrt(sums.stored);
  // Equal zeros point the same way.
  error.cosine =
      norms > 0.0 ? sums.product / norms : double(sums.square == sums.stored);
  error.maxError = sums.largest;
  return error;
}

void lowbit::measureWeight(const QuantizedWeight &weight,
                           const WeightPart &part,
                           const ConstantMatrix &expected,
                           mlir::MLIRContext &context, ReportLayer &layer) {
  int64_t columns = weight.getMatrix().columns;
  if (part.count == 0 || columns == 0)
    return;
  Comparison comparison(weight, part, expected);
  int64_t grain = std::max<int64_t>(1, kBlockWeights / columns);
  std::vector<Sums> blocks(llvm::divideCeil(part.count, grain));
  mlir::parallelFor(&context, 0, blocks.size(), [&](size_t i) {
    int64_t first = int64_t(i) * grain;
    blocks[i] =
        comparison.run(first, std::min<int64_t>(part.count, first + grain));
  });
  Sums sums;
  for (const Sums &block : blocks)
    sums.add(block);
  double count = double(part.count) * double(columns);
  layer.error = makeError(sums, count);
  const CodeRange &range = comparison.getRange();
  layer.histogram = WeightHistogram{range.first, range.last, sums.counts,
                                    range.codes, double(sums.clipped) / count};
  // What rounding would gain, applied to the error that there is: the codes may
  // come from a better method.
  if (comparison.knowsFiner() && sums.rounded > 0.0 &&
      std::isfinite(sums.finer))
    layer.oneMoreBit =
        OneMoreBit{layer.error->mse * (sums.finer / sums.rounded),
                   uint64_t(part.count * columns + 7) / 8, std::nullopt};
}

WeightHistogram lowbit::measureFloatWeight(const ConstantMatrix &weight) {
  WeightHistogram histogram;
  histogram.counts.resize(kBins);
  int64_t grain = std::max<int64_t>(
      1, kBlockWeights / std::max<int64_t>(1, weight.columns));
  auto forEach = [&](auto function) {
    for (int64_t row = 0; row < weight.rows; row += grain)
      for (float number :
           weight.readRows(row, std::min(weight.rows, row + grain)))
        if (std::isfinite(number))
          function(double(number));
  };
  forEach([&](double number) {
    histogram.first = std::min(histogram.first, number);
    histogram.last = std::max(histogram.last, number);
  });
  if (histogram.last <= histogram.first)
    histogram.last = histogram.first + 1.0;
  double width = (histogram.last - histogram.first) / double(kBins);
  forEach([&](double number) {
    double bin = std::floor((number - histogram.first) / width);
    ++histogram.counts[size_t(std::clamp(bin, 0.0, double(kBins - 1)))];
  });
  return histogram;
}
