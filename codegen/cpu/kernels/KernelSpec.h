//===- KernelSpec.h - what tells one CPU kernel from another ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels are keyed by encoding, layout, activation form and epilogue. Shapes
// are arguments, so layers that differ in N, K and M alone share a kernel.
//
// What a kernel may assume of its buffers, and test/unit/codegen/GuardPageTest
// holds it to: each has exactly the bytes that follow, none is aligned beyond
// its element type (bytes: not at all), and bytes beyond either end may be
// inaccessible.
//
//   blob       what `numerics::BoundLayout` says for N x K: whole atoms, so all
//              rows of the last block and K padded in each group, and the
//              layout's tail. Kernels read all of it (of a tail, as far as they
//              load whole vectors); padding has codes and parameters that no
//              result sees.
//   table      of a learned format: [N or 1, codes] signed bytes.
//   scales of  [row blocks, runs of groups, rows of a block]: of scales that
//   scales     are quantized (GroupParameters.h), and so for minima.
//   panel      M * PanelFormat::rowBytes(K), padding included; of tiles, for as
//              many rows as those have.
//   codes      of an embedding: the dense stream, ceil(N * K * width / 8)
//   bytes,
//              at least kLoadBytes. Its parameters: one for each group.
//   the rest   (x, columns, bias, residual, y, indices) one element for each
//              that there is; vectors at their ends are masked.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELSPEC_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELSPEC_H

#include "CodeFields.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lowbit::cpu {

/// How a row of activations is handed to a linear kernel.
enum class PanelKind {
  /// One signed byte per value and a scale per segment.
  Int8,
  /// Two signed bytes, x = scale * (256 * high + low): 16 bits through the
  /// byte dot product.
  Int16,
  /// f32 values.
  Float,
};

/// A row of activations as kernels read it. Each segment of `columns` columns
/// begins with a header of four words,
///   scale (f32), sum of the values (i32 high bytes or all; f32 for floats),
///   sum of the low bytes (i32), nothing,
/// then `paddedColumns()` values (for Int16 all high bytes, then all low
/// bytes), zero beyond the row's end. The sums let kernels subtract a zero
/// point once per segment. Segments never cross the groups of the weights that
/// they meet.
///
/// Blocks of kTileRows rows may be tiles, as `countTiledRows` says. They take
/// as many bytes, in another order: of each segment the rows' headers, then for
/// each of `parts` bytes of a value and each step of `stepColumns()` columns
/// the rows' bytes, one row after the other, which a tile loads at once. Rows
/// of such a block that there aren't are zero. Of `joinedSegments` segments,
/// all headers come before all bytes, whose steps go on from one to the next.
///
/// From `leastBFloatRows` rows on, all rows are bf16 numbers instead: without
/// headers, segment behind segment, each padded as before. A row begins
/// `countBFloatRowBytes` behind the one before it. For tiles of such numbers
/// there are whole blocks of rows, zero beyond those that there are, and whole
/// lines of numbers.
struct PanelFormat {
  PanelKind kind;
  /// Columns of a segment; the row's last may have fewer.
  int64_t columns;
  /// Whether the row's values come in another order than the panel's, or are
  /// some of a longer row's: a buffer holds each one's column.
  bool isPermuted = false;
  /// Whether all segments have one scale, which is an argument.
  bool hasGivenScale = false;
  /// Whether such values are multiplied by factors, a buffer of them.
  bool hasFactors = false;
  /// Of `Float`: the FP8 type that values are rounded to, divided by their
  /// scale, before they are multiplied by it again; null: none.
  mlir::FloatType rounding = {};
  /// Whether a scale that isn't given is a row's, and not a segment's.
  bool scalesPerRow = false;
  /// Of blocks of kTileRows rows, those with as many rows or more are kept as
  /// tiles; 0: none are.
  int64_t leastTileRows = 0;
  /// Segments that are one in tiles: a divisor of those of a row, and whole
  /// steps of kTileBytes columns unless it is 1.
  int64_t joinedSegments = 1;
  /// So many rows or more are kept as bf16 numbers; 0: never. And whether those
  /// are for tiles.
  int64_t leastBFloatRows = 0;
  bool hasBFloatTiles = false;
  /// Whether values are rounded to bf16 before anything else.
  bool roundsToBFloat = false;
  /// Whether integers are words of 16 bits, which are multiplied in pairs. Of
  /// each step of kStepColumns columns, 0 and 2 come first, then 1 and 3: next
  /// to even and odd bytes of codes. Their sum is the header's second word.
  bool isWords = false;

