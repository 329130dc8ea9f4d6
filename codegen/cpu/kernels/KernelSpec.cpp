//===- KernelSpec.cpp - what tells one CPU kernel from another ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelSpec.h"
#include "ByteDot.h"
#include "CodeDigits.h"
#include "CodeWindows.h"
#include "lowbit/IR/AttributeWord.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>
#include <numeric>

using namespace lowbit;
using namespace lowbit::cpu;

/// Longer tables take more permutations than bytes are worth.
static constexpr unsigned kMaxLearnedBits = 6;

std::string PanelFormat::name() const {
  const char *prefix = kind == PanelKind::Int8    ? "a8"
                       : kind == PanelKind::Int16 ? "a16"
                                                  : "f32";
  std::string result = prefix;
  if (hasBFloat())
    result += "_bf16";
  result += "x" + std::to_string(columns);
  if (joinedSegments > 1)
    result += "_joined" + std::to_string(joinedSegments);
  return result;
}

std::string PanelFormat::kernelName() const {
  std::string result = "lowbit_panel_" + name();
  if (roundsToBFloat)
    result += "_rounded";
  if (isPermuted)
    result += "_permuted";
  if (hasFactors)
    result += "_factors";
  if (rounding)
    llvm::raw_string_ostream(result) << '_' << rounding;
  if (scalesPerRow)
    result += "_token";
  if (isWords)
    result += "_words";
  if (hasGivenScale)
    result += "_scaled";
  return result;
}

static mlir::Value getIndex(mlir::ImplicitLocOpBuilder &b, int64_t value) {
  return mlir::arith::ConstantIndexOp::create(b, value);
}

/// Whether so many rows are bf16 numbers.
static mlir::Value hasBFloatRows(mlir::ImplicitLocOpBuilder &b,
                                 const PanelFormat &format, mlir::Value m) {
  return mlir::arith::CmpIOp::create(b, mlir::arith::CmpIPredicate::uge, m,
                                     getIndex(b, format.leastBFloatRows));
}

mlir::Value cpu::countTiledRows(mlir::ImplicitLocOpBuilder &b,
                                const PanelFormat &format, mlir::Value m) {
  using namespace mlir;
  if (!format.hasTiles())
    return getIndex(b, 0);
  Value rows = getIndex(b, PanelFormat::kTileRows);
  // With so many rows added, a block that has enough of them is whole.
  Value filled = arith::AddIOp::create(
      b, m, getIndex(b, PanelFormat::kTileRows - format.leastTileRows));
  Value tiled =
      arith::MulIOp::create(b, arith::DivUIOp::create(b, filled, rows), rows);
  if (!format.hasBFloat())
    return tiled;
  return arith::SelectOp::create(b, hasBFloatRows(b, format, m), getIndex(b, 0),
                                 tiled);
}

mlir::Value cpu::countBFloatRows(mlir::ImplicitLocOpBuilder &b,
                                 const PanelFormat &format, mlir::Value m) {
  using namespace mlir;
  if (!format.hasBFloat())
    return getIndex(b, 0);
  Value isEnough = hasBFloatRows(b, format, m);
  if (format.hasBFloatTiles) {
    Value rows = getIndex(b, PanelFormat::kTileRows);
    m = arith::MulIOp::create(b, arith::CeilDivUIOp::create(b, m, rows), rows);
  }
  return arith::SelectOp::create(b, isEnough, m, getIndex(b, 0));
}

mlir::Value cpu::countBFloatRowBytes(mlir::ImplicitLocOpBuilder &b,
                                     const PanelFormat &format, mlir::Value k) {
  using namespace mlir;
  Value segments =
      arith::CeilDivUIOp::create(b, k, getIndex(b, format.columns));
  Value bytes = arith::MulIOp::create(b, segments,
                                      getIndex(b, 2 * format.paddedColumns()));
  Value lines =
      arith::OrIOp::create(b,
                           arith::CeilDivUIOp::create(
                               b, bytes, getIndex(b, PanelFormat::kLineBytes)),
                           getIndex(b, 1));
  return arith::MulIOp::create(b, lines, getIndex(b, PanelFormat::kLineBytes));
}

