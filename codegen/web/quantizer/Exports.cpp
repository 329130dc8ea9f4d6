//===- Exports.cpp - the numerics as a module of WebAssembly --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a page calls to round and pack the rows of a weight. One weight is at
// hand at a time; addresses are those of the module's memory, and hold until
// the next call. Nothing is imported.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Float16.h"
#include "lowbit/Numerics/RowPacker.h"

#include <cstring>
#include <optional>

using namespace lowbit::numerics;

#define LOWBIT_EXPORT(name) extern "C" __attribute__((export_name(name)))

namespace {
/// Element types of weights, as the page numbers them.
enum class FloatType : uint32_t { F32, F16, BF16 };

/// The weight at hand.
struct Weight {
  RowPacker packer;
  FloatType type;
  int64_t columns;
};
} // namespace

/// Of the page: numbers of a recipe and of what rows share, and rows as they
/// were downloaded.
static std::vector<uint8_t> input;
static std::vector<float> rows;
static std::optional<Weight> weight;
static std::string message;

/// Makes room for `bytes` bytes of the page.
LOWBIT_EXPORT("reserve") uint8_t *reserve(uint32_t bytes) {
  input.resize(bytes);
  return input.data();
}

/// Begins a weight: the reserved bytes are `recipeWords` words of its recipe
/// and as many f32 as its rows share. Returns the multiple of rows that `pack`
/// takes, or 0 with a message.
LOWBIT_EXPORT("begin")
uint32_t begin(uint32_t recipeWords, uint32_t rowCount, uint32_t columns,
               uint32_t type) {
  weight.reset();
  message.clear();
  size_t recipeBytes = size_t(recipeWords) * sizeof(uint32_t);
  if (recipeBytes > input.size() || rowCount == 0 || columns == 0 ||
      type > uint32_t(FloatType::BF16)) {
    message = "the weight's shape, type or recipe is none";
    return 0;
  }
  std::vector<uint32_t> words(recipeWords);
  std::memcpy(words.data(), input.data(), recipeBytes);
  std::vector<float> shared((input.size() - recipeBytes) / sizeof(float));
  std::memcpy(shared.data(), input.data() + recipeBytes,
              shared.size() * sizeof(float));
  PackRecipe recipe;
  Status status = readRecipe(words.data(), words.size(), recipe);
  if (status.ok() && shared.size() != RowPacker::sharedCount(recipe.encoding))
    status.message = "the weight's rows share " +
                     std::to_string(RowPacker::sharedCount(recipe.encoding)) +
                     " numbers, found " + std::to_string(shared.size());
  if (!status.ok()) {
    message = status.message;
    return 0;
  }
  weight.emplace(
      Weight{RowPacker(std::move(recipe), rowCount, columns, std::move(shared)),
             FloatType(type), columns});
  return static_cast<uint32_t>(weight->packer.rowUnit());
}

/// The reserved bytes as f32.
static void widen(size_t count) {
  rows.resize(count);
  if (weight->type == FloatType::F32) {
    std::memcpy(rows.data(), input.data(), count * sizeof(float));
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, input.data() + i * sizeof(half), sizeof(half));
    uint32_t wide = uint32_t(half) << 16;
    if (weight->type == FloatType::F16)
      rows[i] = halfToFloat(half);
    else
      std::memcpy(&rows[i], &wide, sizeof(wide));
  }
}

/// Rounds and packs the reserved bytes, rows [firstRow, endRow). Returns
/// whether that went well; else there is a message.
LOWBIT_EXPORT("pack") uint32_t pack(uint32_t firstRow, uint32_t endRow) {
  message.clear();
  uint64_t count = uint64_t(endRow - firstRow) * (weight ? weight->columns : 0);
  uint64_t size = weight && weight->type == FloatType::F32 ? 4 : 2;
  if (!weight || endRow <= firstRow || count * size != input.size()) {
    message = "rows and their bytes don't fit together";
    return 0;
  }
  widen(count);
  message = weight->packer.pack(rows.data(), firstRow, endRow).message;
  return message.empty();
}

/// Where the bytes of the last rows in a buffer are, how many, and where in the
/// buffer they belong. None where the buffer isn't made row by row.
LOWBIT_EXPORT("bytes") const uint8_t *bytes(uint32_t buffer) {
  return weight->packer.bytes(buffer).data();
}
LOWBIT_EXPORT("byteCount") uint32_t byteCount(uint32_t buffer) {
  return weight->packer.isByRow(buffer)
             ? static_cast<uint32_t>(weight->packer.bytes(buffer).size())
             : 0;
}
/// A number of up to 2^53, as pages have it.
LOWBIT_EXPORT("byteOffset") double byteOffset(uint32_t buffer) {
  return static_cast<double>(weight->packer.offset(buffer));
}

LOWBIT_EXPORT("message") const char *getMessage() { return message.data(); }
LOWBIT_EXPORT("messageBytes") uint32_t getMessageBytes() {
  return static_cast<uint32_t>(message.size());
}
