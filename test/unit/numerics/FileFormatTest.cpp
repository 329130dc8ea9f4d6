//===- FileFormatTest.cpp - bytes of other programs -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bytes read by the declarations give the numbers that loops over the
// bytes give, written after each format's own description; and any layout goes
// to any other and back without losing a bit.
//
//===----------------------------------------------------------------------===//

#include "TestMatrices.h"
#include "lowbit/Numerics/FileFormats.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Numerics/Packer.h"
#include <cmath>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

namespace {

using Bytes = std::vector<uint8_t>;

/// Random bytes, halves at the given offsets of each block being small numbers.
Bytes randomBlocks(int64_t blocks, int64_t size,
                   const std::vector<int64_t> &halves, uint64_t seed) {
  Random random(seed);
  Bytes bytes(blocks * size);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random.bits());
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t at : halves) {
      uint16_t number = floatToHalf((random.uniform() - 0.5f) * 0.25f);
      bytes[block * size + at] = static_cast<uint8_t>(number);
      bytes[block * size + at + 1] = static_cast<uint8_t>(number >> 8);
    }
  return bytes;
}

float halfAt(const uint8_t *bytes) {
  return halfToFloat(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
}

struct BlockCase {
  const char *name;
  int64_t columns, bytes;
  std::vector<int64_t> halves;
  /// Writes the numbers of a block.
  std::function<void(const uint8_t *block, float *values)> decode;
};

/// 6-bit scale `j` and minimum of Q4_K and Q5_K.
std::pair<int, int> scaleAndMinimum(int j, const uint8_t *b) {
  if (j < 4)
    return {b[j] & 63, b[j + 4] & 63};
  return {(b[j + 4] & 15) | (b[j - 4] >> 6) << 4, (b[j + 4] >> 4) | (b[j] >> 6)
                                                                        << 4};
}

const float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
float e2m1At(int code) { return code & 8 ? -e2m1[code & 7] : e2m1[code]; }
const int iq4[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                   1,    13,   25,  38,  53,  69,  89,  113};

std::vector<BlockCase> blockCases() {
  std::vector<BlockCase> cases;
  cases.push_back({"Q4_0", 32, 18, {0}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 16; ++j) {
                       y[j] = ((b[2 + j] & 15) - 8) * halfAt(b);
                       y[j + 16] = ((b[2 + j] >> 4) - 8) * halfAt(b);
                     }
                   }});
  cases.push_back({"Q4_1", 32, 20, {0, 2}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 16; ++j) {
                       y[j] = (b[4 + j] & 15) * halfAt(b) + halfAt(b + 2);
                       y[j + 16] = (b[4 + j] >> 4) * halfAt(b) + halfAt(b + 2);
                     }
                   }});
  cases.push_back({"Q5_0", 32, 22, {0}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 32; ++j) {
                       int high = b[2 + j / 8] >> j % 8 & 1;
                       int low = b[6 + j % 16] >> 4 * (j / 16) & 15;
                       y[j] = ((low | high << 4) - 16) * halfAt(b);
                     }
                   }});
  cases.push_back({"Q5_1", 32, 24, {0, 2}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 32; ++j) {
                       int high = b[4 + j / 8] >> j % 8 & 1;
                       int low = b[8 + j % 16] >> 4 * (j / 16) & 15;
                       y[j] = (low | high << 4) * halfAt(b) + halfAt(b + 2);
                     }
                   }});
  cases.push_back({"Q8_0", 32, 34, {0}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 32; ++j)
                       y[j] = static_cast<int8_t>(b[2 + j]) * halfAt(b);
                   }});
  cases.push_back(
      {"Q2_K", 256, 84, {80, 82}, [](const uint8_t *b, float *y) {
         for (int e = 0; e < 256; ++e) {
           int sc = b[e / 16];
           int q = b[16 + e / 128 * 32 + e % 32] >> 2 * (e % 128 / 32) & 3;
           y[e] = halfAt(b + 80) * (sc & 15) * q - halfAt(b + 82) * (sc >> 4);
         }
       }});
  cases.push_back(
      {"Q3_K", 256, 110, {108}, [](const uint8_t *b, float *y) {
         for (int e = 0; e < 256; ++e) {
           int j = e / 16;
           int sc = (j < 8 ? b[96 + j] & 15 : b[96 + j - 8] >> 4) |
                    (b[104 + j % 4] >> 2 * (j / 4) & 3) << 4;
           int q = b[32 + e / 128 * 32 + e % 32] >> 2 * (e % 128 / 32) & 3;
           int high = b[e % 32] >> e / 32 & 1;
           y[e] = halfAt(b + 108) * (sc - 32) * (q - (high ? 0 : 4));
         }
       }});
  auto k45 = [](bool five) {
    return [five](const uint8_t *b, float *y) {
      const uint8_t *qs = b + (five ? 48 : 16);
      for (int e = 0; e < 256; ++e) {
        auto [sc, m] = scaleAndMinimum(e / 32, b + 4);
        int q = qs[e / 64 * 32 + e % 32] >> 4 * (e % 64 / 32) & 15;
        if (five)
          q |= (b[16 + e % 32] >> e / 32 & 1) << 4;
        y[e] = halfAt(b) * sc * q - halfAt(b + 2) * m;
      }
    };
  };
  cases.push_back({"Q4_K", 256, 144, {0, 2}, k45(false)});
  cases.push_back({"Q5_K", 256, 176, {0, 2}, k45(true)});
  cases.push_back({"Q6_K", 256, 210, {208}, [](const uint8_t *b, float *y) {
                     for (int h = 0; h < 2; ++h)
                       for (int l = 0; l < 32; ++l)
                         for (int r = 0; r < 4; ++r) {
                           int low =
                               b[64 * h + l + 32 * (r % 2)] >> 4 * (r / 2) & 15;
                           int high = b[128 + 32 * h + l] >> 2 * r & 3;
                           int e = 128 * h + 32 * r + l;
                           y[e] = halfAt(b + 208) *
                                  static_cast<int8_t>(b[192 + e / 16]) *
                                  ((low | high << 4) - 32);
                         }
                   }});
  cases.push_back({"IQ4_NL", 32, 18, {0}, [](const uint8_t *b, float *y) {
                     for (int j = 0; j < 16; ++j) {
                       y[j] = halfAt(b) * iq4[b[2 + j] & 15];
                       y[j + 16] = halfAt(b) * iq4[b[2 + j] >> 4];
                     }
                   }});
  cases.push_back({"IQ4_XS", 256, 136, {0}, [](const uint8_t *b, float *y) {
                     int high = b[2] | b[3] << 8;
                     for (int e = 0; e < 256; ++e) {
                       int i = e / 32, j = e % 32;
                       int sc = (b[4 + i / 2] >> 4 * (i % 2) & 15) |
                                (high >> 2 * i & 3) << 4;
                       int q = b[8 + 16 * i + j % 16] >> 4 * (j / 16) & 15;
                       y[e] = halfAt(b) * (sc - 32) * iq4[q];
                     }
                   }});
  cases.push_back({"MXFP4", 32, 17, {}, [](const uint8_t *b, float *y) {
                     float d = b[0] == 255 ? NAN : std::ldexp(1.0f, b[0] - 127);
                     for (int j = 0; j < 16; ++j) {
                       y[j] = d * e2m1At(b[1 + j] & 15);
                       y[j + 16] = d * e2m1At(b[1 + j] >> 4);
                     }
                   }});
  cases.push_back({"NVFP4", 64, 36, {}, [](const uint8_t *b, float *y) {
                     for (int e = 0; e < 64; ++e) {
                       float d = scaleFromBits(ScaleFormat::E4M3, b[e / 16]);
                       int byte = b[4 + e / 16 * 8 + e % 8];
                       y[e] = d * e2m1At(byte >> 4 * (e % 16 / 8) & 15);
                     }
                   }});
  cases.push_back({"TQ2_0", 256, 66, {64}, [](const uint8_t *b, float *y) {
                     for (int e = 0; e < 256; ++e) {
                       int q =
                           b[e / 128 * 32 + e % 32] >> 2 * (e % 128 / 32) & 3;
                       y[e] = (q - 1) * halfAt(b + 64);
                     }
                   }});
  cases.push_back({"Q1_0", 128, 18, {0}, [](const uint8_t *b, float *y) {
                     for (int e = 0; e < 128; ++e)
                       y[e] =
                           b[2 + e / 8] >> e % 8 & 1 ? halfAt(b) : -halfAt(b);
                   }});
  cases.push_back({"Q2_0", 64, 18, {0}, [](const uint8_t *b, float *y) {
                     for (int e = 0; e < 64; ++e)
                       y[e] =
                           ((b[2 + e / 4] >> 2 * (e % 4) & 3) - 1) * halfAt(b);
                   }});
  return cases;
}

} // namespace