  static constexpr int64_t kHeaderBytes = 16;
  /// Segments are padded to a multiple of this many columns, with tiles to
  /// whole steps. Layouts' paddings must divide what results without.
  static constexpr int64_t kPadding = kLanes;
  /// Kernels unroll over a segment and sum its products in 32 bits: two of
  /// 255 * 128 for each of so many columns still fit.
  static constexpr int64_t kMaxColumns = 32768;
  /// The same of words: 255 * 32768 for each column.
  static constexpr int64_t kMaxWordColumns = 256;
  /// Rows and bytes of a row of a tile.
  static constexpr int64_t kTileRows = 16, kTileBytes = 64;
  /// Rows of bf16 numbers are an odd number of lines of caches apart: few rows
  /// that are read side by side then fall into different sets.
  static constexpr int64_t kLineBytes = 64;

  bool hasTiles() const { return leastTileRows > 0; }
  /// Whether all segments of a row have the same scale.
  bool hasOneScale() const { return scalesPerRow || hasGivenScale; }
  bool hasBFloat() const { return leastBFloatRows > 0; }
  /// Whether bf16 numbers don't fill the last line of a row's segments.
  bool hasPartOfLine() const { return 2 * paddedColumns() % kLineBytes; }
  /// Whether the form of rows depends on how many there are.
  bool takesRowCount() const { return hasTiles() || hasBFloat(); }
  int64_t paddedColumns() const {
    return hasTiles() ? joinedColumns() / joinedSegments
                      : llvm::alignTo(columns, kPadding);
  }
  int64_t valueBytes() const {
    return kind == PanelKind::Float              ? 4
           : kind == PanelKind::Int16 || isWords ? 2
                                                 : 1;
  }
  int64_t segmentBytes() const {
    return kHeaderBytes + paddedColumns() * valueBytes();
  }
  /// Steps of the tiles of a segment, or of those that are joined, as few as
  /// there can be, and columns of each, all the same: a product takes as long
  /// for fewer columns, and tiles of two shapes can't share registers, of which
  /// a kernel needs seven of eight.
  int64_t stepCount() const {
    return llvm::divideCeil(tiledColumns(), kTileBytes);
  }
  int64_t stepColumns() const {
    return llvm::alignTo(llvm::divideCeil(tiledColumns(), stepCount()),
                         kPadding);
  }
  /// Columns of segments that are joined, in tiles.
  int64_t joinedColumns() const { return stepCount() * stepColumns(); }
  int64_t segmentCount(int64_t rowColumns) const {
    return llvm::divideCeil(rowColumns, columns);
  }
  int64_t rowBytes(int64_t rowColumns) const {
    int64_t segments = segmentCount(rowColumns), lines = 0;
    if (hasBFloat())
      lines = llvm::divideCeil(2 * segments * paddedColumns(), kLineBytes) | 1;
    return std::max(segments * segmentBytes(), lines * kLineBytes);
  }
  /// Part of a kernel's name, such as `a16x32`: what tells a linear kernel.
  std::string name() const;
  /// The name of the kernel that writes such panels.
  std::string kernelName() const;

private:
  /// The same without columns that fill up steps.
  int64_t tiledColumns() const {
    return joinedSegments == 1
               ? columns
               : joinedSegments * llvm::alignTo(columns, kPadding);
  }
};

/// A matrix product with one weight encoding, layout, panel and epilogue.
struct LinearKernelSpec {
  /// Whose instructions it uses. A module has one target, so that names don't
  /// tell it.
  const CPUDescription *target = nullptr;
  EncodingAttr encoding;
  LayoutInterface layout;
  PanelFormat panel;
  bool hasBias = false, hasResidual = false, isGated = false;
  ActivationAttr activation;
  /// Neighbouring segments whose codes, times the integers that are their
  /// groups' scales, are bytes under one scale in tiles
  /// (`countScaledSegments`); 0: tiles have bytes of codes.
  int64_t scaledSegments = 0;
  /// Neighbouring groups whose sums, times the integers that are their scales,
  /// are added up as integers where rows aren't in tiles
  /// (`countIntegerGroups`); 0: sums of groups are floats.
  int64_t integerGroups = 0;
  /// Tiles and prefetching; those of a module are the same, so that names don't
  /// tell them either.
  CPUTuning tuning = {};

  /// Most neighbouring segments whose products in tiles are scaled by the same
  /// numbers, so that integers can be added up for all of them: those of a
  /// group, or of groups with a scale in common, or as many as 32 bits have
  /// room for.
  int64_t getRunSegments() const;
  std::string name() const;
};

/// Rows of a dense table, selected by index.
struct EmbeddingKernelSpec {
  const CPUDescription *target = nullptr;
  EncodingAttr encoding;
  mlir::Type indexType;

  /// The least number of bytes of codes that the kernel reads at once.
  static constexpr int64_t kLoadBytes = 8;

  std::string name() const;
};

/// Why no linear kernel reads weights of `encoding`, or an empty string.
std::string explainNoLinearKernel(EncodingAttr encoding);

