//===- BFloatProducts.h - products of many rows in bf16 ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a machine multiplies pairs of bf16 and activations are such numbers,
// many rows of them are multiplied so:
//
//   for each panel of weight rows
//     for some segments at a time: decode them to bf16, scales applied, once
//       for each 64 rows of weights
//         for each few rows of activations
//           sums of products in registers, from memory and back to it
//     bias, activation, gate, residual; store
//
// The innermost loop loads and multiplies, and nothing else: neither codes nor
// groups are left there. What is decoded, and the activations that it meets,
// stay in the second-level cache.
//
// A decoded weight is the value of the specification, rounded to bf16, but for
// an outer scale, which results are multiplied by. The instruction takes
// subnormal numbers for 0, and so does the conversion: below 2^-126.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H

#include "UnpackedProducts.h"

namespace lowbit::cpu {

class BFloatProducts : public UnpackedProducts {
public:
  /// Rows of weights that are multiplied together, at least: a task takes as
  /// many, or is the last.
  static constexpr int64_t kPanelRows = 64;

  BFloatProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
                 GroupParameters &parameters, RowTables &tables)
      : UnpackedProducts(builder, spec, parameters, tables) {}

private:
  using Numbers = llvm::SmallVector<GroupParameters::Numbers>;
  /// Segments [first, end) of a panel whose first row block is `tile`.
  struct Chunk {
    Value tile, first, end;
  };

  int64_t panelBlocks() const;
  int64_t panelRegisters() const { return panelBlocks() * registers(); }
  int64_t chunkSegments() const;
  Value placeOf(Value index, Value pair);

  void prepare() override;
  void emitPanels(Value first, Value last, Value rows) override;
  void emitPanel(Value tile, Value last, Value rows);
  void decodeBlock(const Chunk &chunk, Value block, Value firstRegister);
  void decodeSegment(const SegmentOperands &segment,
                     const GroupParameters::Place &place, Value firstRegister,
                     Value firstPair, Extent columns);
  void storeNumbers(llvm::ArrayRef<Value> digits,
                    const GroupParameters::Numbers &numbers, Value place);
  Value decode(llvm::ArrayRef<Value> digits,
               const GroupParameters::Numbers &numbers, int64_t column);
  void multiply(const Chunk &chunk, Value rows);
  void multiplyRows(const Chunk &chunk, Value quad, Value row, int64_t count);
  void storePanel(Value tile, Value last, Value rows);
  Value sumPlace(Value row, Value index);

  Value rowBytes;
  /// Weights of a chunk: [four registers][pair of columns][register][lane]
  /// [column of the pair]; sums of a panel: [row][register][lane].
  Value decoded, sums;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H
