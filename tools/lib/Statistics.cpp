//===- Statistics.cpp - what calibration found out, as a file -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Readers trust nothing in a file: counts, names and shapes must agree before
// anybody computes with them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Statistics.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "lowbit/Tools/Safetensors.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;
using llvm::StringRef;

static constexpr llvm::StringLiteral kFormatKey("format");
static constexpr llvm::StringLiteral kFormat("lowbit.statistics 2");

const HostTensor *StatisticsRecord::lookup(StringRef component) const {
  auto found = components.find(component.str());
  return found == components.end() ? nullptr : &found->second;
}

/// Limits are powers of two.
static numerics::Histogram restoreHistogram(llvm::ArrayRef<uint64_t> counts,
                                            double limit) {
  int exponent;
  std::frexp(limit, &exponent);
  return numerics::Histogram::restore(exponent - 1, counts.vec(),
                                      /*notFinite=*/0);
}

std::optional<numerics::Histogram> StatisticsRecord::getHistogram() const {
  const HostTensor *counts = lookup(statistic::kHistogram);
  const HostTensor *limit = lookup(statistic::kHistogramLimit);
  if (!counts || !limit)
    return std::nullopt;
  return restoreHistogram(counts->getAs<uint64_t>(), limit->getAs<double>()[0]);
}

