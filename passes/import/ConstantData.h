//===- ConstantData.h - numbers that come as constants ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IMPORT_CONSTANTDATA_H
#define LOWBIT_IMPORT_CONSTANTDATA_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// A constant tensor and what users call it.
struct NamedConstant {
  mlir::ElementsAttr data;
  /// The global's symbol, the resource's key, the name in the location, or
  /// "weight".
  std::string name;
};

/// The constant that `value` holds in row-major order: an `arith.constant`,
/// `tosa.const`, `lowbit.weight` or load of an immutable `ml_program.global`,
/// behind reshapes. Nothing where it is computed or its data are absent.
std::optional<NamedConstant> findConstant(mlir::Value value);

/// What stands in the way of `value` being a constant, for a remark: "argument
/// #1 of @main" or "the result of 'tensor.insert'".
std::string describeOrigin(mlir::Value value);

/// The low bits of each element of `data`, integers or floats of at most 8
/// bits, row-major, one per byte. A resource may hold a byte per element or a
/// dense stream, low bits first. Nothing, with a reason, for other sizes.
std::optional<std::vector<uint8_t>> readCodes(mlir::ElementsAttr data,
                                              std::string &reason);

/// The elements of `data`, floats or integers (signless ones as `isSigned`
/// says), as f32. Nothing, with a reason, for other element types and numbers
/// that f32 can't hold.
std::optional<std::vector<float>>
readNumbers(mlir::ElementsAttr data, bool isSigned, std::string &reason);

} // namespace lowbit

#endif // LOWBIT_IMPORT_CONSTANTDATA_H
