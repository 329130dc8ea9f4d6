//===- WeightStream.cpp - what the shards of a web module hold ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightStream.h"
#include "PageWeights.h"

#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/Numerics/Float16.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringSet.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// The weights of `schedules` in order.
static FailureOr<std::vector<WebWeight>>
orderWeights(ModuleOp module, ArrayRef<GPUSchedule> schedules) {
  auto data = module->getAttrOfType<DictionaryAttr>(kGPUWeightsAttrName);
  std::vector<WebWeight> weights;
  llvm::StringSet<> seen;
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
              << kGPUWeightsAttrName << ", found none";
          return failure();
        }
        weights.push_back({buffer.name, buffer.bytes, /*offset=*/0, elements});
      }
    }
  }
  return weights;
}

/// Whether a weight is one of the many small ones, norms and biases: among
/// floats that the page rounds they come first, so that those are the same
/// bytes in each precision of the model.
static bool isSmall(const WebWeight &weight) {
  constexpr int64_t kSmall = 64 << 10;
  return weight.bytes < kSmall;
}

/// Gives weights and sources their places. A source stands where the first of
/// its buffers would.
static void placeAll(WeightStream &stream) {
  SmallVector<int64_t> sourceOf(stream.weights.size(), -1);
  for (auto [i, source] : llvm::enumerate(stream.sources))
    for (const WebPacking &packing : source.packings)
      for (int64_t weight : packing.weights)
        if (weight >= 0)
          sourceOf[weight] = i;
  auto place = [&](auto &item, int64_t bytes) {
    item.offset = stream.bytes;
    stream.bytes += bytes;
  };
  for (WebWeight &weight : stream.weights)
    weight.offset = -1;
  if (!stream.sources.empty())
    for (auto [i, weight] : llvm::enumerate(stream.weights))
      if (sourceOf[i] < 0 && isSmall(weight))
        place(weight, weight.bytes);
  SmallVector<bool> isPlaced(stream.sources.size(), false);
  for (auto [i, weight] : llvm::enumerate(stream.weights)) {
    int64_t source = sourceOf[i];
    if (source < 0 && weight.offset < 0)
      place(weight, weight.bytes);
    if (source >= 0 && !std::exchange(isPlaced[source], true))
      place(stream.sources[source], stream.sources[source].bytes());
  }
}