TEST(FileFormats, AreLayouts) {
  for (const FileFormat &format : getFileFormats()) {
    EXPECT_EQ(checkEncoding(format.encoding), "") << format.name;
    EXPECT_EQ(checkLayout(format.layout, format.encoding), "") << format.name;
  }
}

TEST(FileFormats, BlocksOfGGUF) {
  constexpr int64_t rows = 3, blocks = 2;
  for (const BlockCase &test : blockCases()) {
    FileFormat format = getFileFormat(std::string("GGUF ") + test.name);
    BoundLayout layout(format.layout, format.encoding, rows,
                       blocks * test.columns);
    PackedMatrix packed(layout);
    ASSERT_EQ(static_cast<int64_t>(packed.buffers[0].size()),
              rows * blocks * test.bytes)
        << test.name;
    packed.buffers[0] =
        randomBlocks(rows * blocks, test.bytes, test.halves, test.bytes);
    QuantizedMatrix matrix = unpack(layout, packed);
    std::vector<float> found(rows * blocks * test.columns), wanted(found);
    dequantize(matrix, found.data());
    for (int64_t i = 0; i < rows * blocks; ++i)
      test.decode(packed.buffers[0].data() + i * test.bytes,
                  wanted.data() + i * test.columns);
    for (size_t i = 0; i < found.size(); ++i)
      if (std::isnan(wanted[i]))
        ASSERT_TRUE(std::isnan(found[i])) << test.name << " " << i;
      else
        ASSERT_EQ(found[i], wanted[i]) << test.name << " " << i;
    EXPECT_EQ(pack(layout, matrix).buffers[0], packed.buffers[0]) << test.name;
  }
}

