//===- ONNX.h - reading ONNX models -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The door from `.onnx` files to upstream IR: one call gives a module whose
// function `@main` holds linalg, tensor, arith and math on tensors, and whose
// weights are `lowbit.global` symbols over the mapped file.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_H
#define LOWBIT_FRONTENDS_ONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace lowbit {

/// What the caller knows about a model beyond its file.
struct ONNXImportOptions {
  /// Extents for symbolic input dimensions, by the name the model gives them
  /// (`seq`), or `<input>.<axis>` where it gives none (`input_ids.1`). Every
  /// extent is at least 1; every name must occur in the model.
  llvm::StringMap<int64_t> dimensions;
  /// Where given: takes the paths of the files that were read, the model's
  /// first, external data after it by name.
  std::vector<std::string> *files = nullptr;
  /// Where given: takes the name that each global's value has in the graph.
  llvm::StringMap<std::string> *valueNames = nullptr;
};

/// Adds `spec`, written `name=value`, to `options.dimensions`.
/// Fails where the text has another form, the value is no positive integer, or
/// the name was given before with another value.
llvm::Error addDimension(ONNXImportOptions &options, llvm::StringRef spec);

/// Reads the ONNX model at `path` (opset 11 to 23).
///
/// Weights with more than 64 elements, and all matrices, become
/// `lowbit.global` whose data stay in the mapped file (a tensor that lies
/// misaligned for its element type is copied once); blobs keep the mapping
/// alive, so it lives as long as `context`. Weights that come quantized become
/// quantized globals with the same codes, in layers where their operator is
/// one, else behind `lowbit.dequantize`. Integer subgraphs that depend only on
/// shapes are folded to expressions over input dimensions. Dimensions with the
/// same name are taken to be equal and, unless the name begins with `past`, at
/// least 1.
///
/// What a graph needs of its inputs' extents to have a meaning (64 positions
/// serve up to 64 tokens; a mask is as long as the cache and the input) is
/// taken for granted and recorded as `lowbit.requires`, for whoever runs the
/// model to check. Dimensions may be named by sums, such as `past + seq`.
/// Functions of the model are inlined, and branches that shapes decide are
/// taken.
///
/// Errors name the file and the node. All nodes whose operator, version or
/// attributes are not supported are listed in one error. A broadcast of two
/// names asks for a value in `options.dimensions`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importONNX(llvm::StringRef path, mlir::MLIRContext &context,
           const ONNXImportOptions &options = {});

/// The same from bytes, which weights refer to. `path` names them in errors;
/// external data are looked for in its folder.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importONNX(std::shared_ptr<const llvm::MemoryBuffer> bytes,
           llvm::StringRef path, mlir::MLIRContext &context,
           const ONNXImportOptions &options = {});

} // namespace lowbit

#endif // LOWBIT_FRONTENDS_ONNX_H
