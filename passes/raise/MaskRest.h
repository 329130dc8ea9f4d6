//===- MaskRest.h - what a mask adds where keys are seen --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_MASKREST_H
#define LOWBIT_RAISE_MASKREST_H

#include "CausalMask.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

namespace lowbit {

/// Computes an element of a mask again, without what is decided for the keys
/// that are seen.
class MaskRest {
public:
  explicit MaskRest(MaskSide &seen) : seen(seen) {}

  /// Finds out what `element` is made from, in the dimensions of its position;
  /// fails where that can't be computed again.
  llvm::LogicalResult collect(const Element &element);

  /// The dimensions of the position that the rest depends on.
  const llvm::SmallBitVector &getDims() const { return dims; }

  /// The rest as a tensor of these dimensions, whose extents are
  /// `getExtent(dimension)` where no tensor that it reads says them.
  mlir::Value
  build(mlir::OpBuilder &b, mlir::Location loc, const Element &element,
        llvm::function_ref<mlir::OpFoldResult(unsigned)> getExtent) const;

private:
  /// The element that `element` is the same as where keys are seen.
  Element skip(Element element) const;
  llvm::LogicalResult visit(const Element &element, unsigned depth);

  using Key = std::pair<mlir::Value, mlir::AffineMap>;
  class Emitter;

  MaskSide &seen;
  /// Elements of tensors that are read.
  llvm::SetVector<Key> inputs;
  llvm::DenseSet<Key> visited;
  llvm::SmallBitVector dims;
};

} // namespace lowbit

#endif // LOWBIT_RAISE_MASKREST_H
