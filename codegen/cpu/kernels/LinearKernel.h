//===- LinearKernel.h - matrix products that read packed codes --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One skeleton for every encoding:
//
//   for many rows of activations, where the machine has tiles: TileProducts.h,
//   or where they are bf16 and it multiplies those: BFloatProducts.h;
//   where codes take long to decode: LinearChunks.cpp
//   for each row block of the weights                     (the tiles)
//     for each few rows of activations, then each single one
//       for each group: load its parameters
//         for each segment: products (SegmentProducts.h)
//       where groups' scales are integers under one that several have, and
//       activations have one: sums of those times such integers, as integers,
//       which are scaled once for all of them (IntegerRuns.cpp)
//       bias, activation, gate, residual on registers; store
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_LINEARKERNEL_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_LINEARKERNEL_H

#include "GroupParameters.h"
#include "RowTables.h"
#include "SegmentProducts.h"

namespace lowbit::cpu {

/// Rows of activations that are computed together, with some of the block's
/// rows of weights.
struct Rows {
  mlir::Value first;
  int64_t count;
  Slices slices;
  /// The tables of each register's rows, where rows have some.
  llvm::SmallVector<mlir::Value> tables = {};
  /// Decoded codes of the chunk at hand.
  DecodedCodes decoded = {};
};

class LinearKernel {
public:
  using Type = mlir::Type;
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = llvm::SmallVector<Value>;

  LinearKernel(mlir::func::FuncOp function, const LinearKernelSpec &spec)
      : b(function.getLoc(), function.getContext()), spec(spec),
        function(function), encoding(spec.encoding.getNumerics()),
        layout(spec.layout.getLayout(encoding.element.codeBits())),
        products(b, spec), parameters(b, spec), tables(b, spec) {}
  void emit();

private:
  bool isGrouped() const {
    return encoding.granularity == numerics::Granularity::Group;
  }
  bool needsActivationSum() const {
    return encoding.hasMinimum ||
           encoding.zeroPoint != numerics::ZeroPointKind::None;
  }
  /// Whether sums of groups times their scales are integers, for several.
  bool hasIntegers() const { return spec.integerGroups > 0; }
  /// What sums of a group's products start with.
  Value zeroSum() {
    return b.zero(
        lanes(hasIntegers() ? Type(b.getI32Type()) : Type(b.getF32Type())));
  }
  /// Sums that a group carries: products, then activation sums if needed.
  size_t sumCount(const Rows &rows) const {
    return rows.count * (products.registerCount(rows.slices.count) +
                         (needsActivationSum() ? 1 : 0));
  }
  /// The first of the 16 x sub-block rows that register `index` holds.
  Value firstRow(const Slices &slices, int64_t index) {
    int64_t known = index / slices.count * kLanes +
                    index % slices.count * spec.target->lanes();
    return b.add(slices.first, known);
  }
  mlir::VectorType lanes(mlir::Type element) {
    return b.vector(spec.target->lanes(), element);
  }
  int64_t segmentBytes() const {
    return llvm::divideCeil(encoding.codesPerRow(spec.panel.columns),
                            layout.columnPadding) *
           bytesPerPadding();
  }
  int64_t bytesPerPadding() const {
    return layout.columnPadding / layout.atom.columns * layout.atom.bits / 8;
  }
  int64_t fullGroupBytes() const {
    return parameters.bytes() +
           llvm::divideCeil(encoding.codesPerRow(encoding.groupSize),
                            layout.columnPadding) *
               bytesPerPadding();
  }
  Value codeBytes(Value columns) {
    int64_t padded = layout.columnPadding * encoding.element.valuesPerCode();
    return b.mul(b.ceilDiv(columns, padded), bytesPerPadding());
  }

  void bindArguments();
  void computeBlockBytes();
  llvm::SmallVector<int64_t> getRowTiles() const;
  Value emitUnpacked();
  template <typename Products> Value emitUnpacked(Value rows);
  void emitPasses(int64_t count, llvm::function_ref<void(Slices)> body);
  void emitRows(Value tile, Rows rows);
  void prepareTables(Value tile, Rows &rows);
  GroupParameters::Place placeGroup(Value tile, Value group);
  Values addGroups(Value tile, Value first, Value end, Rows rows,
                   ValueRange sums);
  Values addShortGroup(Value tile, Value first, Value end, Rows rows,
                       ValueRange sums);
  Values emitGroup(const GroupParameters::Place &place, Extent columns,
                   const Rows &rows, ValueRange outer);
  Values applyGroup(const GroupParameters::Place &place, const Rows &rows,
                    llvm::MutableArrayRef<Value> sums, ValueRange outer);
  Rows advance(Rows rows, Value count, int64_t columns);
  Values emitSegments(Value codes, Value segment, Extent columns,
                      const Rows &rows);
  Values addSegments(Value codes, Value segment, Value count, const Rows &rows,
                     ValueRange sums);
  Values addShortSegment(Value codes, Value segment, Value columns,
                         const Rows &rows, ValueRange sums);
  Values emitSegment(Value codes, Value segment, Extent columns,
                     const Rows &rows, ValueRange sums);
  Values scaleRows(const Rows &rows, ValueRange sums);
  void storeRows(Value tile, const Rows &rows, ValueRange sums);
  void storeRegister(Value sum, Value weightRow, Value row);
  Value takePairs(Value values, int64_t first);

  //===--- Runs of groups whose sums are integers -------------------------===//
  Values applyIntegers(const GroupParameters::Place &place, const Rows &rows,
                       ValueRange sums, ValueRange outer);
  Values addRuns(Value tile, Value first, Value end, bool areWhole, Rows rows,
                 ValueRange sums);
  Values applyRun(const GroupParameters::Place &place, const Rows &rows,
                  ValueRange integers, ValueRange outer);

  //===--- Chunks ---------------------------------------------------------===//
  bool hasChunks() const;
  int64_t unitColumns() const;
  Value countUnits();
  int64_t unitBytes() const;
  int64_t unitsPerChunk() const;
  int64_t rowSums() const;
  Value emitChunks();
  void emitChunkedTile(Value tile, Value rows);
  void addChunk(Value tile, Rows rows, Value first, Value end);
  void finishRows(Value tile, Rows rows);
  Value sumPlace(const Rows &rows, int64_t r, int64_t index);
  Values loadSums(const Rows &rows);
  void storeSums(const Rows &rows, ValueRange sums);

  KernelBuilder b;
  const LinearKernelSpec &spec;
  mlir::func::FuncOp function;
  numerics::Encoding encoding;
  numerics::Layout layout;
  SegmentProducts products;
  GroupParameters parameters;
  RowTables tables;
  Value weights, outer, panel, bias, residual, output, m, n, k, first, last;
  Value fullGroups, allGroups, blockBytes, panelRowBytes;
  /// Of chunks: sums of all rows, and decoded codes.
  Value chunkSums, decoded;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_LINEARKERNEL_H
