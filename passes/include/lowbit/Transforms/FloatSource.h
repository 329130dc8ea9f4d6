//===- FloatSource.h - what a quantized weight was rounded from -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who rounds a model's weights when it is loaded, and not when it is compiled,
// needs to know which floats each packed weight was made of. Quantized globals
// say so in an attribute, and what merges, packs or splits them keeps it true.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_FLOATSOURCE_H
#define LOWBIT_TRANSFORMS_FLOATSOURCE_H

#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Transforms/ConstantMatrix.h"

namespace lowbit {

/// Attribute of a global: the floats whose nearest codes it has. A dictionary
/// of `parts` (each with `data`, `offset`, `rows`, `columns` and perhaps
/// `transposed`), `encoding`, `search` and perhaps `alternating` and `first`.
inline constexpr llvm::StringLiteral kFloatSourceAttrName =
    "lowbit.float_source";

/// Attribute of a module whose globals are gone: an array of dictionaries, for
/// each global with a source its `name`, `type`, `components` and `source`.
inline constexpr llvm::StringLiteral kFloatSourcesAttrName =
    "lowbit.float_sources";

/// The float rows of one weight, in its order of rows.
struct FloatSource {
  /// One behind the other or, where they alternate, in turn: then each has as
  /// many rows.
  llvm::SmallVector<ConstantMatrix, 1> parts;
  bool alternates = false;
  /// The row of all parts that is the weight's first.
  int64_t first = 0;
  /// What they were rounded to, which packing may have made plainer.
  EncodingAttr encoding;
  numerics::ScaleSearch search = numerics::ScaleSearch::MeanSquaredError;

  /// What the attribute says; nothing where it isn't one.
  static std::optional<FloatSource> read(mlir::Attribute attribute);
  /// That of a global, if it has one.
  static std::optional<FloatSource> get(GlobalOp global);
  mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context) const;

  int64_t columns() const { return parts.front().columns; }
  /// Rows of all parts.
  int64_t rows() const;
  /// The type of the floats; f32 where parts have several.
  mlir::Type getElementType() const;
  /// Rows [begin, end) of the weight as f32, row-major.
  std::vector<float> readRows(int64_t begin, int64_t end) const;
};

/// The source of a global that has the rows of several; null where one of them
/// has none, or more than one part.
mlir::Attribute mergeFloatSources(llvm::ArrayRef<GlobalOp> globals,
                                  bool alternates);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_FLOATSOURCE_H
