//===- FileFormats.cpp - how other programs store weights -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sources: ONNX Runtime's ContribOperators.md (MatMulNBits); GPTQModel's and
// AutoAWQ's quantized linears; compressed-tensors' pack_quantized;
// bitsandbytes' functional.py; ggml's ggml-common.h and ggml-quants.c; MLC's
// and MLX' documentation. Strides and offsets are in bits.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FileFormats.h"

#include "lowbit/Numerics/Layouts.h"
#include <cstdlib>

namespace lowbit::numerics {

//===----------------------------------------------------------------------===//
// Parts of declarations
//===----------------------------------------------------------------------===//

namespace {
constexpr Axis K = Axis::Column, N = Axis::Row, B = Axis::Bit;
} // namespace

/// A box of codes that begins at (column, bit) of the atom.
static Piece codes(int64_t offset, std::vector<Mode> modes, int64_t column = 0,
                   int64_t bit = 0) {
  Piece piece;
  piece.column = column;
  piece.bit = bit;
  piece.offset = offset;
  piece.modes = std::move(modes);
  return piece;
}

/// A box of parameters.
static Piece part(Component component, int64_t offset, std::vector<Mode> modes,
                  int64_t column = 0, int64_t bit = 0) {
  Piece piece = codes(offset, std::move(modes), column, bit);
  piece.component = component;
  return piece;
}

/// A number of 16 bits.
static Piece half(Component component, int64_t offset) {
  return part(component, offset, {{B, 16, 1}});
}

static std::shared_ptr<const Layout> share(Layout layout) {
  return std::make_shared<const Layout>(std::move(layout));
}

/// `count` codes of `width` bits along `axis` in each word of 32 bits.
static Layout words(Axis axis, int64_t count, int64_t width) {
  Layout layout;
  bool isRow = axis == Axis::Row;
  layout.atom = {isRow ? count : 1,
                 isRow ? 1 : count,
                 32,
                 {codes(0, {{axis, count, width}, {B, width, 1}})}};
  layout.columnPadding = layout.atom.columns;
  layout.padRowEndOnly = true;
  return layout;
}

/// Numbers of `bits` bits, one row of the matrix behind the other for each
/// column.
static Layout transposed(int64_t bits) {
  Layout layout = Layout::dense(static_cast<unsigned>(bits));
  layout.order = BlockOrder::ColumnMajor;
  return layout;
}

static Encoding inGroups(ElementFormat element, int64_t group,
                         ScaleFormat scale = ScaleFormat::F16) {
  Encoding encoding;
  encoding.element = std::move(element);
  encoding.granularity = Granularity::Group;
  encoding.groupSize = group;
  encoding.scale = scale;
  return encoding;
}

static ElementFormat integer(unsigned width) {
  return {width, IntegerKind::Signed};
}
static ElementFormat natural(unsigned width) {
  return {width, IntegerKind::Unsigned};
}

static ElementFormat table(std::vector<float> values) {
  CodeTable result;
  while (size_t(1) << result.codeBits < values.size())
    ++result.codeBits;
  result.windowBits = result.codeBits;
  result.values = std::move(values);
  return std::make_shared<const CodeTable>(std::move(result));
}

static ElementFormat e2m1() {
  return table(
      {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6});
}

//===----------------------------------------------------------------------===//
// Files of tensors
//===----------------------------------------------------------------------===//

/// Scales [N, blocks], zero points packed like codes, each row from a byte on.
static FileFormat matMulNBits(unsigned bits) {
  FileFormat format{"ONNX MatMulNBits, " + std::to_string(bits) + " bits",
                    inGroups(natural(bits), 32), onnxBlocks(bits, 32)};
  format.encoding.zeroPoint = ZeroPointKind::Integer;
  Layout zeroPoints = Layout::dense(bits);
  zeroPoints.rowAlignment = 8;
  format.layout.own[static_cast<unsigned>(Component::ZeroPoint)] =
      share(zeroPoints);
  return format;
}

/// Version 1 stores zero points less 1.
static FileFormat gptqFile(unsigned bits, int version) {
  FileFormat format{"GPTQ v" + std::to_string(version) + ", " +
                        std::to_string(bits) + " bits",
                    inGroups(natural(bits), 128), gptq(bits)};
  format.encoding.zeroPoint = ZeroPointKind::Integer;
  Layout zeroPoints;
  zeroPoints.atom = {
      32, 1, 32 * bits, {codes(0, {{N, 32, bits}, {B, bits, 1}})}};
  zeroPoints.order = BlockOrder::ColumnMajor;
  format.layout.own[static_cast<unsigned>(Component::Scale)] =
      share(transposed(16));
  format.layout.own[static_cast<unsigned>(Component::ZeroPoint)] =
      share(zeroPoints);
  if (version == 1)
    format.layout.added[static_cast<unsigned>(Component::ZeroPoint)] =
        (1u << bits) - 1;
  return format;
}

static FileFormat awqFile() {
  FileFormat format{"AWQ, 4 bits", inGroups(natural(4), 128), awq()};
  format.encoding.zeroPoint = ZeroPointKind::Integer;
  format.layout.own[static_cast<unsigned>(Component::Scale)] =
      share(transposed(16));
  format.layout.own[static_cast<unsigned>(Component::ZeroPoint)] = share(awq());
  return format;
}

static FileFormat compressedTensors(unsigned bits) {
  unsigned count = 32 / bits;
  FileFormat format{"compressed-tensors pack-quantized, " +
                        std::to_string(bits) + " bits",
                    inGroups(natural(bits), 128), words(K, count, bits)};
  format.encoding.zeroPoint = ZeroPointKind::Integer;
  format.layout.own[static_cast<unsigned>(Component::ZeroPoint)] =
      share(words(N, count, bits));
  return format;
}

/// Two codes in a byte, each row from a byte on.
static Layout pairs(bool highFirst) {
  Layout layout;
  layout.atom = {1, 2, 8, {codes(0, {{K, 2, 4}, {B, 4, 1}})}};
  if (highFirst)
    layout.atom.pieces = {codes(4, {{B, 4, 1}}, 0), codes(0, {{B, 4, 1}}, 1)};
  layout.columnPadding = 2;
  layout.padRowEndOnly = true;
  return layout;
}

static ElementFormat nf4() {
  return table(
      {-1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
       -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0,
       0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,
       0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
       0.7229568362236023f, 1});
}

static ElementFormat bitsAndBytesFP4() {
  std::vector<float> values{0,        1 / 192.0f, 2 / 3.0f, 1,
                            1 / 3.0f, 0.5f,       1 / 6.0f, 0.25f};
  for (size_t i = 0; i < 8; ++i)
    values.push_back(-values[i]);
  return table(values);
}

/// With nested quantization, absmax of 8 bits. Their table of 256 numbers is in
/// the file; linear ones stand for it here, which places no bit elsewhere.
static FileFormat bitsAndBytes(const std::string &name, ElementFormat element,
                               bool nested) {
  FileFormat format{"bitsandbytes " + name + (nested ? ", nested" : ""),
                    inGroups(std::move(element), 64, ScaleFormat::F32),
                    pairs(true)};
  if (nested) {
    Encoding absmax = inGroups(natural(8), 256, ScaleFormat::F32);
    absmax.hasMinimum = true; // nested_offset
    format.encoding.stored = std::make_shared<const Encoding>(absmax);
  }
  return format;
}

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

/// A block of one row: `pieces`, which hold parameters, too.
static FileFormat gguf(const std::string &name, Encoding encoding,
                       int64_t columns, int64_t bytes,
                       std::vector<Piece> pieces) {
  FileFormat format{"GGUF " + name, std::move(encoding), {}};
  format.layout.atom = {1, columns, 8 * bytes, std::move(pieces)};
  format.layout.columnPadding = columns;
  format.layout.parameters = ParameterPlacement::Atom;
  return format;
}

static Encoding withMinimum(Encoding encoding) {
  encoding.hasMinimum = true;
  return encoding;
}

/// Scales (and minima) of `bits` bits, a half for 256 columns.
static Encoding inSuperBlocks(ElementFormat element, int64_t group,
                              ElementFormat scales) {
  Encoding encoding = inGroups(std::move(element), group, ScaleFormat::F32);
  encoding.stored = std::make_shared<const Encoding>(
      inGroups(std::move(scales), 256 / group));
  return encoding;
}

/// Low and high nibbles are the two halves of `columns` columns.
static Piece nibbles(int64_t offset, int64_t columns) {
  return codes(offset, {{K, columns / 2, 8}, {K, 2, 4}, {B, 4, 1}});
}

/// Two bits of codes from `bit` on: stripes of 32 bytes hold four runs of 32.
static Piece stripes(int64_t offset, int64_t bit = 0) {
  return codes(offset, {{K, 32, 8}, {K, 4, 2}, {K, 2, 256}, {B, 2, 1}}, 0, bit);
}

/// Minima that are subtracted: their scale has the other sign.
static FileFormat subtractMinima(FileFormat format) {
  format.layout.added[static_cast<unsigned>(Component::ScaleOfMinima)] = 0x8000;
  return format;
}

static void appendSmallBlocks(std::vector<FileFormat> &formats) {
  Piece d = half(Component::Scale, 0), m = half(Component::Minimum, 16);
  Piece fifth = codes(16, {{K, 32, 1}}, 0, 4);
  Piece fifthOfM = codes(32, {{K, 32, 1}}, 0, 4);
  formats.push_back(
      gguf("Q4_0", inGroups(integer(4), 32), 32, 18, {d, nibbles(16, 32)}));
  formats.push_back(gguf("Q4_1", withMinimum(inGroups(natural(4), 32)), 32, 20,
                         {d, m, nibbles(32, 32)}));
  formats.push_back(gguf("Q5_0", inGroups(integer(5), 32), 32, 22,
                         {d, fifth, nibbles(48, 32)}));
  formats.push_back(gguf("Q5_1", withMinimum(inGroups(natural(5), 32)), 32, 24,
                         {d, m, fifthOfM, nibbles(64, 32)}));
  formats.push_back(gguf("Q8_0", inGroups(integer(8), 32), 32, 34,
                         {d, codes(16, {{K, 32, 8}, {B, 8, 1}})}));
  // Signed bytes.
  formats.back().layout.added[0] = 128;
}

/// The 6-bit scales and minima of Q4_K and Q5_K, 12 bytes from bit `at` on: the
/// first four of each whole, the others' low nibbles in a byte and their upper
/// bits above the first four.
static std::vector<Piece> sixBitPairs(int64_t at) {
  std::vector<Piece> pieces;
  for (auto [component, whole, low] :
       {std::tuple(Component::Scale, at, at + 64),
        std::tuple(Component::Minimum, at + 32, at + 68)}) {
    pieces.push_back(part(component, whole, {{K, 4, 8}, {B, 6, 1}}));
    pieces.push_back(part(component, low, {{K, 4, 8}, {B, 4, 1}}, 4));
    pieces.push_back(part(component, whole + 6, {{K, 4, 8}, {B, 2, 1}}, 4, 4));
  }
  return pieces;
}

static void appendSuperBlocks(std::vector<FileFormat> &formats) {
  Component scale = Component::Scale, minimum = Component::Minimum;
  Component d = Component::ScaleOfScales, dmin = Component::ScaleOfMinima;
  formats.push_back(subtractMinima(gguf(
      "Q2_K", withMinimum(inSuperBlocks(natural(2), 16, natural(4))), 256, 84,
      {part(scale, 0, {{K, 16, 8}, {B, 4, 1}}),
       part(minimum, 4, {{K, 16, 8}, {B, 4, 1}}), stripes(128), half(d, 640),
       half(dmin, 656)})));
  formats.push_back(
      gguf("Q3_K", inSuperBlocks(integer(3), 16, integer(6)), 256, 110,
           {codes(0, {{K, 32, 8}, {K, 8, 1}}, 0, 2), stripes(256),
            part(scale, 768, {{K, 8, 8}, {K, 2, 4}, {B, 4, 1}}),
            part(scale, 832, {{K, 4, 8}, {K, 4, 2}, {B, 2, 1}}, 0, 4),
            half(d, 864)}));
  Piece chunks = codes(128, {{K, 32, 8}, {K, 2, 4}, {K, 4, 256}, {B, 4, 1}});
  std::vector<Piece> fourBits = sixBitPairs(32);
  fourBits.insert(fourBits.end(), {half(d, 0), half(dmin, 16)});
  std::vector<Piece> fiveBits = fourBits;
  fourBits.push_back(chunks);
  formats.push_back(subtractMinima(
      gguf("Q4_K", withMinimum(inSuperBlocks(natural(4), 32, natural(6))), 256,
           144, fourBits)));
  chunks.offset += 256;
  fiveBits.insert(fiveBits.end(),
                  {codes(128, {{K, 32, 8}, {K, 8, 1}}, 0, 4), chunks});
  formats.push_back(subtractMinima(
      gguf("Q5_K", withMinimum(inSuperBlocks(natural(5), 32, natural(6))), 256,
           176, fiveBits)));
  formats.push_back(
      gguf("Q6_K", inSuperBlocks(integer(6), 16, integer(8)), 256, 210,
           {codes(0, {{K, 64, 8}, {K, 2, 4}, {K, 2, 512}, {B, 4, 1}}),
            stripes(1024, 4), part(scale, 1536, {{K, 16, 8}, {B, 8, 1}}),
            half(d, 1664)}));
  formats.back().layout.added[static_cast<unsigned>(scale)] = 128;
}

static void appendTables(std::vector<FileFormat> &formats) {
  Component scale = Component::Scale;
  Piece d = half(scale, 0);
  ElementFormat nl = table({-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25,
                            38, 53, 69, 89, 113});
  formats.push_back(
      gguf("IQ4_NL", inGroups(nl, 32), 32, 18, {d, nibbles(16, 32)}));
  formats.push_back(
      gguf("IQ4_XS", inSuperBlocks(nl, 32, integer(6)), 256, 136,
           {half(Component::ScaleOfScales, 0),
            part(scale, 16, {{K, 8, 2}, {B, 2, 1}}, 0, 4),
            part(scale, 32, {{K, 8, 4}, {B, 4, 1}}),
            codes(64, {{K, 16, 8}, {K, 2, 4}, {K, 8, 128}, {B, 4, 1}})}));
  formats.push_back(gguf("MXFP4", inGroups(e2m1(), 32, ScaleFormat::E8M0), 32,
                         17, {part(scale, 0, {{B, 8, 1}}), nibbles(8, 32)}));
  formats.push_back(
      gguf("NVFP4", inGroups(e2m1(), 16, ScaleFormat::E4M3), 64, 36,
           {part(scale, 0, {{K, 4, 8}, {B, 8, 1}}),
            codes(32, {{K, 8, 8}, {K, 2, 4}, {K, 4, 64}, {B, 4, 1}})}));
  ElementFormat ternary = table({-1, 0, 1, 2});
  formats.push_back(gguf("TQ2_0", inGroups(ternary, 256), 256, 66,
                         {stripes(0), half(scale, 512)}));
  // Digits of five columns in 48 bytes, of four in the last 4; the codes of
  // -1, 0 and 1 are 1, 2 and 3.
  formats.push_back(
      gguf("TQ1_0", inGroups({2, IntegerKind::SignedRestricted}, 256), 256, 54,
           {codes(0, {{K, 32, 8}, {K, 5, 1}}),
            codes(256, {{K, 16, 8}, {K, 5, 1}}, 160),
            codes(384, {{K, 4, 8}, {K, 4, 1}}, 240), half(scale, 416)}));
  formats.back().layout.atom.base = 3;
  formats.back().layout.added[0] = 3;
  formats.push_back(gguf("Q1_0", inGroups(integer(1), 128), 128, 18,
                         {d, codes(16, {{K, 128, 1}})}));
  formats.push_back(gguf("Q2_0", inGroups(ternary, 64), 64, 18,
                         {d, codes(16, {{K, 64, 2}, {B, 2, 1}})}));
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

/// MLC's words of whole codes, which are less by one than in offset binary.
static FileFormat mlc(const std::string &name, unsigned bits, int64_t group) {
  ElementFormat element(bits, IntegerKind::SignedRestricted);
  FileFormat format{"MLC " + name, inGroups(element, group),
                    words(K, 32 / bits, bits)};
  format.layout.added[0] = (1u << bits) - 1;
  return format;
}

/// q4f16_0 has the matrix transposed.
static void appendMLC(std::vector<FileFormat> &formats) {
  formats.push_back(mlc("q4f16_1", 4, 32));
  formats.push_back(mlc("q4f16_0", 4, 32));
  formats.back().layout.order = BlockOrder::ColumnMajor;
  formats.back().layout.own[static_cast<unsigned>(Component::Scale)] =
      share(transposed(16));
  formats.push_back(mlc("q3f16_1", 3, 40));
}

/// MLX: a stream for each row, in words.
static void appendMLX(std::vector<FileFormat> &formats) {
  for (unsigned bits : {2, 3, 4, 5, 6, 8}) {
    Layout stream = Layout::dense(bits);
    stream.rowAlignment = 32;
    formats.push_back({"MLX affine, " + std::to_string(bits) + " bits",
                       withMinimum(inGroups(natural(bits), 64)), stream});
  }
}

std::vector<FileFormat> getFileFormats() {
  std::vector<FileFormat> formats;
  for (unsigned bits : {2, 4, 8})
    formats.push_back(matMulNBits(bits));
  for (int version : {1, 2})
    for (unsigned bits : {2, 3, 4, 8})
      formats.push_back(gptqFile(bits, version));
  formats.push_back(awqFile());
  for (unsigned bits : {3, 4, 8})
    formats.push_back(compressedTensors(bits));
  formats.push_back({"compressed-tensors mxfp4-pack-quantized",
                     inGroups(e2m1(), 32, ScaleFormat::E8M0), pairs(false)});
  formats.push_back({"compressed-tensors nvfp4-pack-quantized",
                     inGroups(e2m1(), 16, ScaleFormat::E4M3), pairs(false)});
  formats.back().encoding.outer = OuterScale::Tensor;
  for (bool nested : {false, true}) {
    formats.push_back(bitsAndBytes("NF4", nf4(), nested));
    formats.push_back(bitsAndBytes("FP4", bitsAndBytesFP4(), nested));
  }
  appendSmallBlocks(formats);
  appendSuperBlocks(formats);
  appendTables(formats);
  appendMLC(formats);
  appendMLX(formats);
  return formats;
}

FileFormat getFileFormat(const std::string &name) {
  for (FileFormat &format : getFileFormats())
    if (format.name == name)
      return format;
  std::abort();
}

} // namespace lowbit::numerics
