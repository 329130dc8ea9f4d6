//===- PageWeights.cpp - weights that a page rounds -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The page has the numerics that round here, so what it makes of the floats can
// be known, and is checked: passes that do more to a weight than rounding and
// packing would be found out.
//
//===----------------------------------------------------------------------===//

#include "PageWeights.h"

#include "lowbit/Numerics/RowPacker.h"
#include "lowbit/Transforms/PackedData.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/MapVector.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;
using numerics::RowPacker;

/// The buffer of a component.
static std::optional<unsigned> bufferOf(StringRef component) {
  if (component == component::kBlob || component == component::kCodes)
    return 0;
  if (component == component::kScale)
    return 1;
  if (component == component::kZeroPoint)
    return 2;
  if (component == component::kMinimum)
    return 3;
  if (component == component::kOuterScale)
    return RowPacker::outerBuffer;
  return std::nullopt;
}

namespace {
/// An entry of `lowbit.float_sources`.
struct Record {
  StringAttr name;
  QuantizedTensorType type;
  DictionaryAttr components;
  DictionaryAttr source;

  static std::optional<Record> read(Attribute attribute) {
    auto fields = dyn_cast<DictionaryAttr>(attribute);
    if (!fields)
      return std::nullopt;
    auto type = fields.getAs<TypeAttr>("type");
    Record record{fields.getAs<StringAttr>("name"),
                  type ? dyn_cast<QuantizedTensorType>(type.getValue())
                       : QuantizedTensorType(),
                  fields.getAs<DictionaryAttr>("components"),
                  fields.getAs<DictionaryAttr>("source")};
    if (!record.name || !record.type || !record.components || !record.source)
      return std::nullopt;
    return record;
  }
};
} // namespace

/// What all rows of the packed weight share.
static std::vector<float> readShared(const Record &record) {
  if (RowPacker::sharedCount(record.type.getEncoding().getNumerics()) == 0)
    return {};
  OpBuilder builder(record.type.getContext());
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToStart(scratch->getBody());
  auto global =
      GlobalOp::create(builder, builder.getUnknownLoc(), record.name.getValue(),
                       record.type, record.components);
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  return succeeded(matrix) ? numerics::getSharedParameters(*matrix)
                           : std::vector<float>();
}

/// Rounds all rows and compares the bytes.
static LogicalResult check(ModuleOp module, const WebSource &source,
                           const WebPacking &packing,
                           ArrayRef<WebWeight> weights) {
  // As many numbers as make a task worth its hand-over.
  constexpr int64_t kTaskWeights = 1 << 18;
  int64_t grain = llvm::alignTo(
      std::max<int64_t>(1, kTaskWeights / source.columns), source.unit);
  std::vector<std::string> problems(llvm::divideCeil(source.rows, grain));
  parallelFor(module.getContext(), 0, problems.size(), [&](size_t i) {
    int64_t first = i * grain, end = std::min(source.rows, first + grain);
    RowPacker packer(packing.recipe, source.rows, source.columns,
                     packing.shared);
    std::vector<float> rows = source.floats.readRows(first, end);
    numerics::Status status = packer.pack(rows.data(), first, end);
    if (!status.ok()) {
      problems[i] = status.message;
      return;
    }
    for (unsigned buffer = 0; buffer < RowPacker::bufferCount; ++buffer) {
      if (packing.weights[buffer] < 0)
        continue;
      const std::vector<uint8_t> &made = packer.bytes(buffer);
      ArrayRef<char> wanted =
          getRawBytes(weights[packing.weights[buffer]].data);
      int64_t offset = packer.offset(buffer);
      if (offset + made.size() > wanted.size() ||
          memcmp(wanted.data() + offset, made.data(), made.size()) != 0)
        problems[i] = "other bytes than the packed ones from row " +
                      std::to_string(first) + " on";
    }
  });
  for (const std::string &problem : problems)
    if (!problem.empty())
      return module.emitError()
             << "weight '" << source.name
             << "': rounding in the page requires floats that round to the "
                "packed weight, found "
             << problem << "; write the module with packed weights";
  return success();
}

/// What the page makes for `record` of the floats of `source`, if anything.
static std::optional<WebPacking>
makePacking(const Record &record, const FloatSource &source,
            llvm::SmallDenseMap<Attribute, int64_t> &weightOf) {
  WebPacking packing;
  packing.recipe.encoding = source.encoding.getNumerics();
  packing.recipe.layout = record.type.bindLayout().layout();
  packing.recipe.search = source.search;
  packing.weights.fill(-1);
  if (!explainNoRowPacking(packing.recipe).empty())
    return std::nullopt;
  packing.shared = readShared(record);
  if (packing.shared.size() != RowPacker::sharedCount(packing.recipe.encoding))
    return std::nullopt;
  RowPacker packer(packing.recipe, record.type.getRows(),
                   record.type.getColumns(), packing.shared);
  for (NamedAttribute component : record.components) {
    std::optional<unsigned> buffer = bufferOf(component.getName());
    auto found = weightOf.find(component.getValue());
    if (buffer && packer.isByRow(*buffer) && found != weightOf.end() &&
        found->second >= 0)
      packing.weights[*buffer] = found->second;
  }
  return packing.weights[0] >= 0 ? std::optional(packing) : std::nullopt;
}

