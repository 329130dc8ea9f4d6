//===- RowPacker.cpp - float rows to packed bytes, a few at a time --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows whose parameters are their own are a matrix of their own. What rows
// share is known beforehand; then they are one, too.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/RowPacker.h"

#include "TableQuantizer.h"
#include "lowbit/Numerics/Packer.h"
#include <algorithm>
#include <cstring>
#include <numeric>

namespace lowbit::numerics {

std::string explainNoRowPacking(const PackRecipe &recipe) {
  const Encoding &encoding = recipe.encoding;
  const Layout &layout = recipe.layout;
  if (std::string problem = checkEncoding(encoding); !problem.empty())
    return problem;
  if (std::string problem = explainColumnRefusal(encoding); !problem.empty())
    return problem;
  if (encoding.element.tableOwner() != TableOwner::Format)
    return "rounding by rows needs a table of the format, found one that is "
           "learned from the weight";
  if (encoding.element.windowBits() != encoding.element.codeBits())
    return "rounding by rows needs codes that stand for themselves, found a "
           "trellis";
  if (encoding.stored && (encoding.stored->granularity != Granularity::Group ||
                          encoding.outer == OuterScale::Tensor))
    return "rounding by rows needs quantized scales in groups, found one group "
           "of all";
  if (std::string problem = checkLayout(layout, expandedEncoding(encoding));
      !problem.empty())
    return problem;
  bool isRowMajor = layout.order == BlockOrder::RowMajor && !layout.wordBits &&
                    !layout.tailBits && !layout.atom.overlap;
  if (!isRowMajor || layout.parameters == ParameterPlacement::Atom ||
      std::any_of(layout.own.begin(), layout.own.end(),
                  [](const auto &own) { return own != nullptr; }))
    return "packing by rows needs rows one behind the other in each buffer, "
           "found another layout";
  return {};
}

size_t RowPacker::sharedCount(const Encoding &encoding) {
  if (encoding.granularity == Granularity::Tensor)
    return 1 + (encoding.zeroPoint != ZeroPointKind::None) +
           encoding.hasMinimum;
  return encoding.outer == OuterScale::Tensor;
}

std::vector<float> getSharedParameters(const QuantizedMatrix &matrix) {
  std::vector<float> shared;
  auto add = [&](const std::vector<float> &values) {
    shared.insert(shared.end(), values.begin(), values.end());
  };
  if (matrix.encoding.granularity == Granularity::Tensor) {
    add(matrix.scales);
    add(matrix.zeroPoints);
    add(matrix.minima);
  } else if (matrix.encoding.outer == OuterScale::Tensor) {
    add(matrix.outerScales);
  }
  return shared;
}

RowPacker::RowPacker(PackRecipe recipe, int64_t rows, int64_t columns,
                     std::vector<float> shared)
    : recipe(std::move(recipe)), rows(rows), columns(columns),
      shared(std::move(shared)) {
  unit = findUnit();
}

bool RowPacker::isByRow(unsigned buffer) const {
  const Encoding &encoding = recipe.encoding;
  if (buffer == outerBuffer)
    return encoding.outer == OuterScale::Channel;
  return buffer == 0 || encoding.granularity != Granularity::Tensor;
}

int64_t RowPacker::countBytes(unsigned buffer, int64_t rowCount) const {
  Encoding plain = expandedEncoding(recipe.encoding);
  if (buffer == outerBuffer)
    return plain.outerCount(rowCount) * static_cast<int64_t>(sizeof(float));
  return BoundLayout(recipe.layout, plain, rowCount, columns)
      .bufferBytes(buffer);
}

/// Twice as many rows take twice the bits, so that at most 5 steps lead to
/// whole words. Where bits are left over, eight times the rows are less than
/// eight times the bytes.
int64_t RowPacker::findUnit() const {
  const Encoding &encoding = recipe.encoding;
  int64_t together = sharedCount(encoding)
                         ? encoding.groupRows
                         : rowsTogether(encoding, rows, columns);
  int64_t result = std::lcm(together, recipe.layout.atom.rows);
  auto isWhole = [&](int64_t count) {
    for (unsigned buffer = 0; buffer < bufferCount; ++buffer)
      if (isByRow(buffer) &&
          (countBytes(buffer, count) % 4 ||
           countBytes(buffer, 8 * count) != 8 * countBytes(buffer, count)))
        return false;
    return true;
  };
  for (int step = 0; step < 5 && !isWhole(result); ++step)
    result *= 2;
  return result;
}

/// Rows [0, rowCount) as a matrix.
Status RowPacker::round(const float *weights, int64_t rowCount) {
  QuantizeOptions options;
  options.search = recipe.search;
  matrix.reset(recipe.encoding, rowCount, columns);
  if (recipe.encoding.granularity == Granularity::Tensor) {
    size_t next = 0;
    for (std::vector<float> *values :
         {&matrix.scales, &matrix.zeroPoints, &matrix.minima})
      for (float &value : *values)
        value = shared[next++];
  } else {
    if (!shared.empty())
      options.tensorScale = shared.data();
    if (Status status = findParameters(weights, 0, rowCount, options, matrix);
        !status.ok())
      return status;
  }
  assignCodes(weights, 0, rowCount, matrix);
  return Status::success();
}

Status RowPacker::pack(const float *weights, int64_t firstRow, int64_t endRow) {
  if (firstRow < 0 || firstRow >= endRow || endRow > rows || firstRow % unit ||
      (endRow % unit && endRow != rows))
    return {"rows are packed in multiples of " + std::to_string(unit) + " of " +
            std::to_string(rows) + ", found rows " + std::to_string(firstRow) +
            " to " + std::to_string(endRow)};
  if (Status status = checkFinite(weights, firstRow, endRow, columns);
      !status.ok())
    return status;
  if (Status status = round(weights, endRow - firstRow); !status.ok()) {
    if (firstRow)
      status.message = "counted from row " + std::to_string(firstRow) + ": " +
                       status.message;
    return status;
  }
  QuantizedMatrix plain =
      matrix.stored.empty() ? std::move(matrix) : expand(matrix);
  BoundLayout layout(recipe.layout, plain.encoding, endRow - firstRow, columns);
  PackedMatrix result = numerics::pack(layout, plain);
  for (unsigned i = 0; i < outerBuffer; ++i)
    packed[i] = std::move(result.buffers[i]);
  packed[outerBuffer].resize(plain.outerScales.size() * sizeof(float));
  if (!plain.outerScales.empty())
    std::memcpy(packed[outerBuffer].data(), plain.outerScales.data(),
                packed[outerBuffer].size());
  for (unsigned i = 0; i < bufferCount; ++i)
    offsets[i] = isByRow(i) && firstRow ? countBytes(i, firstRow) : 0;
  return Status::success();
}

} // namespace lowbit::numerics
