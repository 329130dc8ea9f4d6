//===- Manifest.cpp - what a web module consists of -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lowbit;

/// Module attribute with the data of weights, as the GPU pipeline leaves it.
static constexpr llvm::StringLiteral kWeights = "lowbit.weights";

FailureOr<std::vector<WebWeight>>
lowbit::orderWeights(ModuleOp module, ArrayRef<GPUSchedule> schedules) {
  auto data = module->getAttrOfType<DictionaryAttr>(kWeights);
  std::vector<WebWeight> weights;
  llvm::StringSet<> seen;
  int64_t offset = 0;
  for (const GPUSchedule &schedule : schedules) {
    for (const GPUDispatch &dispatch : schedule.dispatches) {
      for (const GPUBinding &binding : dispatch.bindings) {
        const GPUBuffer &buffer = schedule.buffers[binding.buffer];
        if (buffer.kind != GPUBufferKind::Weight ||
            !seen.insert(buffer.name).second)
          continue;
        auto elements = data ? data.getAs<ElementsAttr>(buffer.name) : nullptr;
        if (!elements) {
          module.emitError()
              << "weight '" << buffer.name << "' requires data in the module's "
              << kWeights << ", found none";
          return failure();
        }
        weights.push_back({buffer.name, buffer.bytes, offset, elements});
        offset += buffer.bytes;
      }
    }
  }
  return weights;
}

int64_t lowbit::chooseShardBytes(int64_t total) {
  constexpr int64_t kSmallest = 64 << 10, kLargest = 8 << 20;
  // Whole pages, so that few weights are cut within a number.
  int64_t share = llvm::alignTo(total / 20, 4096);
  return std::clamp(share, kSmallest, kLargest);
}

std::vector<std::pair<int64_t, int64_t>>
lowbit::planShards(ArrayRef<WebWeight> weights,
                   std::optional<int64_t> floatBytes) {
  int64_t total = 0;
  for (const WebWeight &weight : weights)
    total += weight.bytes;
  int64_t size = chooseShardBytes(total), begin = 0;
  std::vector<std::pair<int64_t, int64_t>> shards;
  auto cut = [&](int64_t end, int64_t size) {
    for (; begin < end; begin += shards.back().second)
      shards.push_back({begin, std::min(size, end - begin)});
  };
  for (const WebWeight &weight : weights) {
    // No precision is much less than the model in 2 bits, or than this weight.
    int64_t own =
        floatBytes ? chooseShardBytes(std::max(*floatBytes / 16, weight.bytes))
                   : size;
    if (!isa<FloatType>(weight.data.getElementType()) || weight.bytes < own)
      continue;
    cut(weight.offset, size);
    cut(weight.offset + weight.bytes, own);
  }
  cut(total, size);
  return shards;
}

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
  for (const WebWeight &weight : manifest.weights)
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

/// The bytes of a weight as they lie in memory; one element of a splat.
static ArrayRef<char> getBytes(ElementsAttr data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  return cast<DenseElementsAttr>(data).getRawData();
}

static void copyWeight(const WebWeight &weight, int64_t begin,
                       std::string &stream) {
  ArrayRef<char> bytes = getBytes(weight.data);
  auto dense = dyn_cast<DenseElementsAttr>(weight.data);
  bool isSplat = dense && dense.isSplat();
  int64_t count =
      isSplat ? bytes.size() * dense.getNumElements() : bytes.size();
  int64_t end = begin + stream.size();
  int64_t first = std::max(begin, weight.offset);
  int64_t last = std::min(end, weight.offset + std::min(count, weight.bytes));
  for (int64_t at = first; at < last; ++at)
    stream[at - begin] = bytes[(at - weight.offset) % bytes.size()];
}

std::string lowbit::readStream(ArrayRef<WebWeight> weights, int64_t begin,
                               int64_t size) {
  std::string stream(size, '\0');
  for (const WebWeight &weight : weights)
    if (weight.offset < begin + size && weight.offset + weight.bytes > begin)
      copyWeight(weight, begin, stream);
  return stream;
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
  for (const WebWeight &weight : manifest.weights)
    weights.push_back(Object{{"name", weight.name},
                             {"bytes", weight.bytes},
                             {"offset", weight.offset}});
  for (const WebShard &shard : manifest.shards)
    shards.push_back(Object{{"file", shard.file},
                            {"bytes", shard.bytes},
                            {"sha256", shard.sha256}});
  return Object{{"format", "lowbit-web"},
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
}
