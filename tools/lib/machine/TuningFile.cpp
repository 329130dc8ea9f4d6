//===- TuningFile.cpp - what is known of a machine, as JSON ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "lowbit/Tools/MachineTuning.h"
#include "lowbit/Transforms/LayerNames.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <cmath>

using namespace lowbit;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kFormat = "lowbit-tuning";
static constexpr int64_t kVersion = 1;
/// Costs of a weight beyond this are of another unit than picoseconds.
static constexpr double kMostPicoseconds = 1e6;

void MachineTuning::setConstant(double MachineConstants::*constant,
                                double value) {
  constants.*constant = value;
  for (const MachineConstant &entry : getMachineConstants())
    if (entry.value == constant)
      known.insert(entry.name.str());
}

static std::string nameCost(llvm::StringRef kind, unsigned bits) {
  return (kind + "." + llvm::Twine(bits)).str();
}

void MachineTuning::setCost(llvm::StringRef kind, unsigned bits,
                            double picoseconds) {
  (kind == "integers" ? costs.integers : costs.tables)[bits] = picoseconds;
  known.insert(nameCost(kind, bits));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Reads one file. The first error stays; what follows it is not looked at.
class Reader {
public:
  explicit Reader(llvm::StringRef path) : path(path) {}

  llvm::Expected<MachineTuning> read(const json::Value &value);

private:
  using Names = llvm::ArrayRef<std::string>;

  void fail(const llvm::Twine &text) {
    if (!error)
      error = text.str();
  }
  /// `found` may be null, which is nothing.
  void failAt(llvm::StringRef place, const llvm::Twine &wanted,
              const json::Value *found) {
    constexpr size_t kLength = 40;
    std::string text = found ? llvm::formatv("{0}", *found).str() : "nothing";
    if (text.size() > kLength)
      text = text.substr(0, kLength) + "...";
    fail("'" + place + "' requires " + wanted + ", found " + text);
  }
  const json::Object *getObject(const json::Value *value, llvm::StringRef place,
                                Names keys);
  std::string getText(const json::Object &object, llvm::StringRef key);
  double getNumber(const json::Value &value, llvm::StringRef place,
                   double least, double most);
  void readName(const json::Object &object);
  void readConstants(const json::Object &object);
  void readCosts(const json::Object &object, llvm::StringRef kind);
  void readChoices(const json::Object &object);
  void readEvidence(const json::Value &value);

  llvm::StringRef path;
  MachineTuning tuning;
  std::optional<std::string> error;
};
} // namespace

template <typename Table>
static std::vector<std::string> getNames(Table table) {
  std::vector<std::string> names;
  for (const auto &entry : table)
    names.push_back(entry.name.str());
  return names;
}

static std::vector<std::string> getBitNames() {
  std::vector<std::string> names;
  for (unsigned bits = 1; bits <= KernelCosts::kMostBits; ++bits)
    names.push_back(std::to_string(bits));
  return names;
}

/// `value` as an object with no other keys than `keys`; null after an error.
const json::Object *Reader::getObject(const json::Value *value,
                                      llvm::StringRef place, Names keys) {
  const json::Object *object = value ? value->getAsObject() : nullptr;
  if (!object) {
    failAt(place, "an object", value);
    return nullptr;
  }
  for (const auto &entry : *object)
    if (!llvm::is_contained(keys, entry.first.str())) {
      fail("unknown key '" + entry.first.str() + "' in '" + place +
           "'; the nearest are " + describeNearest(entry.first, keys));
      return nullptr;
    }
  return object;
}

std::string Reader::getText(const json::Object &object, llvm::StringRef key) {
  const json::Value *value = object.get(key);
  if (std::optional<llvm::StringRef> text =
          value ? value->getAsString() : std::nullopt)
    return text->str();
  failAt(key, "a text", value);
  return {};
}

double Reader::getNumber(const json::Value &value, llvm::StringRef place,
                         double least, double most) {
  std::optional<double> number = value.getAsNumber();
  if (number && *number >= least && *number <= most)
    return *number;
  failAt(place, llvm::formatv("a number from {0} to {1}", least, most).str(),
         &value);
  return least;
}

