//===- ElementTrace.h - one element through elementwise ops -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one element of a tensor is computed from, however the scalar operations
// are divided among elementwise ops, and which places of other tensors it
// reads.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_ELEMENTTRACE_H
#define LOWBIT_RAISE_ELEMENTTRACE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace lowbit {

/// A scalar that an element of a tensor depends on: a value inside an
/// elementwise op (then `scope` is the op and `map` takes the element's
/// position to the op's loops), an element of another tensor (`value` is the
/// tensor and `map` takes the position to its place), or a scalar from outside.
struct Element {
  mlir::Value value;
  mlir::linalg::LinalgOp scope;
  mlir::AffineMap map;

  /// The operation that computes the scalar; null for an element of a tensor.
  mlir::Operation *getOp() const;
  /// Whether that operation is one of the elementwise op's body: others give
  /// one number for all positions.
  bool isComputedInside() const;
  /// Operand `i` of that operation, traced.
  Element getOperand(unsigned i) const;
  /// The same without going beyond the op that the operand is in: a tensor
  /// operand of it stays an element of that tensor.
  Element getNearOperand(unsigned i) const;

  bool operator==(const Element &other) const {
    return value == other.value && map == other.map;
  }
};

/// The element of `tensor` at the place that `map` says, traced to the scalar
/// that computes it, or to the tensor where no elementwise op makes it.
Element traceElement(mlir::Value tensor, mlir::AffineMap map);

/// The element at the position itself.
Element traceElement(mlir::Value tensor);

/// The element of a reshaped tensor in the tensor before, traced, where nothing
/// but dimensions of extent 1 came or went.
std::optional<Element> enterReshape(const Element &element);

/// Whether `op` widens a number, or rounds it to no fewer than 16 bits. Fewer
/// are a quantization that the model asks for.
bool isCast(mlir::Operation *op);

/// The number that `element` is widened or rounded from, if it is.
Element skipCasts(Element element);

/// `skipCasts` of what the operation of `element` reads.
Element getUncastOperand(const Element &element, unsigned i);

/// The number that `element` always is, or nothing.
std::optional<double> getConstantNumber(const Element &element);

} // namespace lowbit

#endif // LOWBIT_RAISE_ELEMENTTRACE_H