FailureOr<std::vector<WebSource>>
lowbit::findPageWeights(ModuleOp module, ArrayRef<WebWeight> weights) {
  auto records = module->getAttrOfType<ArrayAttr>(kFloatSourcesAttrName);
  if (!records)
    return std::vector<WebSource>();
  llvm::SmallDenseMap<Attribute, int64_t> weightOf;
  // Few data have no name of their own, and may be those of several weights, or
  // one number for all: such weights stay as they are.
  for (auto [i, weight] : llvm::enumerate(weights)) {
    bool isPlain = !getRawBytes(weight.data).empty();
    auto [place, isNew] =
        weightOf.try_emplace(weight.data, isPlain ? int64_t(i) : -1);
    if (!isNew)
      place->second = -1;
  }
  llvm::MapVector<Attribute, WebSource> sources;
  for (Attribute attribute : records) {
    std::optional<Record> record = Record::read(attribute);
    std::optional<FloatSource> floats =
        record ? FloatSource::read(record->source) : std::nullopt;
    if (!floats || floats->columns() != record->type.getColumns() ||
        floats->first > floats->rows() - record->type.getRows())
      return module.emitError()
             << kFloatSourcesAttrName
             << " requires dictionaries as lowbit-gpu-record-sources makes "
                "them, found "
             << attribute;
    std::optional<WebPacking> packing = makePacking(*record, *floats, weightOf);
    if (!packing) {
      module.emitRemark() << "weight '" << record->name.getValue()
                          << "' stays packed: no kernel reads rows of its "
                             "codes, or they are a few bytes";
      continue;
    }
    WebSource &source = sources[record->source];
    source.name = record->name.str();
    source.floats = *floats;
    source.element = floats->getElementType();
    source.rows = record->type.getRows();
    source.columns = record->type.getColumns();
    RowPacker packer(packing->recipe, source.rows, source.columns,
                     packing->shared);
    source.unit = std::lcm(source.unit, packer.rowUnit());
    source.packings.push_back(std::move(*packing));
  }
  std::vector<WebSource> result;
  for (auto &[attribute, source] : sources) {
    for (const WebPacking &packing : source.packings)
      if (failed(check(module, source, packing, weights)))
        return failure();
    result.push_back(std::move(source));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

static llvm::json::Array toNumbers(ArrayRef<uint32_t> words) {
  llvm::json::Array numbers;
  for (uint32_t word : words)
    numbers.push_back(int64_t(word));
  return numbers;
}

static std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << attribute;
  return text;
}

static llvm::json::Value describePacking(const WebPacking &packing,
                                         int64_t recipe,
                                         ArrayRef<WebWeight> weights) {
  std::vector<uint32_t> shared;
  for (float value : packing.shared)
    shared.push_back(llvm::bit_cast<uint32_t>(value));
  llvm::json::Array buffers;
  for (int64_t weight : packing.weights)
    buffers.push_back(weight < 0 ? llvm::json::Value(nullptr)
                                 : weights[weight].name);
  return llvm::json::Object{{"recipe", recipe},
                            {"shared", toNumbers(shared)},
                            {"buffers", std::move(buffers)}};
}

void lowbit::addPageWeights(const WeightStream &stream,
                            llvm::json::Object &manifest) {
  std::map<std::vector<uint32_t>, int64_t> places;
  llvm::json::Array recipes, sources;
  for (const WebSource &source : stream.sources) {
    llvm::json::Array packings;
    for (const WebPacking &packing : source.packings) {
      std::vector<uint32_t> words = writeRecipe(packing.recipe);
      auto [place, isNew] = places.try_emplace(words, recipes.size());
      if (isNew)
        recipes.push_back(toNumbers(words));
      packings.push_back(
          describePacking(packing, place->second, stream.weights));
    }
    std::string type;
    llvm::raw_string_ostream(type) << source.element;
    sources.push_back(
        llvm::json::Object{{"name", source.name},
                           {"type", type},
                           {"encoding", print(source.floats.encoding)},
                           {"rows", source.rows},
                           {"columns", source.columns},
                           {"unit", source.unit},
                           {"offset", source.offset},
                           {"packings", std::move(packings)}});
  }
  manifest["recipes"] = std::move(recipes);
  manifest["sources"] = std::move(sources);
}
