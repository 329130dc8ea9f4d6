//===- FallbackWeights.cpp - weights of the shards, repacked --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Most weights lie in the shards as they are: biases, tables, embeddings. Those
// of layers differ in their layout. A weight too large for a binding is there
// in parts, which have some of its rows.
//
//===----------------------------------------------------------------------===//

#include "FallbackWeights.h"

#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/xxhash.h"
#include <deque>
#include <map>

using namespace mlir;
using namespace lowbit;

/// Bytes of a weight that goes without a remark where it is no layer's.
static constexpr int64_t kSmallBytes = 64 << 10;

static constexpr llvm::StringLiteral kNoData = "the shaders read no such data";
/// Pages repack words.
static constexpr llvm::StringLiteral kNoWords = "its bytes are no whole words";

namespace {

/// Some rows of a quantized weight: by component, which of the shards' weights.
using RowPart = llvm::StringMap<unsigned>;

class Planner {
public:
  Planner(ModuleOp module, ArrayRef<WebWeight> shards,
          const WebFallback &fallback);

  FailureOr<WebFallbackPlan> plan();

private:
  ArrayRef<char> getBytes(const WebWeight &weight);
  std::map<int64_t, RowPart> findParts(StringRef name);
  bool copyWhole(ArrayRef<char> bytes, WebCopiedWeight &weight);
  bool copyParts(StringRef name, StringRef component, ArrayRef<char> bytes,
                 WebCopiedWeight &weight);
  std::string repack(StringRef name, const WebFallback::Types &types,
                     ArrayRef<char> bytes, WebCopiedWeight &weight);
  std::string repackRows(const WebFallback::Types &types, const RowPart &part,
                         int64_t first, int64_t rows, std::vector<char> &made,
                         WebCopiedWeight &weight);
  std::string findCopies(ArrayRef<char> bytes, WebCopiedWeight &weight);

  ModuleOp module;
  ArrayRef<WebWeight> shards;
  const WebFallback &fallback;
  std::vector<ArrayRef<char>> sources;
  /// Weights of the shards by the hash of their bytes.
  DenseMap<uint64_t, SmallVector<unsigned, 1>> byHash;
  /// Splats, written out.
  std::deque<std::string> splats;
};

} // namespace

/// One bit less than a word: some words are not keys of maps.
static uint64_t hashBytes(ArrayRef<char> bytes) {
  return llvm::xxh3_64bits(ArrayRef(
             reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size())) >>
         1;
}

Planner::Planner(ModuleOp module, ArrayRef<WebWeight> shards,
                 const WebFallback &fallback)
    : module(module), shards(shards), fallback(fallback) {
  for (const WebWeight &weight : shards) {
    // What of them is in the shards: integers may be words of fewer bits there.
    ArrayRef<char> bytes = getBytes(weight);
    sources.push_back(bytes.take_front(weight.bytes));
    byHash[hashBytes(sources.back())].push_back(sources.size() - 1);
  }
}

/// A weight's bytes without the zeros that fill its buffer.
ArrayRef<char> Planner::getBytes(const WebWeight &weight) {
  auto dense = dyn_cast<DenseElementsAttr>(weight.data);
  if (!dense || !dense.isSplat() || dense.getNumElements() == 1)
    return getWeightBytes(weight.data);
  int64_t size = getWeightBytes(weight.data).size() * dense.getNumElements();
  WeightStream alone;
  alone.weights.push_back({weight.name, size, /*offset=*/0, weight.data});
  splats.push_back(alone.read(0, size));
  return ArrayRef(splats.back().data(), splats.back().size());
}

/// The parts of a weight by their first row: `name`.blob, or of several
/// `name`.rows128.blob and so on.
std::map<int64_t, RowPart> Planner::findParts(StringRef name) {
  std::map<int64_t, RowPart> parts;
  for (auto [i, shard] : llvm::enumerate(shards)) {
    StringRef rest = shard.name;
    int64_t first = 0;
    if (!rest.consume_front(kGPUWeightPrefix) || !rest.consume_front(name) ||
        !rest.consume_front("."))
      continue;
    if (rest.consume_front("rows") &&
        (rest.consumeInteger(10, first) || !rest.consume_front(".")))
      continue;
    parts[first].try_emplace(rest, i);
  }
  return parts;
}