FailureOr<WeightStream>
lowbit::makeWeightStream(ModuleOp module, ArrayRef<GPUSchedule> schedules) {
  auto weights = orderWeights(module, schedules);
  if (failed(weights))
    return failure();
  WeightStream stream;
  stream.weights = std::move(*weights);
  auto sources = findPageWeights(module, stream.weights);
  if (failed(sources))
    return failure();
  stream.sources = std::move(*sources);
  placeAll(stream);
  return stream;
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

namespace {
/// Bytes that are cut at multiples of `unit` behind their first.
struct StreamItem {
  int64_t offset, bytes, unit;
  bool isFloat;
  /// Floats that the page rounds, or such as are large.
  bool isCommon;
  /// Of floats that the page rounds.
  int64_t rowBytes = 1;
};
} // namespace

static SmallVector<StreamItem> listItems(const WeightStream &stream) {
  SmallVector<StreamItem> items;
  // Uploads are in words.
  for (const WebWeight &weight : stream.weights) {
    bool isFloat = isa<FloatType>(weight.data.getElementType());
    if (weight.offset >= 0)
      items.push_back({weight.offset, weight.bytes, /*unit=*/4, isFloat,
                       isFloat && !isSmall(weight)});
  }
  for (const WebSource &source : stream.sources)
    items.push_back({source.offset, source.bytes(),
                     source.unit * source.rowBytes(), /*isFloat=*/true,
                     /*isCommon=*/true, source.rowBytes()});
  llvm::sort(items, [](const StreamItem &a, const StreamItem &b) {
    return std::tie(a.offset, a.bytes) < std::tie(b.offset, b.bytes);
  });
  return items;
}

int64_t lowbit::chooseShardBytes(int64_t total) {
  constexpr int64_t kSmallest = 64 << 10, kLargest = 8 << 20;
  // Whole pages, so that few weights are cut within a number.
  int64_t share = llvm::alignTo(total / 32, 4096);
  return std::clamp(share, kSmallest, kLargest);
}

namespace {
/// Shards one behind the other.
class ShardPlan {
public:
  /// Ends the shard at hand.
  void close() {
    if (fill)
      shards.push_back({begin, fill});
    begin += fill;
    fill = 0;
  }

  /// Puts an item into shards of `size`.
  void add(const StreamItem &item, int64_t size) {
    for (int64_t left = item.bytes; left > 0;) {
      int64_t room = std::max<int64_t>(size - fill, 0);
      int64_t share = left <= room ? left : room / item.unit * item.unit;
      // A unit that is larger than a shard is one by itself.
      if (share == 0 && fill == 0)
        share = std::min(left, item.unit);
      fill += share;
      left -= share;
      if (share == 0 || fill >= size)
        close();
    }
  }

  std::vector<std::pair<int64_t, int64_t>> shards;

private:
  int64_t begin = 0, fill = 0;
};
} // namespace

/// The unit in which each precision of the model may cut an item: encodings
/// want multiples of few rows, powers of two.
static int64_t getCommonUnit(const StreamItem &item, int64_t size) {
  constexpr int64_t kMostRows = 32;
  int64_t rows = kMostRows;
  while (rows > 1 && rows * item.rowBytes > size / 8)
    rows /= 2;
  return std::lcm(item.unit, rows * item.rowBytes);
}

/// Shards of floats that the page rounds: of these it holds one beside what it
/// has made of those before. They and other large floats are the same in each
/// precision of the model, and cut by their size alone; what else there is has
/// shards of its own.
static std::vector<std::pair<int64_t, int64_t>>
planFloats(ArrayRef<StreamItem> items, int64_t floatBytes) {
  constexpr int64_t kMost = 4 << 20;
  int64_t size = std::min(chooseShardBytes(floatBytes), kMost);
  ShardPlan plan;
  bool wasCommon = false;
  for (StreamItem item : items) {
    if (std::exchange(wasCommon, item.isCommon) != item.isCommon)
      plan.close();
    item.unit = getCommonUnit(item, size);
    plan.add(item, size);
  }
  plan.close();
  return std::move(plan.shards);
}

std::vector<std::pair<int64_t, int64_t>>
WeightStream::plan(std::optional<int64_t> floatBytes) const {
  if (!sources.empty())
    return planFloats(listItems(*this), floatBytes.value_or(bytes));
  int64_t size = chooseShardBytes(bytes);
  ShardPlan plan;
  for (const StreamItem &item : listItems(*this)) {
    // No precision is much less than the model in 2 bits, or than this weight.
    int64_t own = floatBytes
                      ? chooseShardBytes(std::max(*floatBytes / 16, item.bytes))
                      : size;
    bool isAlone = item.isFloat && item.bytes >= own;
    if (isAlone)
      plan.close();
    plan.add(item, isAlone ? own : size);
    if (isAlone)
      plan.close();
  }
  plan.close();
  return std::move(plan.shards);
}

ArrayRef<char> lowbit::getWeightBytes(ElementsAttr data) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  return cast<DenseElementsAttr>(data).getRawData();
}

static void copyWeight(const WebWeight &weight, int64_t begin,
                       std::string &bytes) {
  ArrayRef<char> data = getWeightBytes(weight.data);
  auto dense = dyn_cast<DenseElementsAttr>(weight.data);
  bool isSplat = dense && dense.isSplat();
  int64_t count = isSplat ? data.size() * dense.getNumElements() : data.size();
  int64_t end = begin + bytes.size();
  int64_t first = std::max(begin, weight.offset);
  int64_t last = std::min(end, weight.offset + std::min(count, weight.bytes));
  if (first >= last)
    return;
  if (!isSplat) {
    memcpy(&bytes[first - begin], &data[first - weight.offset], last - first);
    return;
  }
  for (int64_t at = first; at < last; ++at)
    bytes[at - begin] = data[(at - weight.offset) % data.size()];
}

/// The float rows of `source` in [begin, begin + bytes), as it stores them.
static void copySource(const WebSource &source, int64_t begin,
                       std::string &bytes) {
  int64_t end = begin + bytes.size(), rowBytes = source.rowBytes();
  int64_t first = std::max(begin, source.offset) - source.offset;
  int64_t last = std::min(end, source.offset + source.bytes()) - source.offset;
  if (first >= last)
    return;
  std::vector<float> rows =
      source.floats.readRows(first / rowBytes, last / rowBytes);
  char *to = bytes.data() + (source.offset + first - begin);
  if (source.element.isF32()) {
    memcpy(to, rows.data(), last - first);
    return;
  }
  // Each has come from this type.
  for (float value : rows) {
    uint16_t half = source.element.isF16()
                        ? numerics::floatToHalf(value)
                        : uint16_t(llvm::bit_cast<uint32_t>(value) >> 16);
    memcpy(to, &half, sizeof(half));
    to += sizeof(half);
  }
}

std::string WeightStream::read(int64_t begin, int64_t size) const {
  std::string result(size, '\0');
  for (const WebWeight &weight : weights)
    if (weight.offset >= 0 && weight.offset < begin + size &&
        weight.offset + weight.bytes > begin)
      copyWeight(weight, begin, result);
  for (const WebSource &source : sources)
    copySource(source, begin, result);
  return result;
}
