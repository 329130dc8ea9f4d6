//===- Manifest.cpp - what a web module consists of -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "PageWeights.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lowbit;

/// Bytes of scratch buffers that share their places, as planScratch has it: the
/// largest come first, and each takes the first place that is free meanwhile.
static int64_t countScratch(const GPUSchedule &schedule) {
  SmallVector<const GPUBuffer *> buffers;
  for (const GPUBuffer &buffer : schedule.buffers)
    if (buffer.kind == GPUBufferKind::Scratch)
      buffers.push_back(&buffer);
  llvm::stable_sort(buffers, [](const GPUBuffer *a, const GPUBuffer *b) {
    return a->bytes > b->bytes;
  });
  int64_t bytes = 0;
  SmallVector<SmallVector<const GPUBuffer *>> places;
  for (const GPUBuffer *buffer : buffers) {
    auto place = llvm::find_if(places, [&](ArrayRef<const GPUBuffer *> users) {
      return llvm::all_of(users, [&](const GPUBuffer *user) {
        return user->lastUse < buffer->firstUse ||
               buffer->lastUse < user->firstUse;
      });
    });
    if (place != places.end()) {
      place->push_back(buffer);
      continue;
    }
    places.push_back({buffer});
    bytes += buffer->bytes;
  }
  return bytes;
}

static int64_t countWeights(const WebManifest &manifest) {
  int64_t bytes = 0;
  for (const WebWeight &weight : manifest.stream.weights)
    bytes += weight.bytes;
  return bytes;
}

int64_t lowbit::countMemory(const WebManifest &manifest) {
  int64_t bytes = countWeights(manifest);
  llvm::StringSet<> states;
  for (const GPUSchedule &schedule : manifest.schedules) {
    bytes += countScratch(schedule);
    for (const GPUBuffer &buffer : schedule.buffers) {
      bool isHandedOver = buffer.kind == GPUBufferKind::Input ||
                          buffer.kind == GPUBufferKind::Output;
      bool isNewState = buffer.kind == GPUBufferKind::State &&
                        states.insert(buffer.name).second;
      if (isHandedOver || isNewState)
        bytes += buffer.bytes;
    }
  }
  return bytes;
}

llvm::json::Value lowbit::toJSON(const WebManifest &manifest) {
  using llvm::json::Array;
  using llvm::json::Object;
  Object functions, kernels;
  for (const GPUSchedule &schedule : manifest.schedules)
    functions[schedule.function] = toJSON(schedule);
  for (const auto &[name, text] : manifest.kernels)
    kernels[name] = text;
  Array weights, shards;
  for (const WebWeight &weight : manifest.stream.weights) {
    Object fields{{"name", weight.name}, {"bytes", weight.bytes}};
    if (weight.offset >= 0)
      fields["offset"] = weight.offset;
    weights.push_back(std::move(fields));
  }
  for (const WebShard &shard : manifest.shards)
    shards.push_back(Object{{"file", shard.file},
                            {"bytes", shard.bytes},
                            {"sha256", shard.sha256}});
  Object result{{"format", "lowbit-web"},
                {"version", 1},
                {"model", manifest.model},
                {"floatBytes", static_cast<int64_t>(manifest.floatBytes)},
                {"packedBytes", countWeights(manifest)},
                {"memoryBytes", countMemory(manifest)},
                {"bitsPerWeight", manifest.bitsPerWeight},
                {"variants", toJSON(manifest.variants)},
                {"functions", std::move(functions)},
                {"kernels", std::move(kernels)},
                {"weights", std::move(weights)},
                {"shards", std::move(shards)}};
  if (manifest.quantizer) {
    result["quantizer"] = Object{{"file", manifest.quantizer->file},
                                 {"bytes", manifest.quantizer->bytes},
                                 {"sha256", manifest.quantizer->sha256}};
    addPageWeights(manifest.stream, result);
  }
  return result;
}
