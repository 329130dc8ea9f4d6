//===- Sensitivity.cpp - what each encoding costs each layer --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sensitivity.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kSchema = "lowbit-sensitivity/1";

static std::string toText(EncodingAttr encoding) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << encoding;
  return text;
}

std::optional<double> Sensitivity::lookup(EncodingAttr encoding,
                                          llvm::StringRef layer) const {
  auto byLayer = losses.find(toText(encoding));
  if (byLayer == losses.end())
    return std::nullopt;
  auto loss = byLayer->second.find(layer.str());
  if (loss == byLayer->second.end())
    return std::nullopt;
  return loss->second;
}

void Sensitivity::set(EncodingAttr encoding, llvm::StringRef layer,
                      double loss) {
  losses[toText(encoding)][layer.str()] = loss;
}

mlir::FailureOr<std::vector<double>>
MeasuredStrategy::getLosses(const PrecisionLayer &layer,
                            llvm::ArrayRef<EncodingAttr> encodings) {
  std::vector<double> result;
  for (EncodingAttr encoding : encodings) {
    std::optional<double> loss = sensitivity.lookup(encoding, layer.name);
    if (!loss)
      return layer.op->emitOpError() << "weight '" << layer.name
                                     << "' was not measured as " << encoding;
    result.push_back(*loss);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// Reads losses; false if they are no objects of finite numbers.
static bool readLosses(const json::Object *object, Sensitivity &sensitivity) {
  if (!object)
    return false;
  for (const auto &[encoding, value] : *object) {
    const json::Object *layers = value.getAsObject();
    if (!layers)
      return false;
    auto &losses = sensitivity.losses[encoding.str()];
    for (const auto &[layer, entry] : *layers) {
      std::optional<double> loss = entry.getAsNumber();
      if (!loss || !std::isfinite(*loss))
        return false;
      losses[layer.str()] = *loss;
    }
  }
  return true;
}

llvm::Expected<Sensitivity> lowbit::readSensitivity(llvm::StringRef path) {
  llvm::Expected<json::Value> value = readJson(path);
  if (!value)
    return value.takeError();
  const json::Object *object = value->getAsObject();
  auto getText = [&](llvm::StringRef key) {
    return object ? object->getString(key).value_or("") : llvm::StringRef();
  };
  Sensitivity result;
  result.source.model = getText("model").str();
  result.source.data = getText("data").str();
  result.source.options = getText("options").str();
  result.measure = getText("measure").str();
  if (getText("schema") != kSchema ||
      !readLosses(object->getObject("losses"), result))
    return makeFileError(path, "requires a sensitivity file (schema " +
                                   kSchema +
                                   ") with a finite loss for each encoding "
                                   "and layer, found something else");
  return std::move(result);
}

llvm::Error lowbit::writeSensitivity(llvm::StringRef path,
                                     const Sensitivity &sensitivity) {
  llvm::Expected<AtomicOutput> output = AtomicOutput::create(path);
  if (!output)
    return output.takeError();
  json::OStream stream(output->os(), /*IndentSize=*/2);
  stream.object([&] {
    stream.attribute("schema", kSchema);
    stream.attribute("model", sensitivity.source.model);
    stream.attribute("data", sensitivity.source.data);
    stream.attribute("options", json::fixUTF8(sensitivity.source.options));
    stream.attribute("measure", sensitivity.measure);
    stream.attributeObject("losses", [&] {
      for (const auto &entry : sensitivity.losses)
        stream.attributeObject(entry.first, [&] {
          for (const auto &[layer, loss] : entry.second)
            stream.attribute(json::fixUTF8(layer), loss);
        });
    });
  });
  output->os() << "\n";
  return output->commit();
}
