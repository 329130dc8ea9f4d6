//===- Value.h - what the importer knows about an ONNX value ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value is either known at import (a constant, or integers that depend on
// shapes alone), or a weight not fetched yet, or a tensor in the IR. A tensor
// may be a view: it has fewer dimensions than the value, and the missing ones
// are broadcast. So Unsqueeze, Expand, ConstantOfShape and kept dimensions of
// reductions cost nothing, and consumers read through an indexing map.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_VALUE_H
#define LOWBIT_FRONTENDS_ONNX_VALUE_H

#include "ModelFile.h"
#include "Symbolic.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <memory>
#include <optional>
#include <vector>

namespace lowbit::frontend {

/// One element known at import: an integer (or boolean) expression, or a
/// number.
struct Scalar {
  bool isReal = false;
  Expr integer;
  double real = 0;

  static Scalar of(Expr value) { return {false, std::move(value), 0}; }
  static Scalar of(double value) { return {true, Expr(), value}; }
  bool isConstant() const { return isReal || integer.isConstant(); }
  /// The number that a constant stands for.
  double number() const { return isReal ? real : double(integer.constant()); }
  bool operator==(const Scalar &other) const;
};

/// The integer that a constant is, if it has no fraction and is no larger than
/// an extent can be.
std::optional<int64_t> wholeNumber(const Scalar &scalar);

/// A large constant; the module's global is made when it is first used.
struct Weight {
  std::string name; ///< Symbol, unique in the module.
  TensorData data;
};

struct Value {
  int32_t type = 0; ///< onnx::TensorProto::DataType
  llvm::SmallVector<Expr, 4> dims;

  /// Elements in row-major order. A single one stands for all elements.
  std::optional<std::vector<Scalar>> known;
  const Weight *weight = nullptr;
  /// The tensor; its dimension p carries dimension axes[p] of the value, or
  /// has extent 1 and is broadcast along it. `axes` ascends.
  mlir::Value tensor;
  llvm::SmallVector<int64_t, 4> axes;

  /// The elements of a sequence of tensors; such a value is nothing else.
  std::shared_ptr<const std::vector<Value>> sequence;

  int64_t rank() const { return dims.size(); }
  /// The element that all elements are equal to, or null.
  const Scalar *uniform() const {
    return known && known->size() == 1 ? &known->front() : nullptr;
  }
  /// Element `i` in row-major order of a known value.
  const Scalar &element(size_t i) const {
    return (*known)[known->size() == 1 ? 0 : i];
  }
  /// Whether all elements are numbers at hand. Numbers that a computation
  /// repeats beyond what is worth storing are not.
  bool isConstant() const;
  /// Number of elements, if all dimensions are numbers.
  std::optional<int64_t> size() const;
};

bool isFloat(int32_t type);
bool isUnsigned(int32_t type);
bool isBool(int32_t type);
inline bool isInteger(int32_t type) { return !isFloat(type) && !isBool(type); }

/// `value` rounded to the nearest number of float type `type`.
double roundTo(int32_t type, double value);
/// The bits of `value` as a number of float type `type`, at most 32 bits wide.
uint32_t floatBits(int32_t type, float value);
/// `value` wrapped to the range of integer type `type`; a boolean is 0 or 1.
int64_t wrapTo(int32_t type, int64_t value);

/// `data` with elements of less than a byte in a byte each, as the IR has them.
TensorData unpacked(const TensorData &data);

/// Reads all elements of `data` as numbers.
std::vector<Scalar> decodeElements(const TensorData &data);

/// A known value; elements that are all equal are merged into one.
Value knownValue(int32_t type, llvm::ArrayRef<Expr> dims,
                 std::vector<Scalar> elements);

/// Elements of a known value of static shape at the positions of a tensor of
/// `dims`; `source` maps each of them to one of the value's. Nothing if the
/// value or `dims` are not known, or larger than what is computed at import, or
/// where the value has no such position.
std::optional<Value> rearrangeKnown(
    const Value &value, llvm::ArrayRef<Expr> dims,
    llvm::function_ref<void(llvm::MutableArrayRef<int64_t> position)> source);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_VALUE_H
