//===- Manifest.h - what a web module consists of ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_MANIFEST_H
#define LOWBIT_CODEGEN_WEB_MANIFEST_H

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

/// A weight's place in the stream of all of them.
struct WebWeight {
  std::string name;
  /// Those of its buffer; the data may be a few less.
  int64_t bytes;
  int64_t offset;
  mlir::ElementsAttr data;
};

/// Bytes [begin, begin + bytes) of the stream, in a file of their own or, where
/// another precision has the same, in that one's.
struct WebShard {
  std::string file;
  int64_t begin, bytes;
  std::string sha256;
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
  std::vector<WebWeight> weights;
  std::vector<WebShard> shards;
};

/// The weights of `schedules`, those that are read first before others, with
/// the data that the module's `lowbit.weights` has for them. Fails with an
/// error at a weight without data.
mlir::FailureOr<std::vector<WebWeight>>
orderWeights(mlir::ModuleOp module, llvm::ArrayRef<GPUSchedule> schedules);

/// Bytes of a shard, of weights of `total` bytes: see the pass.
int64_t chooseShardBytes(int64_t total);

/// Where the stream is cut, as (begin, bytes): into shards that suit its size,
/// but for what is left before and behind large float weights, which have
/// shards of their own. With the bytes that the model has in f32, those are cut
/// by the weight's size and the model's alone, so that each precision of the
/// model has the same shards of the same float weights.
std::vector<std::pair<int64_t, int64_t>>
planShards(llvm::ArrayRef<WebWeight> weights,
           std::optional<int64_t> floatBytes);

/// What a page holds on the GPU: weights, states, inputs and outputs, and
/// scratch buffers as program.js shares them out.
int64_t countMemory(const WebManifest &manifest);

/// Bytes [begin, begin + size) of the stream of weights; zeros fill the room
/// between a weight's data and the end of its buffer.
std::string readStream(llvm::ArrayRef<WebWeight> weights, int64_t begin,
                       int64_t size);

llvm::json::Value toJSON(const WebManifest &manifest);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_MANIFEST_H
