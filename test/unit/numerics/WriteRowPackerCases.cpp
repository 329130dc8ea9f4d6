//===- WriteRowPackerCases.cpp - cases for the numerics of pages ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// usage: LowbitRowPackerCases FILE
//
// Writes what quantizing and packing gives here, for who rounds the same floats
// elsewhere (test/web/harness/quantizer.mjs). All numbers are words of 32 bits;
// bytes are padded to them.
//
//===----------------------------------------------------------------------===//

#include "RowPackerCases.h"
#include <cstdio>
#include <cstring>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

namespace {
class File {
public:
  explicit File(const char *path) : stream(std::fopen(path, "wb")) {}
  bool isOpen() const { return stream; }
  bool close() { return std::fclose(stream) == 0; }

  void word(uint32_t value) { write(&value, sizeof(value)); }
  void bytes(const void *data, size_t size) {
    word(static_cast<uint32_t>(size));
    write(data, size);
    uint32_t zero = 0;
    write(&zero, (4 - size % 4) % 4);
  }

private:
  void write(const void *data, size_t size) {
    if (size)
      std::fwrite(data, 1, size, stream);
  }

  std::FILE *stream;
};
} // namespace

static std::vector<uint8_t> store(const std::vector<float> &weights,
                                  unsigned type) {
  std::vector<uint8_t> bytes;
  for (float value : weights) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    if (type)
      bits = type == 1 ? floatToHalf(value) : bits >> 16;
    for (unsigned i = 0; i < (type ? 2u : 4u); ++i)
      bytes.push_back(static_cast<uint8_t>(bits >> 8 * i));
  }
  return bytes;
}

int main(int argc, char **argv) {
  File file(argc == 2 ? argv[1] : "");
  if (!file.isOpen()) {
    std::fprintf(stderr, "usage: LowbitRowPackerCases FILE\n");
    return 1;
  }
  forEachRowPackerCase([&](const RowPackerCase &given, unsigned type) {
    std::array<std::vector<uint8_t>, 5> buffers;
    std::vector<float> shared;
    if (!packWhole(given, buffers, shared))
      return;
    RowPacker packer(given.recipe, given.rows, given.columns, shared);
    std::vector<uint32_t> recipe = writeRecipe(given.recipe);
    std::vector<uint8_t> weights = store(given.weights, type);
    file.bytes(given.name.data(), given.name.size());
    file.word(static_cast<uint32_t>(given.rows));
    file.word(static_cast<uint32_t>(given.columns));
    file.word(type);
    file.word(static_cast<uint32_t>(packer.rowUnit()));
    file.bytes(recipe.data(), recipe.size() * sizeof(uint32_t));
    file.bytes(shared.data(), shared.size() * sizeof(float));
    file.bytes(weights.data(), weights.size());
    for (unsigned i = 0; i < RowPacker::bufferCount; ++i) {
      std::vector<uint8_t> none;
      const std::vector<uint8_t> &bytes = packer.isByRow(i) ? buffers[i] : none;
      file.bytes(bytes.data(), bytes.size());
    }
  });
  return file.close() ? 0 : 1;
}