/// A block of ggml's TQ1_0 as its quantizer writes it: five numbers of `trits`
/// are a fraction of 243 in a byte that is rounded up; the last four bytes have
/// four and a zero.
static void appendTernaryBlock(const std::vector<int> &trits, Bytes &bytes) {
  auto appendChunk = [&](int first, int stride, int digits) {
    for (int m = 0; m < stride; ++m) {
      int q = 0;
      for (int n = 0; n < 5; ++n)
        q = 3 * q + (n < digits ? trits[first + n * stride + m] : 0);
      bytes.push_back(static_cast<uint8_t>((q * 256 + 242) / 243));
    }
  };
  appendChunk(0, 32, 5);
  appendChunk(160, 16, 5);
  appendChunk(240, 4, 4);
  bytes.insert(bytes.end(), {0x00, 0x34}); // 0.25
}

TEST(FileFormats, DigitsOfGGUF) {
  constexpr int64_t rows = 3, blocks = 2;
  FileFormat format = getFileFormat("GGUF TQ1_0");
  BoundLayout layout(format.layout, format.encoding, rows, blocks * 256);
  Random random(3);
  std::vector<float> wanted;
  Bytes bytes;
  for (int64_t i = 0; i < rows * blocks; ++i) {
    std::vector<int> trits(256);
    for (int &trit : trits) {
      trit = static_cast<int>(random.bits() % 3);
      wanted.push_back(0.25f * static_cast<float>(trit - 1));
    }
    appendTernaryBlock(trits, bytes);
  }
  PackedMatrix packed(layout);
  ASSERT_EQ(packed.buffers[0].size(), bytes.size());
  packed.buffers[0] = bytes;
  QuantizedMatrix matrix = unpack(layout, packed);
  std::vector<float> found(wanted.size());
  dequantize(matrix, found.data());
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(pack(layout, matrix).buffers[0], bytes);
  EXPECT_EQ(unpackBitByBit(layout, packed).codes, matrix.codes);
}

