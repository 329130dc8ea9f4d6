//===- Manifest.cpp - a SPIR-V model's manifest ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace lowbit;
using llvm::json::ObjectMapper;

namespace lowbit {

static bool fromJSON(const llvm::json::Value &value, ManifestBuffer &buffer,
                     llvm::json::Path path) {
  ObjectMapper object(value, path);
  return object && object.map("name", buffer.name) &&
         object.map("kind", buffer.kind) && object.map("bytes", buffer.bytes) &&
         object.mapOptional("type", buffer.type) &&
         object.mapOptional("shape", buffer.shape) &&
         object.mapOptional("tableRows", buffer.tableRows);
}

static bool fromJSON(const llvm::json::Value &value, ManifestDispatch &dispatch,
                     llvm::json::Path path) {
  ObjectMapper object(value, path);
  std::vector<int64_t> workgroups;
  if (!object || !object.map("kernel", dispatch.kernel) ||
      !object.map("workgroups", workgroups) || workgroups.size() != 3)
    return false;
  std::copy(workgroups.begin(), workgroups.end(), dispatch.workgroups.begin());
  const llvm::json::Array *bindings = value.getAsObject()->getArray("bindings");
  if (!bindings)
    return false;
  for (const llvm::json::Value &binding : *bindings)
    dispatch.buffers.push_back(
        binding.getAsObject()->getInteger("buffer").value_or(0));
  return true;
}

static bool fromJSON(const llvm::json::Value &value, ManifestVariant &variant,
                     llvm::json::Path path) {
  ObjectMapper object(value, path);
  return object && object.map("name", variant.name) &&
         object.map("features", variant.features) &&
         object.mapOptional("onRequest", variant.onRequest) &&
         object.mapOptional("f16", variant.halves) &&
         object.map("kernels", variant.kernels);
}

static bool fromJSON(const llvm::json::Value &value, ManifestFunction &function,
                     llvm::json::Path path) {
  ObjectMapper object(value, path);
  return object && object.map("function", function.name) &&
         object.map("buffers", function.buffers) &&
         object.map("dispatches", function.dispatches);
}

} // namespace lowbit

const ManifestFunction *Manifest::find(llvm::StringRef name) const {
  for (const ManifestFunction &function : functions)
    if (function.name == name)
      return &function;
  return nullptr;
}

llvm::Expected<Manifest> lowbit::readManifest(llvm::StringRef path) {
  auto file = mapFile(path);
  if (!file)
    return file.takeError();
  auto value = llvm::json::parse((*file)->getBuffer());
  if (!value)
    return makeFileError(path, "a manifest is required, in JSON: " +
                                   llvm::toString(value.takeError()));
  const llvm::json::Object *object = value->getAsObject();
  const llvm::json::Value *functions =
      object ? object->get("functions") : nullptr;
  const llvm::json::Value *variants =
      object ? object->get("variants") : nullptr;
  auto data = object ? object->getString("data") : std::nullopt;
  if (!functions || !variants || !data)
    return makeFileError(path,
                         "a manifest that quant-opt --target=spirv has "
                         "written is required, found no list of functions "
                         "and variants, or no name of data");
  Manifest manifest;
  llvm::json::Path::Root root("manifest");
  if (!llvm::json::fromJSON(*functions, manifest.functions, root) ||
      !llvm::json::fromJSON(*variants, manifest.variants, root))
    return makeFileError(path, llvm::toString(root.getError()));
  llvm::SmallString<128> beside = llvm::sys::path::parent_path(path);
  llvm::sys::path::append(beside, *data);
  manifest.data = beside.str().str();
  return manifest;
}
