//===- ModelFile.h - a mapped ONNX file and its tensors ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// protobuf copies every `raw_data` string it parses, which would double a
// model's memory. So the wire format is walked once before parsing: raw bytes
// of tensors are replaced by a reference into the mapping, and protobuf parses
// only the structure.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_MODELFILE_H
#define LOWBIT_FRONTENDS_ONNX_MODELFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <onnx/onnx_pb.h>

#include <memory>
#include <string>

namespace lowbit::frontend {

/// Element types that are newer than the protobuf classes in use.
constexpr int32_t uint4Type = 21, int4Type = 22;

/// A tensor of the file. `bytes` are little-endian elements of `type`
/// (a `onnx::TensorProto::DataType`; booleans take one byte), row-major; they
/// stay valid while `owner` lives. Elements of less than a byte are one stream
/// of bits, least significant first.
struct TensorData {
  int32_t type = 0;
  llvm::SmallVector<int64_t, 4> dims;
  llvm::ArrayRef<char> bytes;
  std::shared_ptr<const void> owner;

  int64_t size() const;
};

/// Bytes of one element of `type` in the IR, where 4-bit integers take a byte;
/// 0 for types without a fixed-size element or that the importer does not know.
unsigned byteSize(int32_t type);
/// Bits of one element of `type` in a file.
unsigned bitSize(int32_t type);
/// How ONNX spells `type`: `float16`, `int64`, …
std::string typeName(int32_t type);

/// An ONNX model whose tensors refer to the mapped file.
class ModelFile {
public:
  using Mapping = std::shared_ptr<const llvm::MemoryBuffer>;

  static llvm::Expected<std::unique_ptr<ModelFile>> open(llvm::StringRef path);
  /// The model in `bytes`; `path` names it in errors, and its external data lie
  /// in the same folder.
  static llvm::Expected<std::unique_ptr<ModelFile>>
  parse(Mapping bytes, llvm::StringRef path);

  const onnx::ModelProto &model() const { return proto; }
  llvm::StringRef path() const { return filePath; }
  /// Paths of the files that were read: the model's, then external data.
  std::vector<std::string> getFiles() const;

  /// The tensor that `tensor` describes. `tensor` must be an initializer of a
  /// graph or an attribute `t` of a node, since those are the ones whose raw
  /// bytes were replaced by references.
  /// Fails, without naming the place, where sizes disagree, the type is
  /// unknown, or external data are missing or lie outside the model's folder.
  llvm::Expected<TensorData> readTensor(const onnx::TensorProto &tensor);

private:
  ModelFile() = default;

  llvm::Expected<TensorData> readExternal(const onnx::TensorProto &tensor,
                                          TensorData result, uint64_t size);
  llvm::Expected<Mapping> mapExternal(llvm::StringRef location);

  std::string filePath;
  Mapping mapping;
  llvm::StringMap<Mapping> externalFiles;
  onnx::ModelProto proto;
};

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_MODELFILE_H