/// Bits [bit, bit + count) of little-endian bytes.
static uint32_t bitsAt(const Bytes &bytes, int64_t bit, int64_t count) {
  uint32_t value = 0;
  for (int64_t i = 0; i < count; ++i)
    value |= uint32_t(bytes[(bit + i) / 8] >> (bit + i) % 8 & 1) << i;
  return value;
}

namespace {
/// A format of separate tensors, read by its description: the first bit of the
/// code at (n, k) and of the zero point at (n, g) of an [N, K] matrix of G
/// groups, and the place of a scale.
struct TensorCase {
  std::string name;
  std::function<int64_t(int64_t n, int64_t k)> code, zeroPoint;
  std::function<int64_t(int64_t n, int64_t g)> scale;
  /// What a stored zero point or code stands for less than itself.
  uint32_t zeroPointLess = 0, codeLess = 0;
};
} // namespace

static constexpr int64_t N = 64, K = 256;

static std::vector<TensorCase> tensorCases() {
  std::vector<TensorCase> cases;
  auto rowMajor = [](int64_t groups) {
    return [=](int64_t n, int64_t g) { return n * groups + g; };
  };
  auto columnMajor = [](int64_t n, int64_t g) { return g * N + n; };
  for (int64_t b : {2, 4, 8}) // B [N, blocks, 32 * b / 8]
    cases.push_back({"ONNX MatMulNBits, " + std::to_string(b) + " bits",
                     [=](int64_t n, int64_t k) { return (n * K + k) * b; },
                     [=](int64_t n, int64_t g) { return (n * 8 + g) * b; },
                     rowMajor(K / 32)});
  for (uint32_t version : {1, 2})
    for (int64_t b : {2, 3, 4, 8})
      cases.push_back({"GPTQ v" + std::to_string(version) + ", " +
                           std::to_string(b) + " bits",
                       [=](int64_t n, int64_t k) {
                         // A stream down each column; its words are rows of the
                         // tensor. Codes that straddle words are read bit by
                         // bit below.
                         return (k * b / 32 * N + n) * 32 + k * b % 32;
                       },
                       [=](int64_t n, int64_t g) { return g * N * b + n * b; },
                       columnMajor, version == 1 ? (1u << b) - 1 : 0});
  static const int64_t order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  auto nibbleOf = [](int64_t n) {
    return std::find(order, order + 8, n % 8) - order;
  };
  cases.push_back({"AWQ, 4 bits",
                   [=](int64_t n, int64_t k) {
                     return (k * N / 8 + n / 8) * 32 + nibbleOf(n) * 4;
                   },
                   [=](int64_t n, int64_t g) {
                     return (g * N / 8 + n / 8) * 32 + nibbleOf(n) * 4;
                   },
                   columnMajor});
  for (int64_t b : {3, 4, 8}) {
    int64_t per = 32 / b, row = (K + per - 1) / per;
    cases.push_back(
        {"compressed-tensors pack-quantized, " + std::to_string(b) + " bits",
         [=](int64_t n, int64_t k) {
           return (n * row + k / per) * 32 + k % per * b;
         },
         [=](int64_t n, int64_t g) {
           return (n / per * (K / 128) + g) * 32 + n % per * b;
         },
         rowMajor(K / 128)});
  }
  auto lowFirst = [](int64_t n, int64_t k) { return (n * K + k) * 4; };
  cases.push_back({"compressed-tensors mxfp4-pack-quantized", lowFirst, nullptr,
                   rowMajor(K / 32)});
  cases.push_back({"bitsandbytes NF4",
                   [](int64_t n, int64_t k) {
                     return (n * K + k) / 2 * 8 + (k % 2 ? 0 : 4);
                   },
                   nullptr, rowMajor(K / 64)});
  cases.push_back({"MLC q4f16_1", lowFirst, nullptr, rowMajor(K / 32), 0, 15});
  cases.push_back(
      {"MLC q4f16_0",
       [](int64_t n, int64_t k) { return (k / 8 * N + n) * 32 + k % 8 * 4; },
       nullptr, columnMajor, 0, 15});
  for (int64_t b : {3, 5, 6})
    cases.push_back({"MLX affine, " + std::to_string(b) + " bits",
                     [=](int64_t n, int64_t k) {
                       return n * ((K * b + 31) / 32 * 32) + k * b;
                     },
                     nullptr, rowMajor(K / 64)});
  return cases;
}

