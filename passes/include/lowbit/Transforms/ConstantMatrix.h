//===- ConstantMatrix.h - weights known at compile time ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_CONSTANTMATRIX_H
#define LOWBIT_TRANSFORMS_CONSTANTMATRIX_H

#include "lowbit/IR/Lowbit.h"
#include <optional>
#include <vector>

namespace lowbit {

/// A float matrix [rows, columns] behind an SSA value: the data of a global or
/// of a constant, possibly read through a transposition.
struct ConstantMatrix {
  mlir::ElementsAttr data;
  /// Whether `data` is [columns, rows].
  bool isTransposed = false;
  int64_t rows = 0, columns = 0;
  /// The element of `data` that the matrix begins with: a part of a weight,
  /// such as one group of a convolution.
  int64_t offset = 0;
  /// The global that holds the data, if one does.
  GlobalOp global;

  /// Whether `data` has more than the matrix.
  bool isPart() const { return data.getNumElements() != rows * columns; }
  /// What users call the matrix; parts are numbered.
  std::string name() const;
  /// The values of rows [first, end) as f32, row-major.
  std::vector<float> readRows(int64_t first, int64_t end) const;
};

/// Finds the constant float matrix that `value` is. Looks through
/// `linalg.transpose`, reshapes, contiguous slices and widening casts to
/// `lowbit.weight` and constants.
/// Nothing if the value is computed or its data are absent.
std::optional<ConstantMatrix> matchConstantMatrix(mlir::Value value);

/// The bytes of `elements` if they are stored as they are (dense or resource,
/// not a splat), and as many as the type takes; empty otherwise.
llvm::ArrayRef<char> getRawBytes(mlir::ElementsAttr elements);

/// Bytes that a splat may become when it is written out. Its one element would
/// else let a line of text ask for any amount of memory.
inline constexpr int64_t kSplatBytes = int64_t(1) << 31;

/// Whether `elements` are a splat of more than kSplatBytes.
bool isHugeSplat(mlir::ElementsAttr elements);

/// Makes an attribute of `type` that owns `bytes`: inline for small data, so
/// that it can be read in the text, a resource called `name` for the rest.
mlir::ElementsAttr makeElements(mlir::RankedTensorType type,
                                llvm::StringRef name,
                                std::vector<uint8_t> bytes);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_CONSTANTMATRIX_H