std::vector<numerics::Histogram> StatisticsRecord::getColumnHistograms() const {
  std::vector<numerics::Histogram> result;
  const HostTensor *counts = lookup(statistic::kColumnHistogram);
  const HostTensor *limits = lookup(statistic::kColumnHistogramLimit);
  if (!counts || !limits)
    return result;
  for (auto [k, limit] : llvm::enumerate(limits->getAs<double>()))
    result.push_back(restoreHistogram(
        counts->getAs<uint64_t>().slice(k * numerics::Histogram::kColumnBins,
                                        numerics::Histogram::kColumnBins),
        limit));
  return result;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The type and shape of the components that this reader knows.
static std::optional<std::pair<ElementType, llvm::SmallVector<int64_t>>>
getKnownShape(StringRef component, const StatisticsRecord &record) {
  int64_t columns = record.columns, rows = record.rows;
  if (component == statistic::kMinimum || component == statistic::kMaximum)
    return {{ElementType::F32, {columns}}};
  if (component == statistic::kMean || component == statistic::kMeanSquare ||
      component == statistic::kGradientMeanSquare)
    return {{ElementType::F64, {columns}}};
  if (component == statistic::kGradientRows)
    return {{ElementType::F32, {rows, 1}}};
  if (component == statistic::kSecondMoment)
    return {{ElementType::F32, {columns, columns}}};
  if (component == statistic::kMovingRange)
    return {{ElementType::F64, {2}}};
  if (component == statistic::kHistogram)
    return {{ElementType::U64, {numerics::Histogram::kBins}}};
  if (component == statistic::kHistogramLimit)
    return {{ElementType::F64, {1}}};
  if (component == statistic::kColumnHistogram)
    return {{ElementType::U64, {columns, numerics::Histogram::kColumnBins}}};
  if (component == statistic::kColumnHistogramLimit)
    return {{ElementType::F64, {columns}}};
  if (component == statistic::kColumnMovingRange)
    return {{ElementType::F64, {columns, 2}}};
  return std::nullopt;
}

/// Says what of a component's numbers cannot have been seen by anybody; nothing
/// if they may have been.
static std::optional<std::string> findImpossible(StringRef name,
                                                 const HostTensor &tensor) {
  bool isSquare = name == statistic::kMeanSquare ||
                  name == statistic::kGradientMeanSquare ||
                  name == statistic::kHistogramLimit ||
                  name == statistic::kColumnHistogramLimit;
  auto find = [&](auto numbers) -> std::optional<std::string> {
    for (auto [i, number] : llvm::enumerate(numbers))
      if (!std::isfinite(number) || (isSquare && number < 0))
        return llvm::formatv("requires {0} numbers, found {1} at {2}",
                             isSquare ? "finite and no negative" : "finite",
                             number, i)
            .str();
    return std::nullopt;
  };
  if (tensor.getType() == ElementType::F32)
    return find(tensor.getAs<float>());
  if (tensor.getType() == ElementType::F64)
    return find(tensor.getAs<double>());
  return std::nullopt;
}

/// A tensor of the file; a copy where the file does not align it.
static HostTensor makeTensor(const SafetensorsEntry &entry,
                             const MappedFile &file) {
  auto address = reinterpret_cast<uintptr_t>(entry.bytes.data());
  if (address % getByteSize(entry.type) == 0)
    return HostTensor::view(
        entry.type, entry.shape,
        {const_cast<char *>(entry.bytes.data()), entry.bytes.size()}, file);
  HostTensor copy = HostTensor::allocate(entry.type, entry.shape);
  llvm::copy(entry.bytes, copy.getMutableBytes().begin());
  return copy;
}

namespace {
/// Reads the records of a file one by one.
class RecordReader {
public:
  RecordReader(const SafetensorsFile &file) : file(file) {}

  llvm::Expected<StatisticsRecord> read(const llvm::json::Value &value) {
    const llvm::json::Object *object = value.getAsObject();
    StatisticsRecord record;
    if (!object || !readFields(*object, record))
      return makeFileError(file.getSource(),
                           "a record requires a name, layers, rows, samples, "
                           "columns and components");
    for (const llvm::json::Value &component : *object->getArray("components"))
      if (llvm::Error error =
              readComponent(component.getAsString().value_or(""), record))
        return std::move(error);
    for (auto [counts, limit] :
         {std::pair(statistic::kHistogram, statistic::kHistogramLimit),
          std::pair(statistic::kColumnHistogram,
                    statistic::kColumnHistogramLimit)})
      if (!record.lookup(counts) != !record.lookup(limit))
        return makeFileError(file.getSource(),
                             "record '" + record.name + "' requires '" +
                                 counts + "' and '" + limit +
                                 "' both or neither, found one of them");
    return record;
  }

private:
  static bool readFields(const llvm::json::Object &object,
                         StatisticsRecord &record) {
    auto name = object.getString("name");
    const llvm::json::Array *layers = object.getArray("layers");
    auto rows = getJsonInteger(object.get("rows")),
         samples = getJsonInteger(object.get("samples")),
         columns = getJsonInteger(object.get("columns"));
    if (!name || !layers || !rows || !samples || !columns || *rows < 1 ||
        *samples < 1 || *columns < 1 || !object.getArray("components"))
      return false;
    record.name = name->str();
    record.rows = *rows;
    record.samples = *samples;
    record.columns = *columns;
    for (const llvm::json::Value &layer : *layers) {
      auto text = layer.getAsString();
      if (!text)
        return false;
      record.layers.push_back(text->str());
    }
    return true;
  }

  llvm::Error readComponent(StringRef name, StatisticsRecord &record) {
    std::string key = record.name + "." + name.str();
    const SafetensorsEntry *entry = file.lookup(key);
    if (!entry)
      return makeFileError(file.getSource(),
                           "the tensor '" + key + "' of a record is missing");
    if (auto known = getKnownShape(name, record))
      if (known->first != entry->type || known->second != entry->shape)
        return makeFileError(file.getSource(),
                             "tensor '" + key + "': requires " +
                                 describe(known->first, known->second) +
                                 ", found " +
                                 describe(entry->type, entry->shape));
    HostTensor tensor = makeTensor(*entry, file.getFile());
    if (std::optional<std::string> problem = findImpossible(name, tensor))
      return makeFileError(file.getSource(),
                           "tensor '" + key + "': " + *problem);
    record.components[name.str()] = std::move(tensor);
    return llvm::Error::success();
  }

  const SafetensorsFile &file;
};
} // namespace

llvm::Expected<CalibrationStatistics> lowbit::readStatistics(StringRef path) {
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  auto get = [&](StringRef key) {
    auto found = file->getMetadata().find(key.str());
    return found == file->getMetadata().end() ? std::string() : found->second;
  };
  if (get(kFormatKey) != kFormat)
    return makeFileError(path, "requires a statistics file (format '" +
                                   kFormat + "'), found '" + get(kFormatKey) +
                                   "'");
  if (get("checksum") !=
      computeChecksum(file->getMetadata(), file->getEntries()))
    return makeFileError(path, "is damaged: its bytes do not match their "
                               "checksum; remove it and calibrate again");
  CalibrationStatistics result;
  result.provenance = {get("model"), get("data"), get("options"),
                       get("statistics")};
  llvm::Expected<llvm::json::Value> records = parseJson(get("records"), path);
  if (!records)
    return records.takeError();
  const llvm::json::Array *array = records->getAsArray();
  if (!array)
    return makeFileError(path, "'records' must be a list");
  RecordReader reader(*file);
  for (const llvm::json::Value &value : *array) {
    llvm::Expected<StatisticsRecord> record = reader.read(value);
    if (!record)
      return record.takeError();
    result.records.push_back(std::move(*record));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error lowbit::writeStatistics(StringRef path,
                                    const CalibrationStatistics &statistics) {
  std::string records;
  llvm::raw_string_ostream os(records);
  llvm::json::OStream json(os);
  std::vector<SafetensorsEntry> entries;
  json.array([&] {
    for (const StatisticsRecord &record : statistics.records)
      json.object([&] {
        json.attribute("name", record.name);
        json.attribute("layers", llvm::json::Array(record.layers));
        json.attribute("rows", int64_t(record.rows));
        json.attribute("samples", int64_t(record.samples));
        json.attribute("columns", int64_t(record.columns));
        json.attributeArray("components", [&] {
          for (const auto &[name, tensor] : record.components)
            json.value(name);
        });
        for (const auto &[name, tensor] : record.components)
          entries.push_back({record.name + "." + name, tensor.getType(),
                             llvm::SmallVector<int64_t, 4>(tensor.getShape()),
                             tensor.getBytes()});
      });
  });
  const StatisticsSource &provenance = statistics.provenance;
  llvm::Expected<AtomicOutput> output = AtomicOutput::create(path);
  if (!output)
    return output.takeError();
  std::map<std::string, std::string> metadata = {
      {kFormatKey.str(), kFormat.str()},
      {"model", provenance.model},
      {"data", provenance.data},
      {"options", provenance.options},
      {"statistics", provenance.statistics},
      {"records", records}};
  metadata["checksum"] = computeChecksum(metadata, entries);
  auto size = writeSafetensors(*output, std::move(entries), metadata);
  if (!size)
    return size.takeError();
  return output->commit();
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

template <typename T, typename Combine>
static void combine(HostTensor &to, const HostTensor &from, Combine combine) {
  for (auto [a, b] : llvm::zip_equal(to.getMutableAs<T>(), from.getAs<T>()))
    a = combine(a, b);
}

/// The rows of both.
static HostTensor append(const HostTensor &first, const HostTensor &second) {
  HostTensor both = HostTensor::allocate(
      first.getType(), {first.getShape()[0] + second.getShape()[0], 1});
  auto to = llvm::copy(first.getBytes(), both.getMutableBytes().begin());
  llvm::copy(second.getBytes(), to);
  return both;
}

/// Writes the sums of histograms to the components that hold the first ones.
static void mergeHistograms(std::vector<numerics::Histogram> sums,
                            llvm::ArrayRef<numerics::Histogram> others,
                            HostTensor &counts, HostTensor &limits) {
  auto count = counts.getMutableAs<uint64_t>().begin();
  for (auto [sum, other, limit] :
       llvm::zip_equal(sums, others, limits.getMutableAs<double>())) {
    sum.add(other);
    count = llvm::copy(sum.counts(), count);
    limit = sum.limit();
  }
}

/// Adds `from` to `to`, whose tensors are its own.
static llvm::Error mergeRecord(StatisticsRecord &to,
                               const StatisticsRecord &from) {
  auto keys = [](const StatisticsRecord &record) {
    std::vector<std::string> names;
    for (const auto &[name, tensor] : record.components)
      names.push_back(name);
    return names;
  };
  if (to.name != from.name || to.layers != from.layers ||
      to.columns != from.columns || keys(to) != keys(from))
    return makeError("statistics of one model must have the same records, "
                     "found '" +
                     to.name + "' and '" + from.name +
                     "' with other layers, columns or components");
  double rows = double(to.rows) + double(from.rows);
  double a = to.rows / rows, b = from.rows / rows;
  double samples = double(to.samples) + double(from.samples);
  double c = to.samples / samples, d = from.samples / samples;
  for (auto &[name, tensor] : to.components) {
    const HostTensor &other = from.components.at(name);
    if (name == statistic::kMinimum)
      combine<float>(tensor, other,
                     [](float x, float y) { return std::min(x, y); });
    else if (name == statistic::kMaximum)
      combine<float>(tensor, other,
                     [](float x, float y) { return std::max(x, y); });
    else if (name == statistic::kMean || name == statistic::kMeanSquare ||
             name == statistic::kGradientMeanSquare)
      combine<double>(tensor, other,
                      [&](double x, double y) { return a * x + b * y; });
    else if (name == statistic::kGradientRows)
      tensor = append(tensor, other);
    else if (name == statistic::kSecondMoment)
      combine<float>(tensor, other,
                     [&](float x, float y) { return a * x + b * y; });
    else if (name == statistic::kMovingRange ||
             name == statistic::kColumnMovingRange)
      combine<double>(tensor, other,
                      [&](double x, double y) { return c * x + d * y; });
    else if (name != statistic::kHistogram &&
             name != statistic::kHistogramLimit &&
             name != statistic::kColumnHistogram &&
             name != statistic::kColumnHistogramLimit)
      return makeError("component '" + name + "' of '" + to.name +
                       "' is not known here, and cannot be merged");
  }
  if (to.lookup(statistic::kHistogram))
    mergeHistograms({*to.getHistogram()}, {*from.getHistogram()},
                    to.components[statistic::kHistogram.str()],
                    to.components[statistic::kHistogramLimit.str()]);
  if (to.lookup(statistic::kColumnHistogram))
    mergeHistograms(to.getColumnHistograms(), from.getColumnHistograms(),
                    to.components[statistic::kColumnHistogram.str()],
                    to.components[statistic::kColumnHistogramLimit.str()]);
  to.rows += from.rows;
  to.samples += from.samples;
  return llvm::Error::success();
}

/// Tensors of a file are not to be written to.
static void copyTensors(StatisticsRecord &record) {
  for (auto &[name, tensor] : record.components) {
    HostTensor copy = HostTensor::allocate(tensor.getType(), tensor.getShape());
    llvm::copy(tensor.getBytes(), copy.getMutableBytes().begin());
    tensor = std::move(copy);
  }
}

/// Samples that two parts have seen would count twice.
static llvm::Error checkDifferent(llvm::ArrayRef<CalibrationStatistics> parts) {
  llvm::StringSet<> seen;
  for (const CalibrationStatistics &part : parts) {
    llvm::SmallVector<StringRef> data;
    StringRef(part.provenance.data).split(data, '+');
    for (StringRef one : data)
      if (!seen.insert(one).second)
        return makeError("merging requires statistics of different data, found "
                         "those of " +
                         one + " twice: their samples would count twice");
  }
  return llvm::Error::success();
}

llvm::Expected<CalibrationStatistics>
lowbit::mergeStatistics(llvm::ArrayRef<CalibrationStatistics> parts) {
  if (parts.empty())
    return makeError("merging requires at least one statistics file");
  if (llvm::Error error = checkDifferent(parts))
    return std::move(error);
  CalibrationStatistics result = parts.front();
  for (StatisticsRecord &record : result.records)
    copyTensors(record);
  for (const CalibrationStatistics &part : parts.drop_front()) {
    if (part.provenance.model != result.provenance.model)
      return makeError("merging requires statistics of one model, found those "
                       "of " +
                       result.provenance.model + " and " +
                       part.provenance.model);
    if (part.records.size() != result.records.size())
      return makeError("merging requires the same records, found " +
                       llvm::Twine(result.records.size()) + " and " +
                       llvm::Twine(part.records.size()));
    for (auto [to, from] : llvm::zip_equal(result.records, part.records))
      if (llvm::Error error = mergeRecord(to, from))
        return std::move(error);
    result.provenance.data += "+" + part.provenance.data;
    result.provenance.options += " + " + part.provenance.options;
  }
  return result;
}