void Reader::readName(const json::Object &object) {
  MachineName &name = tuning.name;
  name.cpu = getText(object, "cpu");
  name.architecture = getText(object, "architecture");
  if (object.get("kernels"))
    name.kernels = getText(object, "kernels");
  if (object.get("made-by"))
    name.madeBy = getText(object, "made-by");
  if (const json::Value *threads = object.get("threads"))
    name.threads = unsigned(getNumber(*threads, "threads", 1, 1 << 20));
  const json::Value *features = object.get("features");
  if (!features)
    return;
  const json::Array *list = features->getAsArray();
  if (!list)
    return failAt("features", "a list of texts", features);
  for (const json::Value &feature : *list) {
    if (!feature.getAsString())
      return failAt("features", "a list of texts", features);
    name.features.push_back(feature.getAsString()->str());
  }
}

void Reader::readConstants(const json::Object &object) {
  for (const MachineConstant &constant : getMachineConstants())
    if (const json::Value *value = object.get(constant.name))
      tuning.setConstant(constant.value,
                         getNumber(*value, ("constants." + constant.name).str(),
                                   constant.least, constant.most));
}

void Reader::readCosts(const json::Object &object, llvm::StringRef kind) {
  for (unsigned bits = 1; bits <= KernelCosts::kMostBits; ++bits)
    if (const json::Value *value = object.get(std::to_string(bits)))
      tuning.setCost(
          kind, bits,
          getNumber(*value, nameCost(kind, bits), 0.0, kMostPicoseconds));
}

void Reader::readChoices(const json::Object &object) {
  for (const TuningChoice &choice : getTuningChoices()) {
    const json::Value *value = object.get(choice.name);
    if (!value)
      continue;
    std::optional<int64_t> number = getJsonInteger(value);
    if (!number || !choice.allows(*number))
      return failAt(("choices." + choice.name).str(), choice.describeRange(),
                    value);
    tuning.choices.*choice.value = *number;
  }
}

/// What was measured is for people; it only must be what it says.
void Reader::readEvidence(const json::Value &value) {
  const json::Array *list = value.getAsArray();
  if (!list)
    return failAt("measured", "a list of objects", &value);
  for (const json::Value &entry : *list) {
    const json::Object *object =
        getObject(&entry, "measured", {"choice", "on", "times"});
    if (!object)
      return;
    TuningEvidence evidence{
        getText(*object, "choice"), getText(*object, "on"), {}};
    const json::Value *times = object->get("times");
    if (!times || !times->getAsObject())
      return failAt("measured.times", "an object of numbers", times);
    for (const auto &[number, time] : *times->getAsObject()) {
      int64_t candidate;
      if (llvm::StringRef(number).getAsInteger(10, candidate))
        return failAt("measured.times", "numbers as its keys", times);
      evidence.times.push_back(
          {candidate, getNumber(time, "measured.times", 0.0, 1e9)});
    }
    llvm::sort(evidence.times);
    tuning.evidence.push_back(std::move(evidence));
  }
}

llvm::Expected<MachineTuning> Reader::read(const json::Value &value) {
  const json::Object *root =
      getObject(&value, "the file",
                {"format", "version", "machine", "constants", "costs",
                 "choices", "measured"});
  if (root) {
    const json::Value *format = root->get("format"),
                      *version = root->get("version");
    if (!format || format->getAsString() != kFormat)
      failAt("format", "\"" + kFormat + "\"", format);
    if (getJsonInteger(version) != kVersion)
      failAt("version", llvm::Twine(kVersion), version);
    auto part = [&](llvm::StringRef key, Names keys) {
      return error ? nullptr : getObject(root->get(key), key, keys);
    };
    if (const json::Object *name =
            part("machine", {"cpu", "architecture", "kernels", "features",
                             "threads", "made-by"}))
      readName(*name);
    if (root->get("constants"))
      if (const json::Object *constants =
              part("constants", getNames(getMachineConstants())))
        readConstants(*constants);
    tuning.choices = chooseTuning(tuning.constants, tuning.name.cpu);
    if (root->get("choices"))
      if (const json::Object *choices =
              part("choices", getNames(getTuningChoices())))
        readChoices(*choices);
    if (root->get("costs"))
      if (const json::Object *costs = part("costs", {"integers", "tables"}))
        for (llvm::StringRef kind : {"integers", "tables"})
          if (const json::Value *found = costs->get(kind))
            if (const json::Object *object =
                    getObject(found, kind, getBitNames()))
              readCosts(*object, kind);
    if (const json::Value *evidence = root->get("measured"); evidence && !error)
      readEvidence(*evidence);
  }
  if (error)
    return makeFileError(path, *error);
  return std::move(tuning);
}

