//===- RowPackerCases.h - weights to be packed by rows ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every encoding that rounding to nearest has, in generated shapes and layouts:
// for the native row packer, and for the one that pages run.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_NUMERICS_ROWPACKERCASES_H
#define LOWBIT_TEST_UNIT_NUMERICS_ROWPACKERCASES_H

#include "TestMatrices.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Numerics/Lattice.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/RowPacker.h"
#include <cmath>

namespace lowbit::numerics::test {

struct RowPackerCase {
  std::string name;
  PackRecipe recipe;
  int64_t rows, columns;
  std::vector<float> weights;
};

/// A table of the numbers of a small float format, sign first; codes with an
/// exponent of ones are infinite if `hasInfinity`.
inline ElementFormat smallFloat(unsigned exponentBits, unsigned mantissaBits,
                                bool hasInfinity) {
  unsigned bits = 1 + exponentBits + mantissaBits;
  CodeTable table{bits, bits, 1, {}};
  int bias = (1 << (exponentBits - 1)) - 1;
  for (uint32_t code = 0; code < 1u << bits; ++code) {
    uint32_t mantissa = code & ((1u << mantissaBits) - 1);
    uint32_t exponent = code >> mantissaBits & ((1u << exponentBits) - 1);
    float value =
        std::ldexp(static_cast<float>(exponent ? mantissa + (1 << mantissaBits)
                                               : mantissa),
                   static_cast<int>(std::max(exponent, 1u)) - bias -
                       static_cast<int>(mantissaBits));
    if (hasInfinity && exponent + 1 == 1u << exponentBits)
      value = mantissa ? NAN : INFINITY;
    table.values.push_back(code >> (bits - 1) ? -value : value);
  }
  return std::make_shared<const CodeTable>(std::move(table));
}

inline ElementFormat someTable(std::vector<float> values) {
  unsigned bits = 0;
  while (1u << bits < values.size())
    ++bits;
  return std::make_shared<const CodeTable>(
      CodeTable{bits, bits, 1, std::move(values)});
}

/// Encodings that are no integers of a width with plain scales.
inline std::vector<std::pair<std::string, Encoding>> otherEncodings() {
  std::vector<std::pair<std::string, Encoding>> result;
  auto add = [&](std::string name, ElementFormat element, int64_t group,
                 ScaleFormat scale = ScaleFormat::F16,
                 OuterScale outer = OuterScale::None, int64_t rows = 1) {
    Encoding encoding;
    encoding.element = std::move(element);
    encoding.granularity = group ? Granularity::Group : Granularity::Channel;
    encoding.groupSize = group;
    encoding.scale = scale;
    encoding.outer = outer;
    encoding.groupRows = rows;
    result.emplace_back(std::move(name), encoding);
    return encoding;
  };
  ElementFormat e2m1 = smallFloat(2, 1, false), e4m3 = smallFloat(4, 3, false),
                e5m2 = smallFloat(5, 2, true), int4{4, IntegerKind::Signed};
  ElementFormat lopsided =
      someTable({-1, -0.7f, -0.3f, 0, 0.1f, 0.4f, 0.5f, 1});
  add("lopsided table", lopsided, 8);
  add("lopsided table by channel", lopsided, 0, ScaleFormat::F32);
  add("e2m1 in groups", e2m1, 64);
  add("e4m3 by channel", e4m3, 0);
  add("e5m2 in groups", e5m2, 16, ScaleFormat::BF16);
  add("e2m1 with e8m0", e2m1, 32, ScaleFormat::E8M0);
  add("e5m2 with e8m0", e5m2, 32, ScaleFormat::E8M0);
  add("int8 with e8m0", {8, IntegerKind::Signed}, 32, ScaleFormat::E8M0);
  add("e2m1 with e4m3 and a tensor's", e2m1, 16, ScaleFormat::E4M3,
      OuterScale::Tensor);
  add("e2m1 with e4m3 and rows'", e2m1, 16, ScaleFormat::E4M3,
      OuterScale::Channel);
  add("int4 in blocks of 3 rows", int4, 8, ScaleFormat::F16, OuterScale::None,
      3);
  add("e2m1 in blocks of 4 rows", e2m1, 32, ScaleFormat::E8M0, OuterScale::None,
      4);
  Encoding tensor = add("table by tensor", lopsided, 0);
  tensor.granularity = Granularity::Tensor;
  result.back().second = tensor;
  for (LatticeFormat format : {LatticeFormat{8, 15}, LatticeFormat{4, 10}})
    add("lattice", latticeTable(format), 32);
  auto addStored = [&](std::string name, ElementFormat element, bool hasMinimum,
                       int64_t group, ElementFormat stored, int64_t block) {
    Encoding encoding = add(std::move(name), std::move(element), group);
    encoding.hasMinimum = hasMinimum;
    Encoding scales;
    scales.element = std::move(stored);
    scales.granularity = Granularity::Group;
    scales.groupSize = block;
    encoding.stored = std::make_shared<const Encoding>(scales);
    result.back().second = encoding;
  };
  addStored("q4_k", {4, IntegerKind::Unsigned}, true, 32,
            {6, IntegerKind::Unsigned}, 8);
  addStored("q6_k", {6, IntegerKind::Signed}, false, 16,
            {8, IntegerKind::Signed}, 16);
  addStored("quantized scales of a table", e2m1, false, 8,
            {8, IntegerKind::Signed}, 5);
  addStored("lattice with quantized scales", latticeTable({8, 15}), false, 32,
            {4, IntegerKind::Unsigned}, 8);
  return result;
}

/// Rows of several sizes, some of them zero, as numbers that the type has:
/// 0 f32, 1 f16, 2 bf16.
inline std::vector<float> caseWeights(int64_t rows, int64_t columns,
                                      uint64_t seed, unsigned type) {
  std::vector<float> weights = randomWeights(rows * columns, seed, 0.02f);
  Random random(seed);
  for (int64_t n = 0; n < rows; ++n) {
    float size = random.bits() % 8 ? std::exp2(random.normal()) : 0.0f;
    for (int64_t k = 0; k < columns; ++k) {
      float value = weights[n * columns + k] * size;
      if (type == 1)
        value = halfToFloat(floatToHalf(value));
      uint32_t bits;
      __builtin_memcpy(&bits, &value, sizeof(bits));
      if (type == 2)
        bits &= 0xFFFF0000u;
      __builtin_memcpy(&weights[n * columns + k], &bits, sizeof(bits));
    }
  }
  return weights;
}

/// Calls `visit`(case, type) with every encoding, each search, and a shape,
/// layout and type of floats that are drawn for each.
template <typename Visit> void forEachRowPackerCase(Visit visit) {
  Random random(20);
  auto addAll = [&](const std::string &name, const Encoding &encoding) {
    for (ScaleSearch search :
         {ScaleSearch::MeanSquaredError, ScaleSearch::AbsMax}) {
      unsigned bits = encoding.element.codeBits();
      std::vector<Layout> layouts = {Layout::dense(bits)};
      if (bits <= 8 && encoding.element.valuesPerCode() == 1) {
        layouts.push_back(words(bits));
        layouts.push_back(planes(bits, 16));
        layouts.push_back(onnxBlocks(bits, 16));
      }
      RowPackerCase made;
      made.recipe = {encoding, layouts[random.bits() % layouts.size()], search};
      if (!explainNoRowPacking(made.recipe).empty())
        continue;
      int64_t values = encoding.element.valuesPerCode();
      made.rows = 1 + random.bits() % 70;
      made.columns = (1 + random.bits() % (100 / values)) * values;
      unsigned type = random.bits() % 3;
      made.weights = caseWeights(made.rows, made.columns, random.bits(), type);
      made.name =
          name + (search == ScaleSearch::AbsMax ? ", absmax, " : ", mse, ") +
          std::to_string(made.rows) + " x " + std::to_string(made.columns);
      visit(made, type);
    }
  };
  for (unsigned width = 1; width <= 8; ++width)
    for (int64_t group : {16, 7})
      forEachEncoding(width, group, [&](const Encoding &encoding) {
        addAll(describe(encoding), encoding);
      });
  for (const auto &[name, encoding] : otherEncodings())
    addAll(name, encoding);
}

/// The whole weight, quantized and packed at once; false where that fails.
inline bool packWhole(const RowPackerCase &given,
                      std::array<std::vector<uint8_t>, 5> &buffers,
                      std::vector<float> &shared) {
  QuantizeOptions options;
  options.search = given.recipe.search;
  QuantizedMatrix matrix;
  if (!quantize(given.weights.data(), given.rows, given.columns,
                given.recipe.encoding, options, matrix)
           .ok())
    return false;
  shared = getSharedParameters(matrix);
  QuantizedMatrix plain = expand(matrix);
  PackedMatrix packed = pack(BoundLayout(given.recipe.layout, plain.encoding,
                                         given.rows, given.columns),
                             plain);
  for (unsigned i = 0; i < 4; ++i)
    buffers[i] = packed.buffers[i];
  auto raw = reinterpret_cast<const uint8_t *>(plain.outerScales.data());
  buffers[4].assign(raw, raw + plain.outerScales.size() * sizeof(float));
  return true;
}

} // namespace lowbit::numerics::test

#endif // LOWBIT_TEST_UNIT_NUMERICS_ROWPACKERCASES_H