TEST(FileFormats, Tensors) {
  for (const TensorCase &test : tensorCases()) {
    FileFormat format = getFileFormat(test.name);
    BoundLayout layout(format.layout, format.encoding, N, K);
    PackedMatrix packed(layout);
    Random random(7);
    for (unsigned buffer : {0, 2})
      for (uint8_t &byte : packed.buffers[buffer])
        byte = static_cast<uint8_t>(random.bits());
    for (size_t i = 0; i < packed.buffers[1].size(); ++i)
      packed.buffers[1][i] = static_cast<uint8_t>(i & 0x3F);
    QuantizedMatrix matrix = unpack(layout, packed);
    unsigned bits = format.encoding.element.codeBits();
    uint32_t mask = (1u << bits) - 1;
    bool straddles = bits == 3 && test.name[0] == 'G';
    for (int64_t n = 0; n < N; ++n)
      for (int64_t k = 0; k < K; ++k) {
        uint32_t stored = 0;
        for (int64_t bit = 0; straddles && bit < bits; ++bit) {
          int64_t at = k * bits + bit;
          stored |=
              bitsAt(packed.buffers[0], (at / 32 * N + n) * 32 + at % 32, 1)
              << bit;
        }
        if (!straddles)
          stored = bitsAt(packed.buffers[0], test.code(n, k), bits);
        ASSERT_EQ(matrix.code(n, k), (stored - test.codeLess) & mask)
            << test.name << " " << n << " " << k;
      }
    int64_t groups = format.encoding.groupCount(K);
    unsigned width = scaleBits(format.encoding.scale);
    for (int64_t n = 0; n < N; ++n)
      for (int64_t g = 0; g < groups; ++g) {
        uint32_t scale =
            bitsAt(packed.buffers[1], test.scale(n, g) * width, width);
        ASSERT_EQ(
            scaleToBits(format.encoding.scale, matrix.scales[n * groups + g]),
            scale)
            << test.name;
        if (!test.zeroPoint)
          continue;
        uint32_t zero = bitsAt(packed.buffers[2], test.zeroPoint(n, g), bits);
        ASSERT_EQ(static_cast<uint32_t>(matrix.zeroPoints[n * groups + g]),
                  (zero - test.zeroPointLess) & mask)
            << test.name << " " << n << " " << g;
      }
  }
}

/// Random codes, and parameters stored as the encoding says.
static QuantizedMatrix randomStored(const Encoding &encoding, int64_t rows,
                                    int64_t columns, uint64_t seed) {
  QuantizedMatrix matrix = randomMatrix(encoding, rows, columns, seed);
  auto roundAll = [&](std::vector<float> &numbers) {
    for (float &number : numbers)
      number = scaleFromBits(encoding.scale,
                             scaleToBits(encoding.scale, std::fabs(number)));
  };
  roundAll(matrix.scales);
  for (QuantizedMatrix &stored : matrix.stored)
    if (stored.rows)
      stored = randomMatrix(*encoding.stored, 1, stored.columns, seed + 1);
  matrix.readStored();
  return matrix;
}

/// Every layout of a file or a kernel that can hold `encoding`.
static std::vector<NamedLayout> layoutsOf(const Encoding &encoding) {
  std::vector<NamedLayout> result;
  for (const NamedLayout &named : layoutsFor(encoding.element.codeBits()))
    if (checkLayout(named.layout, encoding).empty())
      result.push_back(named);
  for (const FileFormat &format : getFileFormats())
    if (format.encoding.element.codeBits() == encoding.element.codeBits() &&
        checkLayout(format.layout, encoding).empty())
      result.push_back({format.name, format.layout});
  return result;
}

