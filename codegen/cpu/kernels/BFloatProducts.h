//===- BFloatProducts.h - products of many rows in bf16 ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a machine multiplies pairs of bf16 and activations are such numbers,
// many rows of them are multiplied so:
//
//   for each panel of weight rows
//     for some segments at a time: decode them to bf16, scales applied, once
//       for all rows of activations
//         sums of products in registers (BFloatVectors.h) or tiles
//         (BFloatTiles.h), from memory and back to it
//     bias, activation, gate, residual; store
//
// The innermost loop loads and multiplies, and nothing else: neither codes nor
// groups are left there. What is decoded, and the activations that it meets,
// stay in the second-level cache.
//
// A decoded weight is the value of the specification, rounded to bf16, but for
// an outer scale, which results are multiplied by. The instructions take
// subnormal numbers for 0, and so does the conversion: below 2^-126. In which
// order products are added up depends on columns alone.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H

#include "UnpackedProducts.h"

namespace lowbit::cpu {

class BFloatProducts : public UnpackedProducts {
protected:
  /// Columns of a product.
  static constexpr int64_t kPair = 2;

  /// What is decoded at a time, and how it lies.
  struct Form {
    /// Registers of weights whose pairs of columns alternate.
    int64_t interleaved;
    /// Rows of weights of a panel, at least a row block.
    int64_t panelRows;
    /// Columns that are decoded at a time, at least a segment, and those that
    /// are multiplied at a time.
    int64_t chunkColumns, stepColumns;
  };
  /// Segments [first, end) of a panel of so many registers.
  struct Chunk {
    Value first, end, registers;
  };

  BFloatProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
                 GroupParameters &parameters, RowTables &tables,
                 const Form &form)
      : UnpackedProducts(builder, spec, parameters, tables), form(form) {}

  /// Adds the products of a chunk with all rows to their sums.
  virtual void multiply(const Chunk &chunk) = 0;
  /// Where the sums of a row with the panel's register `index` are.
  virtual Value sumPlace(Value row, Value index) = 0;

  int64_t panelBlocks() const;
  int64_t sumRegisters() const;
  int64_t chunkSegments() const;
  Value countPairs(Value count);
  Value placeOf(Value index, Value pair);

  /// Bytes from one row of activations to the next, and how many rows have
  /// sums.
  Value rowBytes, sumRows;
  /// Weights of a chunk: [interleaved registers][pair of columns][register]
  /// [lane][column of the pair]; sums of a panel.
  Value decoded, sums;

private:
  using Numbers = llvm::SmallVector<GroupParameters::Numbers>;

  int64_t pairBytes() const { return form.interleaved * kVectorBytes; }
  Value countSums();
  void prepare() override;
  void emitPanels(Value first, Value last, Value rows) override;
  void emitPanel(Value tile, Value last);
  void decodeBlock(const Chunk &chunk, Value block, Value firstRegister);
  void decodeSegment(const SegmentOperands &segment,
                     const GroupParameters::Place &place, Value firstRegister,
                     Value firstPair, Extent columns);
  void clearPairs(llvm::ArrayRef<Value> places, Value first, Value end);
  void storeNumbers(llvm::ArrayRef<Value> digits,
                    const GroupParameters::Numbers &numbers, Value place);
  Value decode(llvm::ArrayRef<Value> digits,
               const GroupParameters::Numbers &numbers, int64_t column);
  void storePanel(Value tile, Value last);

  Form form;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_BFLOATPRODUCTS_H