/// Whether kernels decode the scales of a group: integers of whole bytes for
/// every register's rows, under a scale.
static bool readsStored(const numerics::Encoding &encoding) {
  const numerics::Encoding &stored = *encoding.stored;
  auto isPlain = [](numerics::ScaleFormat format) {
    return format == numerics::ScaleFormat::F16 ||
           format == numerics::ScaleFormat::F32;
  };
  unsigned bits = stored.element.codeBits();
  return stored.element.integer() && (bits == 4 || bits == 6 || bits == 8) &&
         stored.zeroPoint == numerics::ZeroPointKind::None &&
         !stored.hasMinimum &&
         stored.granularity == numerics::Granularity::Group &&
         stored.outer == numerics::OuterScale::None && isPlain(stored.scale) &&
         isPlain(encoding.scale) &&
         encoding.granularity == numerics::Granularity::Group &&
         encoding.zeroPoint != numerics::ZeroPointKind::Fractional;
}

int64_t cpu::getRunGroups(const numerics::Encoding &encoding, int64_t columns) {
  if (!encoding.stored)
    return 0;
  int64_t groups =
      std::gcd(encoding.stored->groupSize, encoding.groupCount(columns));
  return groups & -groups;
}

namespace {
struct Range {
  int64_t least, greatest;
};
} // namespace

/// The bytes, without an offset, that codes are multiplied as: none where a
/// number takes several.
static std::optional<Range> getBytes(const numerics::Encoding &encoding) {
  const numerics::ElementFormat &element = encoding.element;
  if (const numerics::IntegerFormat *integer = element.integer())
    return Range{integer->decode(0), integer->decode(integer->codeCount() - 1)};
  if (element.isLattice()) {
    int64_t bound = getLatticeOffset(numerics::latticeOf(element));
    return Range{-bound, bound};
  }
  CodeDigits digits = findCodeDigits(encoding, /*isSigned=*/true);
  if (digits.bytes.size() != 1)
    return std::nullopt;
  auto [least, greatest] =
      std::minmax_element(digits.bytes[0].begin(), digits.bytes[0].end());
  return Range{*least, *greatest};
}

/// Whether all products of two such numbers are signed bytes.
static bool areBytes(Range a, Range b) {
  for (int64_t x : {a.least, a.greatest})
    for (int64_t y : {b.least, b.greatest})
      if (x * y < -128 || x * y > 127)
        return false;
  return true;
}

/// Whether a group's scale is an integer times a scale that several groups
/// have, and nothing but products counts. A scale that is rounded to fewer bits
/// than f32 has isn't, and windows are decoded out of order.
static bool hasIntegerScales(const numerics::Encoding &encoding) {
  return encoding.stored &&
         encoding.element.windowBits() <= encoding.element.codeBits() &&
         encoding.scale == numerics::ScaleFormat::F32 && !encoding.hasMinimum &&
         encoding.zeroPoint == numerics::ZeroPointKind::None;
}

static Range getScales(const numerics::Encoding &encoding) {
  const numerics::IntegerFormat &scale = *encoding.stored->element.integer();
  return {scale.decode(0), scale.decode(scale.codeCount() - 1)};
}

/// Whether codes times such integers are bytes.
static bool hasByteScales(const numerics::Encoding &encoding) {
  if (!hasIntegerScales(encoding))
    return false;
  std::optional<Range> bytes = getBytes(encoding);
  return bytes && areBytes(*bytes, getScales(encoding));
}

/// The sums of a group's products with activations of -128 to 127.
static Range getSums(const numerics::Encoding &encoding) {
  auto [least, greatest] = *getBytes(encoding);
  int64_t columns = encoding.groupSize;
  return {std::min(-128 * greatest, 127 * least) * columns,
          std::max(-128 * least, 127 * greatest) * columns};
}

int64_t cpu::countScaledSegments(const numerics::Encoding &encoding,
                                 int64_t columns, int64_t segmentColumns) {
  if (!hasByteScales(encoding))
    return 0;
  int64_t each = llvm::divideCeil(encoding.groupSize, segmentColumns);
  int64_t groups = getRunGroups(encoding, columns);
  while (groups * each * segmentColumns > PanelFormat::kMaxColumns)
    groups /= 2;
  return groups > 1 ? groups * each : 0;
}

int64_t cpu::countIntegerGroups(const CPUDescription &target,
                                const numerics::Encoding &encoding,
                                int64_t columns) {
  // Scaling sums of so many columns is nothing. 32 bits hold 255 x 255 x 128
  // for each of them.
  constexpr int64_t kMostColumns = 256;
  if (!hasIntegerScales(encoding) || !getBytes(encoding))
    return 0;
  const ByteDot &dot = target.dot();
  bool areWords = dot.multipliesWords() && areNegatedSumsWords(encoding);
  if (!areWords && !dot.multipliesLanes())
    return 0;
  int64_t groups = getRunGroups(encoding, columns);
  while (groups * encoding.groupSize > kMostColumns)
    groups /= 2;
  return groups > 1 ? groups : 0;
}

