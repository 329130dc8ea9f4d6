//===- Expressions.h - WGSL text of values ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_EXPRESSIONS_H
#define LOWBIT_CODEGEN_WGSL_EXPRESSIONS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Operation.h"
#include <string>

namespace lowbit {

/// How tightly a text binds: what is looser than its place is parenthesized.
enum class Binding {
  /// Comparisons, shifts and operators on bits, which WGSL doesn't let mix.
  Loose,
  Sum,
  Product,
  /// A name, a literal, a call, an element.
  Primary,
};

struct ExpressionText {
  std::string text;
  Binding binding = Binding::Primary;
  /// Where the text casts the bits of a signed number: that number.
  std::string signedText = {};
};

/// The name of a value, decided by `lowbit-wgsl-assign-names`; empty if it is
/// printed where it is used.
llvm::StringRef getValueName(mlir::Value value);

/// The text of an operation in the subset.
ExpressionText printExpression(mlir::Operation *op);

/// The text of a value in a place that needs `binding` or tighter.
std::string printValue(mlir::Value value, Binding binding = Binding::Loose);

/// The element of a buffer: `x[i + 1u]`.
std::string printElement(mlir::Value buffer, mlir::ValueRange indices);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_EXPRESSIONS_H
