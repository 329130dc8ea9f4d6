//===- Manifest.h - what a web module consists of ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_MANIFEST_H
#define LOWBIT_CODEGEN_WEB_MANIFEST_H

#include "WeightStream.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// Bytes in which a page reads and checks a shard.
constexpr int64_t kWebPieceBytes = 256 << 10;

/// Bytes [begin, begin + bytes) of the stream, in a file of their own or, where
/// another precision has the same, in that one's.
struct WebShard {
  std::string file;
  int64_t begin, bytes;
  std::string sha256;
  /// Those of its pieces, where it has several.
  std::vector<std::string> pieces;
};

/// A file beside the module.
struct WebFile {
  std::string file;
  int64_t bytes;
  std::string sha256;
};

/// The model once more, for browsers without a GPU.
struct WebManifestFallback {
  /// A file of code, and the processor that it is for.
  struct Code {
    std::string variant;
    WebFile file;
  };
  std::vector<Code> codes;
  llvm::json::Value program = nullptr;
  /// Weights in the order of the codes' table: where their bytes come from.
  llvm::json::Array weights;
  /// What the other shards don't have.
  std::vector<WebShard> shards;
  /// Of WebAssembly's memory, where that is known beforehand.
  std::optional<int64_t> memoryBytes;
};

/// A model as data for JavaScript.
struct WebManifest {
  std::string model;
  uint64_t floatBytes = 0;
  double bitsPerWeight = 0;
  std::vector<GPUSchedule> schedules;
  std::vector<GPUVariant> variants;
  /// WGSL texts by kernel.
  std::map<std::string, std::string> kernels;
  WeightStream stream;
  std::vector<WebShard> shards;
  /// What rounds weights in the page, where it does.
  std::optional<WebFile> quantizer;
  std::optional<WebManifestFallback> fallback;
};

/// What a page holds on the GPU: weights, states, inputs and outputs, and
/// scratch buffers as program.js shares them out.
int64_t countMemory(const WebManifest &manifest);

llvm::json::Value toJSON(const WebManifest &manifest);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_MANIFEST_H
