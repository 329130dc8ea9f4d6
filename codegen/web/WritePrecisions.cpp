//===- WritePrecisions.cpp - a model in several precisions ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each precision is a manifest with shards of its own, as that of a module of
// one; the module's manifest lists them with what a page chooses by.
//
//===----------------------------------------------------------------------===//

#include "ModuleFiles.h"
#include "lowbit/CodeGen/Web/WebPrecisions.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

std::string lowbit::getWebPrecisionManifest(llvm::StringRef output,
                                            llvm::StringRef precision) {
  std::string name;
  for (char c : precision) {
    bool isPlain = llvm::isAlnum(c) || c == '-' || c == '.';
    if (isPlain || (!name.empty() && name.back() != '_'))
      name += isPlain ? c : '_';
  }
  return getModuleFile(output,
                       "." + llvm::StringRef(name).rtrim('_') + ".json");
}

/// What a page chooses variants by, without their kernels; those with kernels
/// in f16 have `f16`.
static llvm::json::Array describeVariants(const llvm::json::Array &variants) {
  llvm::json::Array result;
  for (const llvm::json::Value &value : variants) {
    llvm::json::Object variant = *value.getAsObject();
    variant.erase("kernels");
    if (variant.erase("f16"))
      variant["f16"] = true;
    result.push_back(std::move(variant));
  }
  return result;
}

/// The fields of a precision's own manifest that say what it takes.
static llvm::Expected<llvm::json::Object>
describePrecision(const WebPrecision &precision, const WebFiles &files) {
  auto text = llvm::MemoryBuffer::getFile(files.find(precision.manifest));
  if (!text)
    return llvm::createStringError(
        "'" + precision.manifest +
        "' cannot be read: " + text.getError().message());
  auto manifest = llvm::json::parse((*text)->getBuffer());
  if (!manifest)
    return manifest.takeError();
  const llvm::json::Object &fields = *manifest->getAsObject();
  llvm::json::Object result{
      {"name", precision.name},
      {"manifest", llvm::sys::path::filename(precision.manifest)}};
  for (llvm::StringRef field : {"floatBytes", "packedBytes", "memoryBytes",
                                "wasmMemoryBytes", "bitsPerWeight"})
    if (const llvm::json::Value *value = fields.get(field))
      result[field] = *value;
  if (const llvm::json::Array *variants = fields.getArray("variants"))
    result["variants"] = describeVariants(*variants);
  if (precision.accuracy)
    result["accuracy"] = *precision.accuracy;
  if (precision.divergence)
    result["divergence"] = *precision.divergence;
  return std::move(result);
}

llvm::Error lowbit::writeWebPrecisions(llvm::StringRef output,
                                       llvm::ArrayRef<WebPrecision> precisions,
                                       WebFiles &files) {
  llvm::json::Array list;
  for (const WebPrecision &precision : precisions) {
    auto described = describePrecision(precision, files);
    if (!described)
      return described.takeError();
    list.push_back(std::move(*described));
  }
  std::string path = getModuleFile(output, ".json");
  // A manifest that is there would be of other shards.
  files.retire(path);
  if (llvm::Error error = writeRuntimeFiles(output, files))
    return error;
  llvm::json::Value index = llvm::json::Object{{"format", kWebManifestFormat},
                                               {"version", 1},
                                               {"precisions", std::move(list)}};
  return files.write(path, llvm::formatv("{0}\n", index).str());
}