llvm::Expected<MachineTuning> lowbit::readTuning(llvm::StringRef path) {
  constexpr uint64_t kMostBytes = uint64_t(1) << 20;
  llvm::Expected<json::Value> value = readJson(path, {/*depth=*/8, kMostBytes});
  if (!value)
    return value.takeError();
  return Reader(path).read(*value);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// To four digits, since more were not measured; bytes and the like as they
/// are.
static void print(json::OStream &os, llvm::StringRef key, double number) {
  constexpr double kExact = 1e15;
  bool isInteger = number == std::floor(number) && std::abs(number) < kExact;
  os.attributeBegin(key);
  os.rawValue([&](llvm::raw_ostream &out) {
    out << llvm::format(isInteger ? "%.0f" : "%.4g", number);
  });
  os.attributeEnd();
}

/// Those that are known; nothing where none is.
static void printCosts(json::OStream &os, llvm::StringRef kind,
                       const KernelCosts::Costs &costs,
                       const std::set<std::string> &known) {
  auto isKnown = [&](unsigned bits) {
    return known.count(nameCost(kind, bits));
  };
  auto all = llvm::seq_inclusive(1u, KernelCosts::kMostBits);
  if (llvm::none_of(all, isKnown))
    return;
  os.attributeObject(kind, [&] {
    for (unsigned bits : llvm::make_filter_range(all, isKnown))
      print(os, std::to_string(bits), costs[bits]);
  });
}

void lowbit::printTuning(const MachineTuning &tuning, llvm::raw_ostream &out) {
  json::OStream os(out, /*IndentSize=*/2);
  os.object([&] {
    os.attribute("format", kFormat);
    os.attribute("version", kVersion);
    os.attributeObject("machine", [&] {
      os.attribute("cpu", tuning.name.cpu);
      os.attribute("architecture", tuning.name.architecture);
      os.attribute("kernels", tuning.name.kernels);
      os.attribute("features", json::Array(tuning.name.features));
      os.attribute("threads", tuning.name.threads);
      os.attribute("made-by", tuning.name.madeBy);
    });
    os.attributeObject("constants", [&] {
      for (const MachineConstant &constant : getMachineConstants())
        if (tuning.known.count(constant.name.str()))
          print(os, constant.name, tuning.constants.*constant.value);
    });
    os.attributeObject("costs", [&] {
      printCosts(os, "integers", tuning.costs.integers, tuning.known);
      printCosts(os, "tables", tuning.costs.tables, tuning.known);
    });
    os.attributeObject("choices", [&] {
      for (const TuningChoice &choice : getTuningChoices())
        os.attribute(choice.name, tuning.choices.*choice.value);
    });
    os.attributeArray("measured", [&] {
      for (const TuningEvidence &evidence : tuning.evidence)
        os.object([&] {
          os.attribute("choice", evidence.choice);
          os.attribute("on", evidence.on);
          os.attributeObject("times", [&] {
            for (auto [number, time] : evidence.times)
              print(os, std::to_string(number), time);
          });
        });
    });
  });
  out << "\n";
}

//===----------------------------------------------------------------------===//
// Machines
//===----------------------------------------------------------------------===//

llvm::Error lowbit::checkTuning(const MachineTuning &tuning,
                                llvm::StringRef path, llvm::StringRef triple) {
  llvm::Triple target(triple.empty() ? llvm::sys::getDefaultTargetTriple()
                                     : llvm::Triple::normalize(triple));
  llvm::StringRef name = llvm::Triple::getArchTypeName(target.getArch());
  if (tuning.name.architecture == name)
    return llvm::Error::success();
  return makeFileError(path, "is about a machine of architecture '" +
                                 tuning.name.architecture +
                                 "', and code is to be for '" + name +
                                 "': leave --tuning out, or measure there "
                                 "(quant-opt --tune)");
}

std::string lowbit::describeOtherCPU(const MachineTuning &tuning,
                                     llvm::StringRef cpu) {
  if (cpu == "native")
    cpu = llvm::sys::getHostCPUName();
  if (cpu == tuning.name.cpu)
    return {};
  return "choices were measured on '" + tuning.name.cpu +
         "', and code is for '" + cpu.str() +
         "': it is correct, and others may be faster there";
}
