//===- Lowbit.h - the lowbit dialect ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything of the dialect in one include: attributes and their interfaces,
// the quantized tensor type, operations.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_IR_LOWBIT_H
#define LOWBIT_IR_LOWBIT_H

#include "lowbit/Numerics/Encoding.h"
#include "lowbit/Numerics/Layout.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseMap.h"
#include <array>
#include <mutex>
#include <optional>

namespace lowbit::numerics {
/// Lets a layout be a parameter of an attribute.
llvm::hash_code hash_value(const Layout &layout);
} // namespace lowbit::numerics

namespace lowbit {
class EncodingAttr;
class GlobalOp;
class MixedAttr;

/// The numerics of an element format attribute.
numerics::ElementFormat getNumericsFormat(mlir::Attribute format);
/// Builds the look-up of `window`, an i32, in the table of `format`; `index`
/// selects among the values of a code and is null when there is one. Gives f32.
mlir::Value buildTableDecode(mlir::Attribute format, mlir::OpBuilder &builder,
                             mlir::Location loc, mlir::Value window,
                             mlir::Value index);

/// Names of the data components of a global.
namespace component {
inline constexpr llvm::StringLiteral kData = "data";
inline constexpr llvm::StringLiteral kBlob = "blob";
inline constexpr llvm::StringLiteral kCodes = "codes";
inline constexpr llvm::StringLiteral kScale = "scale";
inline constexpr llvm::StringLiteral kZeroPoint = "zero_point";
inline constexpr llvm::StringLiteral kMinimum = "minimum";
inline constexpr llvm::StringLiteral kPermutation = "permutation";
inline constexpr llvm::StringLiteral kOuterScale = "outer_scale";
/// The codes of the factors of columns, and the scale of these codes.
inline constexpr llvm::StringLiteral kColumnScale = "column_scale";
inline constexpr llvm::StringLiteral kColumnScaleScale = "column_scale.scale";
/// The part of each column.
inline constexpr llvm::StringLiteral kColumnPart = "column_part";
inline constexpr llvm::StringLiteral kTable = "table";
/// Between a quantized parameter's name and that of its own parameter:
/// `scale_scale` has the scales of the component `scale`.
inline constexpr llvm::StringLiteral kSeparator = "_";
} // namespace component

/// Names of the components of statistics.
namespace statistic {
/// Of each column [K]: extremes, mean, mean of squares.
inline constexpr llvm::StringLiteral kMinimum = "minimum";
inline constexpr llvm::StringLiteral kMaximum = "maximum";
inline constexpr llvm::StringLiteral kMean = "mean";
inline constexpr llvm::StringLiteral kMeanSquare = "mean_square";
/// Mean of x^T x over rows x, [K, K].
inline constexpr llvm::StringLiteral kSecondMoment = "second_moment";
/// Extremes of a sample, averaged over samples, [2].
inline constexpr llvm::StringLiteral kMovingRange = "moving_range";
/// Counts of all numbers in equal bins over [-limit, limit), [bins], and the
/// limit, [1].
inline constexpr llvm::StringLiteral kHistogram = "histogram";
inline constexpr llvm::StringLiteral kHistogramLimit = "histogram_limit";
/// The same three of each column: [K, bins], [K] and [K, 2].
inline constexpr llvm::StringLiteral kColumnHistogram = "column_histogram";
inline constexpr llvm::StringLiteral kColumnHistogramLimit =
    "column_histogram_limit";
inline constexpr llvm::StringLiteral kColumnMovingRange = "column_moving_range";
} // namespace statistic

/// Module attribute: the target that packing and lowering work for.
inline constexpr llvm::StringLiteral kTargetAttrName = "lowbit.target";
/// Module attribute: the file that holds the module's resources.
inline constexpr llvm::StringLiteral kSidecarAttrName = "lowbit.sidecar";
/// Attribute of a global: its weight is float because it was asked to be.
inline constexpr llvm::StringLiteral kKeepFloatAttrName = "lowbit.keep_float";
/// Attribute of a layer: the encoding that its weight is to have.
inline constexpr llvm::StringLiteral kEncodingAttrName = "lowbit.encoding";
/// Attribute of a layer: an array of i8, the rate of each column of its weight,
/// which is to be a trellis.
inline constexpr llvm::StringLiteral kRatesAttrName = "lowbit.rates";
/// Attribute of a layer: an array of f64, what the model loses if all columns
/// of its weight have a rate of 1, 2, and so on; by which rates are assigned.
inline constexpr llvm::StringLiteral kRateLossesAttrName = "lowbit.rate_losses";
/// Argument and result attribute: the name by which users know a tensor.
inline constexpr llvm::StringLiteral kNameAttrName = "lowbit.name";
/// Result attribute: what the rows of a result of `lowbit-count-ranges` are of.
inline constexpr llvm::StringLiteral kRangesAttrName = "lowbit.ranges";
/// The name of that result.
inline constexpr llvm::StringLiteral kRangesOutputName = "activation_ranges";
/// Argument and result attribute: an array with the name of each dimension, or
/// the expression in names that it is; empty where the extent is static.
/// Dimensions of one name have one extent.
inline constexpr llvm::StringLiteral kDimensionsAttrName = "lowbit.dims";
/// Argument and result attribute: the integers are unsigned to the caller.
/// Types can't say so, since upstream's operations take signless integers
/// alone.
inline constexpr llvm::StringLiteral kUnsignedAttrName = "lowbit.unsigned";
/// Module attribute: what the extents of `@main`'s arguments must satisfy, as
/// an array of dictionaries. `holds` is an affine set over as many dimensions
/// as `dims` has pairs (argument, axis); `text` says it for people.
inline constexpr llvm::StringLiteral kRequiresAttrName = "lowbit.requires";

/// A tensor type of signless integers with unsigned ones, as
/// `kUnsignedAttrName` asks for; other types stay as they are.
mlir::Type makeUnsigned(mlir::Type type);
} // namespace lowbit

#include "lowbit/IR/LowbitDialect.h.inc"
#include "lowbit/IR/LowbitEnums.h.inc"
#include "lowbit/IR/LowbitInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lowbit/IR/LowbitAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "lowbit/IR/LowbitTypes.h.inc"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitOps.h.inc"

#endif // LOWBIT_IR_LOWBIT_H