bool Planner::copyWhole(ArrayRef<char> bytes, WebCopiedWeight &weight) {
  for (unsigned source : byHash.lookup(hashBytes(bytes)))
    if (sources[source] == bytes) {
      weight.copies.push_back({shards[source].name, std::nullopt,
                               static_cast<int64_t>(bytes.size()), 0});
      return true;
    }
  return false;
}

/// A component that is in the shards in parts, which follow each other.
bool Planner::copyParts(StringRef name, StringRef component,
                        ArrayRef<char> bytes, WebCopiedWeight &weight) {
  ArrayRef<char> rest = bytes;
  std::vector<WebCopy> copies;
  for (auto &[first, part] : findParts(name)) {
    auto found = part.find(component);
    if (found == part.end())
      continue;
    ArrayRef<char> source = sources[found->second];
    if (source.size() > rest.size() || rest.take_front(source.size()) != source)
      return false;
    copies.push_back({shards[found->second].name, std::nullopt,
                      static_cast<int64_t>(source.size()),
                      static_cast<int64_t>(bytes.size() - rest.size())});
    rest = rest.drop_front(source.size());
  }
  if (!rest.empty())
    return false;
  llvm::append_range(weight.copies, copies);
  return true;
}

/// The components of a type that its layout places, by buffer.
static std::array<StringRef, 4> getBufferNames(QuantizedTensorType type) {
  return {type.getLayout() ? component::kBlob : component::kCodes,
          component::kScale, component::kZeroPoint, component::kMinimum};
}

std::string Planner::repackRows(const WebFallback::Types &types,
                                const RowPart &part, int64_t first,
                                int64_t rows, std::vector<char> &made,
                                WebCopiedWeight &weight) {
  auto type = QuantizedTensorType::get(
      {rows, types.shaders.getColumns()}, types.shaders.getElementType(),
      types.shaders.getEncoding(), types.shaders.getLayout());
  numerics::BoundLayout from = type.bindLayout();
  std::vector<numerics::FieldCopy> copies;
  numerics::Status status =
      numerics::planFieldCopies(from, types.codes.bindLayout(), first, copies);
  if (!status.ok())
    return status.message;
  std::array<StringRef, 4> names = getBufferNames(type);
  const uint8_t *buffers[4] = {};
  uint8_t *target[4] = {reinterpret_cast<uint8_t *>(made.data())};
  for (const numerics::FieldCopy &copy : copies) {
    unsigned buffer = copy.from.buffer;
    if (copy.to.buffer != 0)
      return kNoData.str();
    auto found = part.find(names[buffer]);
    if (found == part.end() ||
        static_cast<int64_t>(sources[found->second].size()) <
            from.bufferBytes(buffer))
      return kNoData.str();
    buffers[buffer] =
        reinterpret_cast<const uint8_t *>(sources[found->second].data());
    numerics::runFieldCopy(copy, buffers, target);
    weight.copies.push_back({shards[found->second].name, copy});
  }
  return {};
}

/// Copies of fields that make a blob; why there are none otherwise.
std::string Planner::repack(StringRef name, const WebFallback::Types &types,
                            ArrayRef<char> bytes, WebCopiedWeight &weight) {
  std::map<int64_t, RowPart> parts = findParts(name);
  std::vector<char> made(types.codes.bindLayout().bufferBytes(0));
  for (auto part = parts.begin(); part != parts.end();) {
    auto &[first, components] = *part++;
    int64_t end = part == parts.end() ? types.codes.getRows() : part->first;
    if (end <= first || end > types.codes.getRows())
      return kNoData.str();
    std::string reason =
        repackRows(types, components, first, end - first, made, weight);
    if (!reason.empty())
      return reason;
  }
  return ArrayRef<char>(made) == bytes ? std::string() : kNoData.str();
}

