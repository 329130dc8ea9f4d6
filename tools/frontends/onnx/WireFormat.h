//===- WireFormat.h - taking raw tensor bytes out of a model ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows protobuf's wire format.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_WIREFORMAT_H
#define LOWBIT_FRONTENDS_ONNX_WIREFORMAT_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lowbit::frontend {

/// Where the raw bytes of a tensor lie in the model file.
struct RawReference {
  uint64_t offset, size;

  std::string encode() const;
  /// Reads what `encode` wrote; nothing where `text` has another length.
  static std::optional<RawReference> decode(llvm::StringRef text);
};

/// Copies the serialized `ModelProto` in `file` to `result`, with `raw_data`
/// of each initializer and of each tensor attribute of a node replaced by an
/// encoded `RawReference`. Returns false where the wire format is malformed.
bool replaceRawData(llvm::StringRef file, std::string &result);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_WIREFORMAT_H
