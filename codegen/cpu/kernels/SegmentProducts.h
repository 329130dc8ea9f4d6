//===- SegmentProducts.h - products of one segment --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The innermost part of a linear kernel: the products of a segment of
// activations with the codes that it meets, for 16 rows per sub-block.
//
// Codes are the unsigned operand of a four-way dot product, so a format's
// offset is subtracted once, as offset * sum of the segment's activations,
// which the panel's header holds.
//
// Several rows share the decoding of a block of codes to bytes (shift, mask,
// or of its fields). A single row has nothing to share it with: there, fields
// are masked in place and multiplied where they lie, and sums of fields that
// lie s bits too high are shifted right by s at the end of a segment, which is
// exact. Where every vector holds one step of columns, masks keep all bits
// from a field up and neighbouring sums are subtracted; the lowest field then
// needs no mask.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H

#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

/// A run of columns: known at compile time, or a value.
struct Extent {
  std::optional<int64_t> known;
  mlir::Value value;
};

/// Where a segment's operands begin, in bytes.
struct SegmentOperands {
  mlir::Value weights, codes;
  mlir::Value panel;
  /// One offset for each row of activations.
  llvm::SmallVector<mlir::Value> rows;
};

class SegmentProducts {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  SegmentProducts(KernelBuilder &builder, const LinearKernelSpec &spec);

  int64_t subBlocks() const { return fields.subBlocks; }
  /// Products of `columns` columns, one f32 vector for each row and sub-block
  /// (row-major), activation scales applied, the format's offset subtracted.
  Values emit(const SegmentOperands &operands, Extent columns);
  /// Sum of the segment's activations in every lane, as f32.
  Value activationSum(Value panel, Value offset);

private:
  /// One accumulator of the in-place form: fields of one sub-block that lie
  /// `shift` bits higher than the code's bits that they are.
  struct Place {
    int64_t subBlock;
    int shift;
    bool operator==(const Place &other) const {
      return subBlock == other.subBlock && shift == other.shift;
    }
  };

  bool isFloat() const { return spec.panel.kind == PanelKind::Float; }
  int64_t parts() const { return spec.panel.kind == PanelKind::Int16 ? 2 : 1; }
  bool isInPlace(size_t rows) const { return rows == 1 && !isFloat(); }
  size_t accumulatorCount(size_t rows) const;
  size_t placeOf(int64_t subBlock, const CodeField &field) const;
  size_t accumulator(int64_t chain, int64_t part, size_t place) const {
    return (chain * parts() + part) * places.size() + place;
  }

  Values accumulate(const SegmentOperands &operands, Extent columns);
  void emitAtom(const SegmentOperands &operands, Value atom, int64_t inChunk,
                llvm::MutableArrayRef<Value> sums);
  void multiplyInPlace(llvm::ArrayRef<Value> vectors, Value panel, Value x,
                       int64_t firstStep, llvm::MutableArrayRef<Value> sums);
  void multiplyDecoded(llvm::ArrayRef<Value> vectors,
                       const SegmentOperands &operands, Value column,
                       llvm::MutableArrayRef<Value> sums);
  Value decode(llvm::ArrayRef<Value> vectors, llvm::ArrayRef<CodeField> fields);
  Value dot(Value sum, Value codes, Value panel, Value offset);
  Value dotFloat(Value sum, Value codes, Value panel, Value offset);
  Value valueOffset(Value row, Value column, int64_t step, int64_t part);
  Values gatherPlaces(mlir::ValueRange sums);
  Value finish(llvm::ArrayRef<Value> sums, Value panel, Value row);
  Value subtractOffset(Value sum, Value panel, Value row, int64_t part);
  mlir::VectorType lanes(mlir::Type element) {
    return b.vector(kLanes, element);
  }

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  numerics::Encoding encoding;
  numerics::Layout layout;
  CodeFields fields;
  llvm::SmallVector<Place> places;
  bool isDifferential;
  int64_t chains;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_SEGMENTPRODUCTS_H
