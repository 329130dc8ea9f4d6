//===- UnpackedProducts.h - products of many rows, unpacked -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the forms for many rows of activations have in common: weights are
// unpacked once for some of their rows, a panel, segment by segment, and all
// rows of activations pass by.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_UNPACKEDPRODUCTS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_UNPACKEDPRODUCTS_H

#include "GroupParameters.h"
#include "RowTables.h"
#include "SegmentProducts.h"

namespace lowbit::cpu {

class UnpackedProducts {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  /// Takes a register of results, its first row of weights, and the row of
  /// activations.
  using Store = llvm::function_ref<void(Value sum, Value weightRow, Value row)>;

  virtual ~UnpackedProducts() = default;

  /// The kernel's arguments, and what follows from them.
  struct Operands {
    Value weights, panel, m, n, k, blockBytes, panelRowBytes;
    /// Bytes of a whole group (0 where rows have one), and of the codes of a
    /// whole segment.
    int64_t groupBytes, segmentBytes;
  };
  /// Computes rows [0, rows) of the activations, which are in the form that
  /// these products read, for the row blocks [first, last), and hands the
  /// results to `store`.
  void emit(const Operands &given, Value first, Value last, Value rows,
            Store store);

protected:
  UnpackedProducts(KernelBuilder &builder, const LinearKernelSpec &spec,
                   GroupParameters &parameters, RowTables &tables)
      : b(builder), spec(spec), encoding(spec.encoding.getNumerics()),
        layout(spec.layout.getLayout(encoding.element.codeBits())),
        products(builder, spec, /*isTiled=*/true), parameters(parameters),
        tables(tables) {}

  /// What comes before it is known whether there are rows.
  virtual void prepare() = 0;
  /// Where there are some: all panels of the row blocks [first, last).
  virtual void emitPanels(Value first, Value last, Value rows) = 0;

  /// 16 rows of weights each.
  int64_t registers() const { return layout.atom.rows / kLanes; }
  bool isGrouped() const {
    return encoding.granularity == numerics::Granularity::Group;
  }
  Value groupOf(Value segment);
  /// Where a row block's parameters for a group are; `base` is its first byte.
  GroupParameters::Place placeGroup(Value base, Value block, Value group) {
    return {b.add(base, b.mul(group, operands.groupBytes)), block, group};
  }
  /// A segment's parameters, and its first code.
  struct SegmentPlace {
    GroupParameters::Place parameters;
    Value codes;
  };
  SegmentPlace placeSegment(Value base, Value block, Value segment);
  /// What is the same for all segments of a row block.
  SegmentOperands prepareBlock(Value block);
  /// Calls `body` for segments [first, end), of which those before `full` have
  /// all of their columns.
  void forEachSegment(Value first, Value full, Value end,
                      llvm::function_ref<void(Value, Extent columns)> body);
  /// Atoms of codes that hold `columns` columns.
  int64_t countAtoms(int64_t columns) const;
  Value countAtoms(Extent columns);
  int64_t atomColumns() const {
    return layout.atom.columns * encoding.element.valuesPerCode();
  }
  Value allocate(Value elements, mlir::Type element);
  void clear(Value memory, Value elements, mlir::Type element);

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  numerics::Encoding encoding;
  numerics::Layout layout;
  SegmentProducts products;
  GroupParameters &parameters;
  RowTables &tables;
  Store store;
  Operands operands;
  Value segments;
};

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_UNPACKEDPRODUCTS_H
