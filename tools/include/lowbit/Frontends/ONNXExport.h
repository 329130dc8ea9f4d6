//===- ONNXExport.h - low-bit weights back into an ONNX graph ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The way back to frameworks that train: the graph that a model came from, with
// each low-bit weight as `DequantizeLinear` of its codes. Everything else stays
// as it was, to the byte.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNXEXPORT_H
#define LOWBIT_FRONTENDS_ONNXEXPORT_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace lowbit {

/// A low-bit matrix [rows, columns] that takes a value's place in a graph.
struct ONNXWeight {
  /// The value's name in the graph, and its extents there: the matrix itself
  /// or, if `isTransposed`, its transpose, in any shape.
  std::string value;
  std::vector<int64_t> dims;
  bool isTransposed = false;
  /// The value's element type: a `TensorProto.DataType`.
  int32_t type = 1;
  int64_t rows = 0, columns = 0;

  /// Integers [rows, columns] of `bits` bits that codes stand for, before zero
  /// points; empty if only `numbers` tell the weight.
  std::vector<int16_t> integers;
  unsigned bits = 8;
  bool isUnsigned = false;
  /// Columns that share parameters; the last group of a row may be short.
  int64_t group = 0;
  /// [rows, groups]. Where there are offsets, they are added to the products.
  std::vector<float> scales, zeroPoints, offsets;

  /// [rows, columns], for weights that are no scaled integers.
  std::vector<float> numbers;
};

/// Writes the model at `path` to `os` with `weights` in place of values that
/// are constants there. Blocked `DequantizeLinear` on four bits needs opset 21;
/// with opset 13 and later there is one on bytes, whose axis is the groups, and
/// a `Reshape`. Earlier opsets are an error, as is a value that the graph
/// lacks. `metadata` is added to the model's. Weights whose `integers` are
/// empty become float initializers.
llvm::Error exportONNX(llvm::StringRef path, llvm::ArrayRef<ONNXWeight> weights,
                       const llvm::StringMap<std::string> &metadata,
                       llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_FRONTENDS_ONNXEXPORT_H