/// What a layout doesn't place comes from `from`.
static QuantizedMatrix unpackWith(const BoundLayout &layout,
                                  const PackedMatrix &packed,
                                  const QuantizedMatrix &from) {
  QuantizedMatrix matrix = unpack(layout, packed);
  for (size_t i = 0; i < matrix.stored.size(); ++i) {
    if (layout.layout().parameters != ParameterPlacement::Atom)
      matrix.stored[i].scales = from.stored[i].scales;
    matrix.stored[i].minima = from.stored[i].minima;
  }
  matrix.readStored();
  return matrix;
}

TEST(FileFormats, AnyToAny) {
  const int64_t shapes[][2] = {{1, 1}, {5, 40}, {3, 512}, {17, 256}};
  for (const FileFormat &format : getFileFormats())
    for (auto [rows, columns] : shapes) {
      // Blocks of scales end with rows where atoms keep them.
      if (format.encoding.stored && columns % 256)
        continue;
      QuantizedMatrix matrix =
          randomStored(format.encoding, rows, columns, rows + columns);
      BoundLayout own(format.layout, format.encoding, rows, columns);
      PackedMatrix first = pack(own, matrix);
      EXPECT_EQ(first.buffers[0], packBitByBit(own, matrix).buffers[0])
          << format.name;
      for (const NamedLayout &other : layoutsOf(format.encoding)) {
        BoundLayout layout(other.layout, format.encoding, rows, columns);
        PackedMatrix there = pack(layout, unpackWith(own, first, matrix));
        PackedMatrix truth = packBitByBit(layout, matrix);
        PackedMatrix back = pack(own, unpackWith(layout, there, matrix));
        for (unsigned buffer = 0; buffer < 4; ++buffer) {
          ASSERT_EQ(there.buffers[buffer], truth.buffers[buffer])
              << format.name << " to " << other.name << ", buffer " << buffer;
          ASSERT_EQ(back.buffers[buffer], first.buffers[buffer])
              << format.name << " and " << other.name << ", buffer " << buffer;
        }
      }
    }
}

TEST(FileFormats, LayoutsThatHoldParametersAreChecked) {
  FileFormat format = getFileFormat("GGUF Q4_0");
  Layout broken = format.layout;
  broken.atom.pieces.front().offset = 8; // The scale on the first code.
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "the atom keeps bit 8 of the scale at row 0, column 0 where it "
            "keeps another bit, at 16");
  broken = format.layout;
  broken.atom.pieces.erase(broken.atom.pieces.begin());
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "the atom has no place for bit 0 of the scale at row 0, column 0");
  Encoding other = format.encoding;
  other.groupSize = 48;
  EXPECT_EQ(checkLayout(format.layout, other),
            "an atom with parameters needs groups that divide its 32 columns");
  broken = format.layout;
  broken.atom.rows = 3;
  broken.atom.bits *= 4;
  broken.atom.overlap = 1;
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "an atom with parameters repeats 0 rows, found 1");
  format = getFileFormat("AWQ, 4 bits");
  broken = format.layout;
  Layout zeroPoints = *broken.own[2];
  zeroPoints.atom.columns = 0;
  broken.own[2] = std::make_shared<const Layout>(zeroPoints);
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "in a layout of parameters, an atom needs at least 1 column, found "
            "0");
  zeroPoints.atom.overlap = 1;
  broken.own[2] = std::make_shared<const Layout>(zeroPoints);
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "a layout of parameters repeats 0 rows, found 1");
  broken.parameters = ParameterPlacement::Inline;
  broken.padRowEndOnly = false;
  EXPECT_EQ(checkLayout(broken, format.encoding),
            "layouts of parameters need parameters in buffers of their own");
  format = getFileFormat("GGUF Q4_K");
  other = format.encoding;
  Encoding stored = *other.stored;
  stored.groupSize = 16;
  other.stored = std::make_shared<const Encoding>(stored);
  EXPECT_EQ(checkLayout(format.layout, other),
            "an atom with quantized scales needs whole blocks of them, found 8 "
            "scales");
}
