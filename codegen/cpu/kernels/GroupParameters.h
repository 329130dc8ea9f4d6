//===- GroupParameters.h - scales as kernels read them ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters stand in front of a group's codes, those of all rows of a block
// one after the other. Where they are quantized, that is their codes; the scale
// of the codes is common to a run of groups of a row, and to the runs of other
// rows as well, for their blocks count over rows. Kernels take it in a buffer
// of their own,
//
//   [row block][run of groups][row of the block],
//
// where a register's rows are one load. Nothing is expanded in memory: numbers
// are decoded, and rounded to the type that they stand for, in registers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_GROUPPARAMETERS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_GROUPPARAMETERS_H

#include "KernelBuilder.h"
#include "KernelSpec.h"

namespace lowbit::cpu {

class GroupParameters {
public:
  using Value = mlir::Value;

  GroupParameters(KernelBuilder &builder, const LinearKernelSpec &spec);

  /// Bytes in front of a group's codes.
  int64_t bytes() const;
  /// Takes the kernel's arguments of types `getStoredTypes` from `argument` on;
  /// `blob` is that of the weights.
  void bindArguments(Value blob, mlir::Block::args_iterator &argument);
  /// The groups of a row, before the first of the following.
  void setGroups(Value count);
  /// outer + scale * (products - zero point * sum) + minimum * sum, for the
  /// rows from `firstRow` on of block `tile`, whose group `group` begins at
  /// byte `offset`.
  struct Place {
    Value offset, tile, group;
  };
  Value apply(const Place &place, Value firstRow, Value product, Value sum,
              Value outer) {
    return apply(load(place, firstRow), product, sum, outer);
  }
  /// The same with numbers that were loaded before; null where weights have
  /// none.
  struct Numbers {
    Value zeroPoint, scale, minimum;
  };
  Numbers load(const Place &place, Value firstRow);
  /// Where scales are integers under a scale that several groups have: that of
  /// a group, for weights that are multiplied by those integers; and the
  /// integers, in 32-bit lanes.
  Numbers loadOfScaled(const Place &place, Value firstRow);
  Value loadIntegers(const Place &place, Value firstRow) {
    return loadIntegers(numerics::Component::Scale, place, firstRow);
  }
  /// The same negated, as 16-bit lanes of which every second is 0.
  Value loadNegatedWords(const Place &place, Value firstRow);
  Value apply(const Numbers &numbers, Value product, Value sum, Value outer);

private:
  bool isStored(numerics::Component component) const;
  int64_t offsetOf(numerics::Component component) const;
  Value load(numerics::Component component, const Place &place, Value firstRow);
  Value loadStored(numerics::Component component, const Place &place,
                   Value firstRow);
  Value loadIntegers(numerics::Component component, const Place &place,
                     Value firstRow);
  Value loadIntegerCodes(numerics::Component component, const Place &place,
                         Value firstRow);
  Value loadFactor(numerics::Component component, const Place &place,
                   Value firstRow);
  Value loadCodes(Value place);
  mlir::VectorType lanes(mlir::Type element) {
    return b.vector(spec.target->lanes(), element);
  }

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  numerics::Encoding encoding;
  numerics::Layout layout;
  /// The blob, scales of scales and of minima, how many groups share one (its
  /// logarithm), and how many such runs a row has.
  Value weights, scales, minima, runShift, runs;
};

/// Arguments of a kernel whose scales are quantized: scales of scales, those of
/// minima if there are any, and the logarithm of how many groups share one.
/// None for others.
llvm::SmallVector<mlir::Type> getStoredTypes(EncodingAttr encoding);

/// Scales of a packed weight's scales, or of its minima, one for each block of
/// them, in the order of that buffer, as a component called `name`. Their data
/// are at hand.
mlir::ElementsAttr arrangeStoredScales(QuantizedTensorType type,
                                       mlir::ElementsAttr scales,
                                       llvm::StringRef name);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_GROUPPARAMETERS_H
