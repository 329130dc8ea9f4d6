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
//             products in tiles; scale them and add them to sums in memory
//         bias, activation, gate, residual; store
//
// The panel is in the second-level cache, the sums in the first.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H

#include "GroupParameters.h"
#include "RowTables.h"
#include "SegmentProducts.h"
#include <array>

namespace lowbit::cpu {

class TileProducts {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  TileProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
               GroupParameters &parameters, RowTables &tables);

  /// The kernel's arguments, and what follows from them.
  struct Operands {
    Value weights, panel, m, n, k, blockBytes, panelRowBytes;
    /// Bytes of a whole group (0 where rows have one), and of the codes of a
    /// whole segment.
    int64_t groupBytes, segmentBytes;
  };
  /// Computes rows [0, rows) of the activations, which are in tiles, for the
  /// row blocks [first, last), and hands each register of results to `store`.
  void
  emit(const Operands &given, Value first, Value last, Value rows,
       llvm::function_ref<void(Value sum, Value weightRow, Value row)> store);

private:
  /// A pair of tiles of weights: the row block, counted from the panel's first,
  /// the pair's first register of rows in it, and where its sums begin.
  struct Pair {
    Value block, firstRegister, sums;
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
  int64_t registers() const { return layout.atom.rows / kLanes; }
  /// Bytes of a segment's tiles of 16 rows of weights.
  int64_t tileBytes() const { return spec.panel.paddedColumns() * kLanes; }
  int64_t segmentsOfGroup() const;
  Value groupOf(Value segment);
  /// The tiles of a digit and register of rows.
  Value tileOffset(Value block, Value segment, int64_t digit, Value index);

  void emitPanel(Value tile, Value blocks, Value rows);
  void unpackBlock(Value tile, Value block);
  void unpackSegment(SegmentOperands operands, Value base, Value block,
                     Value segment, Extent columns);
  void emitRegion(Value tile, Value rows, Value firstRow, Value firstPair,
                  Value pairEnd);
  int64_t getVisitCount() const;
  Pair getPair(Value pair, Value firstPair);
  Visit getVisit(Value tile, const Pair &pair, Value segment, int64_t count);
  Value segmentOffset(Value row, Value segment);
  void emitProducts(const Pair &pair, Value segment, int64_t slot, Value row,
                    int64_t tileRows);
  void emitLevel(const Pair &pair, Value segment, Value row, int64_t tileRows,
                 int64_t level, int64_t firstTile);
  Values multiplyStep(const Pair &pair, Value segment, Value place, Value step,
                      int64_t level, mlir::ValueRange sums);
  void emitScales(const Pair &pair, const Visit &visit, Value firstRow,
                  Value row, int64_t tileRows);
  Value addProducts(const Visit &visit, llvm::ArrayRef<Value> headers, Value r,
                    int64_t tile, Value sum);
  void storeRegion(Value tile, Value rowEnd, Value firstRow, Value firstPair,
                   Value pairEnd);
  mlir::Value allocate(int64_t elements, mlir::Type element);

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  numerics::Encoding encoding;
  numerics::Layout layout;
  SegmentProducts products;
  GroupParameters &parameters;
  RowTables &tables;
  llvm::function_ref<void(Value, Value, Value)> store;
  Operands operands;
  Value segments;
  /// Decoded weights; products of a visit, and sums of a region, in tiles.
  Value decoded, raw, sums;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_TILEPRODUCTS_H
