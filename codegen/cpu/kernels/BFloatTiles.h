//===- BFloatTiles.h - products of bf16 in tiles ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATTILES_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATTILES_H

#include "BFloatProducts.h"

namespace lowbit::cpu {

/// For AMX: 64 rows of activations and 64 of weights at a time, whose sums are
/// in the first-level cache.
class BFloatTiles : public BFloatProducts {
public:
  /// 256 KiB of a panel of 128 rows are decoded at a time.
  BFloatTiles(KernelBuilder &builder, const LinearKernelSpec &spec,
              GroupParameters &parameters, RowTables &tables)
      : BFloatProducts(builder, spec, parameters, tables,
                       {/*interleaved=*/1, spec.tuning.unpackedRows,
                        /*chunkColumns=*/1024, kColumns}) {}

private:
  /// Rows and columns of a tile of activations; 16 pairs of columns are one of
  /// weights.
  static constexpr int64_t kRows = PanelFormat::kTileRows, kColumns = 32;
  /// Rows of activations, and pairs of 16 rows of weights, whose sums are in
  /// the first-level cache together; steps of columns that are added to them at
  /// a time.
  static constexpr int64_t kRegionRows = 64, kRegionPairs = 2, kSliceSteps = 2;

  /// Rows [firstRow, rowEnd) of activations, those before `twoEnd` in two tiles
  /// each, and pairs of registers of weights.
  struct Region {
    Value firstRow, twoEnd, rowEnd, firstPair, pairEnd;
  };

  void multiply(const Chunk &chunk) override;
  Value sumPlace(Value row, Value index) override;
  void multiplyRegion(const Region &region, Value firstByte, Value steps);
  void multiplySlice(const Region &region, Value firstByte, Value step,
                     int64_t count);
  void multiplyTiles(Value row, int64_t rowTiles, Value pair, Value firstByte,
                     Value step, int64_t count);
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATTILES_H