/// Fills in the copies of a weight; why there are none otherwise.
std::string Planner::findCopies(ArrayRef<char> bytes, WebCopiedWeight &weight) {
  if (copyWhole(bytes, weight))
    return {};
  auto [name, component] = StringRef(weight.name).rsplit('.');
  if (copyParts(name, component, bytes, weight))
    return {};
  // As the CPU's kernels call components of a dense table.
  if (name.consume_back(".table") && copyParts(name, component, bytes, weight))
    return {};
  auto types = fallback.types.find(name);
  if (component != component::kBlob || types == fallback.types.end())
    return kNoData.str();
  if (bytes.size() % 4)
    return kNoWords.str();
  std::string reason = repack(name, types->second, bytes, weight);
  if (!reason.empty())
    weight.copies.clear();
  return reason;
}

FailureOr<WebFallbackPlan> Planner::plan() {
  WebFallbackPlan plan;
  std::vector<ArrayRef<char>> bytes;
  for (const WebFallback::Weight &weight : fallback.weights) {
    bytes.push_back(
        getBytes({weight.name, /*bytes=*/0, /*offset=*/0, weight.data}));
    plan.weights.push_back({weight.name,
                            static_cast<int64_t>(bytes.back().size()),
                            {},
                            std::nullopt});
  }
  // Each is made as a page makes it, and compared.
  std::vector<std::string> reasons(bytes.size());
  parallelFor(module.getContext(), 0, bytes.size(), [&](size_t i) {
    reasons[i] = findCopies(bytes[i], plan.weights[i]);
  });
  for (auto [weight, copied, reason] :
       llvm::zip_equal(fallback.weights, plan.weights, reasons)) {
    int64_t size = copied.bytes;
    if (!reason.empty()) {
      bool isLayer =
          fallback.types.contains(StringRef(weight.name).rsplit('.').first);
      if (isLayer || size > kSmallBytes)
        emitRemark(module.getLoc())
            << "weight '" << weight.name << "' is stored a second time, "
            << size << " bytes for WebAssembly: " << reason;
      // Words, as those of other weights.
      int64_t room = llvm::alignTo(size, 16);
      copied.offset = plan.own.bytes;
      plan.own.weights.push_back(
          {weight.name, room, plan.own.bytes, weight.data});
      plan.own.bytes += room;
    }
  }
  return plan;
}

FailureOr<WebFallbackPlan>
lowbit::planFallbackWeights(ModuleOp module, ArrayRef<WebWeight> shards,
                            const WebFallback &fallback) {
  return Planner(module, shards, fallback).plan();
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static llvm::json::Value toJSON(const numerics::FieldAxis &axis) {
  llvm::json::Array numbers{axis.runLength, axis.runStride};
  for (const numerics::FieldAxis::Digit &digit : axis.digits) {
    numbers.push_back(digit.extent);
    numbers.push_back(digit.stride);
  }
  return numbers;
}

static llvm::json::Value toJSON(const numerics::FieldPlaces &places) {
  return llvm::json::Object{{"offset", places.offset},
                            {"rows", toJSON(places.rows)},
                            {"columns", toJSON(places.columns)}};
}

static llvm::json::Value toJSON(const WebCopy &copy) {
  llvm::json::Object object{{"source", copy.source}};
  if (!copy.fields) {
    object["bytes"] = copy.bytes;
    object["at"] = copy.at;
    return object;
  }
  const numerics::FieldCopy &fields = *copy.fields;
  object["bits"] = fields.bits;
  object["lanes"] = fields.lanes;
  object["rows"] = fields.rows;
  object["columns"] = fields.columns;
  object["firstRow"] = fields.firstRow;
  object["from"] = toJSON(fields.from);
  object["to"] = toJSON(fields.to);
  return object;
}

llvm::json::Value lowbit::toJSON(const WebCopiedWeight &weight) {
  llvm::json::Object object{{"name", weight.name}, {"bytes", weight.bytes}};
  if (weight.offset) {
    object["offset"] = *weight.offset;
    return object;
  }
  llvm::json::Array copies;
  for (const WebCopy &copy : weight.copies)
    copies.push_back(::toJSON(copy));
  object["copies"] = std::move(copies);
  return object;
}
