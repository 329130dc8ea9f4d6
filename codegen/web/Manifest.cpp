//===- Manifest.cpp - what a web module consists of -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "PageWeights.h"
#include "lowbit/CodeGen/Web/WebFiles.h"

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
  llvm::sort(buffers, [](const GPUBuffer *a, const GPUBuffer *b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
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
                          buffer.kind == GPUBufferKind::Output ||
                          buffer.kind == GPUBufferKind::Token;
      bool isNewState = buffer.kind == GPUBufferKind::State &&
                        states.insert(buffer.name).second;
      if (isHandedOver || isNewState)
        bytes += buffer.bytes;
    }
  }
  return bytes;
}

static llvm::json::Object toJSON(const WebShard &shard) {
  llvm::json::Object object{
      {"file", shard.file}, {"bytes", shard.bytes}, {"sha256", shard.sha256}};
  if (!shard.pieces.empty())
    object["pieces"] = llvm::json::Array(shard.pieces);
  return object;
}

static llvm::json::Object toJSON(const WebFile &file) {
  return llvm::json::Object{
      {"file", file.file}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

static llvm::json::Array toJSON(ArrayRef<WebShard> shards) {
  llvm::json::Array array;
  for (const WebShard &shard : shards)
    array.push_back(::toJSON(shard));
  return array;
}

static llvm::json::Object toJSON(const WebManifestFallback &fallback) {
  llvm::json::Array codes;
  for (const WebManifestFallback::Code &code : fallback.codes) {
    llvm::json::Object object = ::toJSON(code.file);
    object["variant"] = code.variant;
    codes.push_back(std::move(object));
  }
  return llvm::json::Object{{"codes", std::move(codes)},
                            {"program", fallback.program},
                            {"weights", llvm::json::Array(fallback.weights)},
                            {"shards", ::toJSON(fallback.shards)}};
}

llvm::json::Value lowbit::toJSON(const WebManifest &manifest) {
  using llvm::json::Array;
  using llvm::json::Object;
  Object functions, kernels;
  for (const GPUSchedule &schedule : manifest.schedules)
    functions[schedule.function] = toJSON(schedule);
  for (const auto &[name, text] : manifest.kernels)
    kernels[name] = text;
  Array weights;
  for (const WebWeight &weight : manifest.stream.weights) {
    Object fields{{"name", weight.name}, {"bytes", weight.bytes}};
    if (weight.offset >= 0)
      fields["offset"] = weight.offset;
    weights.push_back(std::move(fields));
  }
  Object result{{"format", kWebManifestFormat},
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
                {"pieceBytes", kWebPieceBytes},
                {"shards", ::toJSON(manifest.shards)}};
  if (manifest.quantizer) {
    result["quantizer"] = ::toJSON(*manifest.quantizer);
    addPageWeights(manifest.stream, result);
  }
  if (manifest.fallback) {
    result["fallback"] = ::toJSON(*manifest.fallback);
    std::optional<int64_t> bytes = manifest.fallback->memoryBytes;
    result["wasmMemoryBytes"] =
        bytes ? llvm::json::Value(*bytes) : llvm::json::Value(nullptr);
  }
  return result;
}
