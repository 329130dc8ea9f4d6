//===- ConstantTriangle.h - masks that models store -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_CONSTANTTRIANGLE_H
#define LOWBIT_RAISE_CONSTANTTRIANGLE_H

#include "Places.h"

namespace lowbit {

/// An element of a constant matrix that has one number up to a diagonal and
/// another behind it.
struct ConstantTriangle {
  double below, above;
  /// Columns to the diagonal: 0 or more for `below`, as a function of the
  /// position.
  mlir::AffineExpr distance;
};

/// The triangle that `element`, of a tensor, is of: of the data of a weight or
/// constant, or of a part of it. Nothing where it is of something else.
std::optional<ConstantTriangle> matchTriangle(const Element &element,
                                              Places &places);

} // namespace lowbit

#endif // LOWBIT_RAISE_CONSTANTTRIANGLE_H
