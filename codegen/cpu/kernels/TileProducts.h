//===- TileProducts.h - products of many rows in tiles ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a machine multiplies tiles (AMX), many rows of activations are
// multiplied so. A task takes its row blocks in panels:
//
//   for each panel of weight rows: decode it to bytes, once
//     for each 64 rows of activations
//       for each 64 rows of weights
//         for each segment
//           for each 32 x 32 of them (or 16 x 32, at the end)
//             products in tiles; meanwhile, scale those before and add them
//             to sums in memory; or, where segments have the same scales, add
//             these products to sums
//         bias, activation, gate, residual; store
//
// The panel is in the second-level cache, the sums in the first.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H

#include "UnpackedProducts.h"
#include <array>

namespace lowbit::cpu {

class TileProducts : public UnpackedProducts {
public:
  TileProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
               GroupParameters &parameters, RowTables &tables)
      : UnpackedProducts(builder, spec, parameters, tables) {}

private:
  /// Rows of activations, and pairs of 16 rows of weights, whose sums are in
  /// the first-level cache together.
  static constexpr int64_t kRegionRows = 64, kRegionPairs = 2;
  /// Rows of a tile.
  static constexpr int64_t kTileRows = PanelFormat::kTileRows;
  /// Sums, or products, of a tile.
  static constexpr int64_t kTileElements = kTileRows * kLanes;
  /// Results that are computed together.
  static constexpr int64_t kRegionElements =
      kRegionPairs * 2 * kRegionRows * kLanes;
  /// Tiles of products of a segment and level: 32 x 32.
  static constexpr int64_t kVisitTiles = 4;

  /// A pair of tiles of weights: the row block, counted from the panel's first,
  /// the pair's first register of rows in it, and where its sums begin.
  struct Pair {
    Value block, firstRegister, sums;
  };
  /// Results that are computed together, of row blocks from `tile` on: rows of
  /// activations [firstRow, rowEnd), those before `twoEnd` in two tiles each,
  /// and pairs of tiles of weights.
  struct Region {
    Value tile, firstRow, twoEnd, rowEnd, firstPair, pairEnd;
  };
  /// What is multiplied: a pair of tiles of weights and a segment, with the
  /// tiles of rows from `row` on. Here and below, segments that the panel joins
  /// are one.
  struct Operand {
    Pair pair;
    Value segment, row;
  };
  /// Rows [begin, end) of each of so many tiles, from the row `first` on.
  struct Rows {
    Value first;
    int64_t tiles, begin, end;
  };
  /// Segments that are multiplied before any is scaled.
  struct Visit {
    Value first;
    /// For each, the parameters of both tiles' rows.
    llvm::SmallVector<std::array<GroupParameters::Numbers, 2>> numbers;
    int64_t count() const { return numbers.size(); }
  };

  bool needsActivationSum() const {
    return encoding.hasMinimum ||
           encoding.zeroPoint != numerics::ZeroPointKind::None;
  }
  /// Bytes of a segment's tiles of 16 rows of weights.
  int64_t tileBytes() const { return spec.panel.joinedColumns() * kLanes; }
  /// The tiles of a digit and register of rows.
  Value tileOffset(Value block, Value segment, int64_t digit, Value index);

  /// Whether sums stay integers for several segments.
  bool hasRuns() const { return runSegments() > 1; }
  int64_t runSegments() const {
    return spec.getRunSegments() / spec.panel.joinedSegments;
  }
  int64_t rawElements() const;

  void prepare() override;
  void emitPanels(Value first, Value last, Value rows) override;
  void emitPanel(Value tile, Value blocks, Value rows);
  void unpackBlock(Value tile, Value block);
  llvm::SmallVector<Values> placeRows(Value block, Value segment);
  void unpackSegment(const SegmentOperands &operands, Value block,
                     Value segment, Extent columns);
  void emitRegion(Value tile, Value rows, Value firstRow, Value firstPair,
                  Value pairEnd);
  void emitVisits(const Region &region);
  void emitRuns(const Region &region);
  void forEachVisit(
      Value first, Value end,
      llvm::function_ref<void(Value first, Value end, int64_t count)> body);
  Values
  forEachTwo(const Region &region, mlir::ValueRange carried,
             llvm::function_ref<Values(Value row, mlir::ValueRange)> body);
  void forOne(const Region &region, llvm::function_ref<void(Value row)> body);
  void forEachTiles(
      const Region &region, llvm::function_ref<void(const Pair &)> start,
      llvm::function_ref<void(const Pair &, Value row, int64_t tiles)> body);
  void multiplyVisit(const Operand &operand, int64_t count, int64_t tileRows,
                     Value place, llvm::function_ref<void()> between);
  Values emitPair(const Region &region, Value segment, int64_t count,
                  Value index, mlir::ValueRange waiting);
  void ifWaiting(mlir::ValueRange waiting, llvm::function_ref<void()> body);
  Value getSumsPlace(const Region &region, const Pair &pair, Value row);
  void addSegments(const Region &region, Value first, Value end);
  int64_t getVisitCount() const;
  Pair getPair(const Region &region, Value pair);
  Visit getVisit(Value tile, const Pair &pair, Value segment, int64_t count);
  void addHeaders(const Region &region, Value first, Value end);
  Value headerOffset(const Region &region, Value block, Value r, Value segment);
  Value segmentOffset(Value row, Value segment);
  void emitProducts(const Operand &operand, int64_t tileRows, int64_t level,
                    int64_t count, Value place,
                    llvm::function_ref<void()> between);
  int64_t unrolledSteps() const;
  Values multiplyStep(const Operand &operand, Value step, int64_t level,
                      mlir::ValueRange sums);
  void emitScales(const Region &region, const Pair &pair, const Visit &visit,
                  const Rows &rows, Value first);
  Value addProducts(const Visit &visit, Value memory,
                    llvm::ArrayRef<Value> places, Value first, Value r,
                    int64_t tile, Value sum);
  void storeRegion(const Region &region, Value rowEnd);
  Value allocateLocal(int64_t elements, mlir::Type element);

  /// How many segments a row has where those that are joined are one.
  Value tileSegments;
  /// Decoded weights; products of a visit, or of a run; sums of a region, in
  /// tiles; the headers of a run's rows, where their sums are needed.
  Value decoded, raw, sums, headers;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H