bool cpu::areNegatedSumsWords(const numerics::Encoding &encoding) {
  auto [least, greatest] = getSums(encoding);
  return greatest <= 32768 && least >= -32767;
}

int64_t cpu::countJoinedSegments(int64_t scaledSegments, int64_t columns,
                                 int64_t segmentColumns) {
  // As much of both sides as the first-level cache has room for.
  constexpr int64_t kMostColumns = 256;
  if (!scaledSegments)
    return 1;
  int64_t padded = llvm::alignTo(segmentColumns, PanelFormat::kPadding);
  int64_t count =
      std::gcd(scaledSegments, llvm::divideCeil(columns, segmentColumns));
  for (count &= -count; count > 1; count /= 2)
    if (count * padded <= kMostColumns &&
        count * padded % PanelFormat::kTileBytes == 0)
      return count;
  return 1;
}

std::string cpu::explainNoLinearKernel(EncodingAttr encoding) {
  numerics::Encoding meaning = encoding.getNumerics();
  if (meaning.stored && !readsStored(meaning))
    return "CPU kernels read scales that are integers of 4, 6 or 8 bits, in "
           "groups under an f16 or f32; run lowbit-expand-weights first";
  if (meaning.element.tableOwner() != numerics::TableOwner::Format &&
      meaning.element.codeBits() > kMaxLearnedBits)
    return "CPU kernels look up learned tables of at most 64 numbers; run "
           "lowbit-expand-weights first";
  ElementFormatInterface element = encoding.getElement();
  unsigned values = element.getValuesPerCode();
  if (encoding.getColumnScale())
    return "CPU kernels read weights without column scales";
  if (encoding.getNumerics().element.isLattice())
    return {};
  if (element.getCodeBits() > 8 || values > 8 || !llvm::isPowerOf2_32(values))
    return "CPU kernels read codes of 1 to 8 bits, of 1, 2, 4 or 8 numbers, "
           "and those of lattices";
  if (element.getWindowBits() == element.getCodeBits())
    return {};
  if (values != 1 || element.getWindowBits() > kMaxWindowBits ||
      findCodeDigits(encoding.getNumerics(), false).bytes.size() != 1)
    return "CPU kernels read codes that overlap in windows of at most 12 bits, "
           "of one number that is a small multiple of a step";
  return {};
}

bool cpu::hasLinearKernel(const numerics::Layout &layout,
                          const numerics::Encoding &encoding,
                          const PanelFormat &panel) {
  // Tiles of weights are multiplied in pairs.
  bool hasTiles = panel.hasTiles() || panel.hasBFloatTiles;
  int64_t rows = hasTiles ? 2 * kLanes : kLanes;
  return (findCodeFields(layout, encoding) ||
          findCodeWindows(layout, encoding)) &&
         layout.atom.rows % rows == 0 &&
         layout.parameters == numerics::ParameterPlacement::Inline &&
         llvm::alignTo(panel.columns, PanelFormat::kPadding) %
                 (layout.columnPadding * encoding.element.valuesPerCode()) ==
             0;
}

int64_t LinearKernelSpec::getRunSegments() const {
  if (scaledSegments)
    return scaledSegments;
  if (!panel.hasOneScale())
    return 1;
  numerics::Encoding numbers = encoding.getNumerics();
  int64_t most = PanelFormat::kMaxColumns / panel.columns;
  if (numbers.granularity != numerics::Granularity::Group)
    return most;
  int64_t count = llvm::divideCeil(numbers.groupSize, panel.columns);
  return count <= most ? count : 1;
}

bool cpu::multipliesWords(const CPUDescription &target,
                          const numerics::Encoding &encoding, int64_t columns) {
  if (!target.hasWords || columns > PanelFormat::kMaxWordColumns)
    return false;
  bool isFormatTable =
      encoding.element.table() &&
      encoding.element.tableOwner() == numerics::TableOwner::Format;
  return !isFormatTable || encoding.element.isLattice() ||
         findCodeDigits(encoding, target.signedBytes).bytes.size() == 1;
}

std::string LinearKernelSpec::name() const {
  std::string result = "lowbit_linear_" + spellWord(encoding) + "_" +
                       spellWord(layout) + "_" + panel.name();
  if (scaledSegments)
    result += "_scaled" + std::to_string(scaledSegments);
  if (integerGroups)
    result += "_groups" + std::to_string(integerGroups);
  return result + spellEpilogue(hasBias, activation, isGated, hasResidual);
}

std::string EmbeddingKernelSpec::name() const {
  std::string index;
  llvm::raw_string_ostream(index) << indexType;
  return "lowbit_embedding_" + spellWord(encoding) + "_" + index;
}
