//===- TestMatrices.h - inputs of the numerics' tests -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reproducible weights, every encoding, every named layout.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_NUMERICS_TESTMATRICES_H
#define LOWBIT_TEST_UNIT_NUMERICS_TESTMATRICES_H

#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Matrix.h"
#include <algorithm>
#include <string>

namespace lowbit::numerics::test {

/// A small generator whose sequence is the same everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15u + 1) {}

  uint32_t bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33) ^
           static_cast<uint32_t>(state >> 61);
  }
  /// In [0, 1).
  float uniform() { return static_cast<float>(bits() & 0xFFFFFF) * 0x1p-24f; }
  /// About normal: a sum of 12 uniform numbers.
  float normal() {
    float sum = -6;
    for (int i = 0; i < 12; ++i)
      sum += uniform();
    return sum;
  }

private:
  uint64_t state;
};

inline std::vector<float> randomWeights(int64_t count, uint64_t seed,
                                        float mean = 0, float deviation = 1) {
  Random random(seed);
  std::vector<float> weights(count);
  for (float &weight : weights)
    weight = mean + deviation * random.normal();
  return weights;
}

/// Calls `visit` with every encoding of width `width` and groups of
/// `groupSize`.
template <typename Visit>
void forEachEncoding(unsigned width, int64_t groupSize, Visit visit) {
  for (IntegerKind kind : {IntegerKind::Signed, IntegerKind::SignedRestricted,
                           IntegerKind::Unsigned})
    for (ZeroPointKind zeroPoint : {ZeroPointKind::None, ZeroPointKind::Integer,
                                    ZeroPointKind::Fractional})
      for (bool hasMinimum : {false, true})
        for (Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
          for (ScaleFormat scale : {ScaleFormat::F32, ScaleFormat::F16})
            if (kind != IntegerKind::SignedRestricted || width > 1)
              visit(Encoding{{width, kind},
                             zeroPoint,
                             hasMinimum,
                             granularity,
                             granularity == Granularity::Group ? groupSize : 0,
                             scale});
}

/// For test messages.
inline std::string describe(const Encoding &encoding) {
  const char *kinds[] = {"int", "restricted int", "uint"};
  const char *zeroPoints[] = {"", " integer-zp", " fractional-zp"};
  const char *granularities[] = {" tensor", " channel", " group "};
  const IntegerFormat *integer = encoding.element.integer();
  std::string format =
      integer ? kinds[static_cast<int>(integer->kind)] +
                    std::to_string(integer->width)
              : "table" + std::to_string(encoding.element.codeBits()) + "/" +
                    std::to_string(encoding.element.windowBits()) + "x" +
                    std::to_string(encoding.element.valuesPerCode());
  return format + zeroPoints[static_cast<int>(encoding.zeroPoint)] +
         (encoding.hasMinimum ? " minimum" : "") +
         granularities[static_cast<int>(encoding.granularity)] +
         std::to_string(encoding.groupSize) + " " +
         describeScale(encoding.scale);
}

struct NamedLayout {
  std::string name;
  Layout layout;
};

/// Every layout that can hold codes of `width` bits.
inline std::vector<NamedLayout> layoutsFor(unsigned width) {
  std::vector<NamedLayout> layouts = {
      {"dense", Layout::dense(width)},
      {"planes", planes(width)},
      {"planes of 16 rows", planes(width, 16)},
      {"planes of 64 rows", planes(width, 64)},
      {"planes of 128 rows", planes(width, 128)},
      {"planes padded to 32", planes(width, 32, 32)},
      {"streams", streams(width, 32, 3, 4)},
      {"gptq", gptq(width)},
      {"onnx blocks", onnxBlocks(width, 16)}};
  if (width == 3) {
    layouts.push_back({"scattered3", scattered3()});
    layouts.push_back({"tenPerWord3", tenPerWord3()});
  }
  if (width == 4) {
    layouts.push_back({"splitHalves4", splitHalves4()});
    layouts.push_back({"awq", awq()});
  }
  // Compositions that no format uses, for the mechanism's sake.
  Layout odd = Layout::dense(width);
  odd.parameters = ParameterPlacement::Inline;
  odd.columnPadding = 3;
  odd.rowAlignment = 5;
  layouts.push_back({"odd inline stream", odd});
  Layout columns = planes(width, 16);
  columns.order = BlockOrder::ColumnMajor;
  columns.wordBits = 8;
  layouts.push_back({"interleaved planes", columns});
  return layouts;
}

/// Random codes and parameters that the storage formats hold exactly.
inline QuantizedMatrix randomMatrix(const Encoding &encoding, int64_t rows,
                                    int64_t columns, uint64_t seed) {
  Random random(seed);
  QuantizedMatrix matrix;
  matrix.reset(encoding, rows, columns);
  uint32_t last = encoding.element.codeCount() - 1;
  const IntegerFormat *integer = encoding.element.integer();
  uint32_t first = integer ? integer->firstCode() : 0;
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < encoding.codesPerRow(columns); ++k)
      matrix.setCode(n, k, std::max(random.bits() & last, first));
  auto fill = [&](std::vector<float> &values) {
    for (float &value : values)
      value = (static_cast<float>(random.bits() % 2048) - 1024) * 0x1p-9f;
  };
  fill(matrix.scales);
  fill(matrix.zeroPoints);
  fill(matrix.minima);
  if (encoding.zeroPoint == ZeroPointKind::Integer)
    for (float &value : matrix.zeroPoints)
      value = static_cast<float>(random.bits() & last);
  return matrix;
}

} // namespace lowbit::numerics::test

#endif // LOWBIT_TEST_UNIT_NUMERICS_TESTMATRICES_H
