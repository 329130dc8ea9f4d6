//===- IndexArithmetic.h - index expressions that fold ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Address functions are sums of divisions and remainders of which most vanish
// once extents are known. These helpers fold them while they are built, and
// carry what is known about an index (what divides it, what bounds it), so that
// an address also tells how its bits lie in bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_INDEXARITHMETIC_H
#define LOWBIT_REFERENCE_INDEXARITHMETIC_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include <optional>

namespace lowbit {

/// A non-negative index: a number or a value of type `index`, and facts.
struct Index {
  mlir::OpFoldResult value;
  /// A number that divides the index; 0 for the index zero, which everything
  /// divides.
  int64_t divisor = 1;
  /// The index is less than this; nothing where unknown.
  std::optional<int64_t> limit;

  /// The number, where the index is one.
  std::optional<int64_t> getConstant() const;
  /// Whether every value of the index is a multiple of `number`.
  bool isMultipleOf(int64_t number) const { return divisor % number == 0; }
};

/// Builds index arithmetic, folding what is known.
class IndexBuilder {
public:
  IndexBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  Index constant(int64_t number);
  /// An index from IR, known to be less than `limit`.
  Index value(mlir::Value value, std::optional<int64_t> limit = std::nullopt);

  Index add(const Index &lhs, const Index &rhs);
  Index multiply(const Index &lhs, const Index &rhs);
  Index multiply(const Index &lhs, int64_t rhs);
  /// Quotient and remainder by a positive number.
  Index divide(const Index &lhs, int64_t rhs);
  Index remainder(const Index &lhs, int64_t rhs);

  /// The index as a value.
  mlir::Value materialize(const Index &index);

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace lowbit

#endif // LOWBIT_REFERENCE_INDEXARITHMETIC_H