/// How many groups of a row of `columns` columns share a scale of their scales,
/// wherever the row's first one stands: a power of two; 0 where scales aren't
/// quantized.
int64_t getRunGroups(const numerics::Encoding &encoding, int64_t columns);

/// How many neighbouring segments of `segmentColumns` columns have one scale in
/// a row of `columns` columns once codes are multiplied by the integers that
/// their groups' scales are under a scale in common, which makes them signed
/// bytes; 0 where there are no such integers, products need more bits, or each
/// group has a scale of its own.
int64_t countScaledSegments(const numerics::Encoding &encoding, int64_t columns,
                            int64_t segmentColumns);

/// How many neighbouring groups of a row of `columns` columns have one scale
/// once sums of their products with bytes of activations are multiplied by the
/// integers that their scales are under a scale in common; 0 where there are no
/// such integers, each group has a scale of its own, groups are so long that
/// their sums may as well be floats, or no one instruction of the target
/// multiplies such sums and adds them.
int64_t countIntegerGroups(const CPUDescription &target,
                           const numerics::Encoding &encoding, int64_t columns);

/// Whether a group's sum has 16 bits, for encodings with such groups, if it is
/// negated: -8 times -128 for each of 32 columns is the one that has 17.
bool areNegatedSumsWords(const numerics::Encoding &encoding);

/// How many of `scaledSegments` segments are one in the tiles of a row of
/// `columns` columns: as many as are multiplied before sums are scaled.
int64_t countJoinedSegments(int64_t scaledSegments, int64_t columns,
                            int64_t segmentColumns);

/// Whether linear kernels read codes of `encoding` in this layout and multiply
/// them by such a panel: what pads a segment's codes must not exceed the
/// panel's padding.
bool hasLinearKernel(const numerics::Layout &layout,
                     const numerics::Encoding &encoding,
                     const PanelFormat &panel);

/// The type in which kernels take a buffer: contiguous, of any length,
/// anywhere.
inline mlir::MemRefType flatBuffer(mlir::Type element) {
  auto layout = mlir::StridedLayoutAttr::get(element.getContext(),
                                             mlir::ShapedType::kDynamic, {1});
  return mlir::MemRefType::get({mlir::ShapedType::kDynamic}, element, layout);
}

/// Whether the target multiplies codes of `encoding` by words of activations in
/// segments of `columns` columns: where a number is one byte, so that sums are
/// the same as those of bytes are.
bool multipliesWords(const CPUDescription &target,
                     const numerics::Encoding &encoding, int64_t columns);

/// How many of the panel's `m` rows are in tiles, the first ones: whole blocks,
/// and a last one that has enough of them. 0 where the format has none, or all
/// are bf16 numbers.
mlir::Value countTiledRows(mlir::ImplicitLocOpBuilder &b,
                           const PanelFormat &format, mlir::Value m);

/// How many of the panel's `m` rows are bf16 numbers: all or none; for tiles,
/// whole blocks.
mlir::Value countBFloatRows(mlir::ImplicitLocOpBuilder &b,
                            const PanelFormat &format, mlir::Value m);

/// Bytes from one such row of `k` columns to the next.
mlir::Value countBFloatRowBytes(mlir::ImplicitLocOpBuilder &b,
                                const PanelFormat &format, mlir::Value k);

/// Emits (or finds) the kernel
///   (weights: bytes, [outer scales: floats,] [table: bytes,]
///    [scales of scales, [of minima,] log2 of a run's groups: index,]
///    panel: bytes, [bias: floats,]
///    [residual: floats,]
///    m, n, k: index, y: floats, first, last: index)
/// which computes the rows of the row blocks [first, last) of the weights, all
/// m rows of the panel. Any N, K and M.
mlir::func::FuncOp getOrCreateLinearKernel(mlir::ModuleOp module,
                                           const LinearKernelSpec &spec);

/// Emits (or finds) the kernel
///   (x: floats, [columns: words, columns of x: index,] [factors: floats,]
///    [scale: f32,] k: index, [m: index,] panel: bytes, first, last: index)
/// which writes the rows [first, last) of the panel, of m there are: with
/// tiles, rows of those beyond m are zero.
mlir::func::FuncOp getOrCreatePanelKernel(mlir::ModuleOp module,
                                          const PanelFormat &format,
                                          const CPUDescription &target);

/// Emits (or finds) the kernel
///   (codes: bytes, scale, [zero point,] [minimum,] indices, n, k: index,
///    y: floats, first, last: index)
/// which writes the rows that the indices [first, last) name. Tables have at
/// least `kLoadBytes` bytes of codes.
mlir::func::FuncOp getOrCreateEmbeddingKernel(mlir::ModuleOp module,
                                              const EmbeddingKernelSpec &spec);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_KERNELSPEC_H
