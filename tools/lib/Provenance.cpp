//===- Provenance.cpp - where an artefact comes from ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Digests are BLAKE3: LLVM's is twenty times as fast as its SHA-256, which
// would take longer than quantizing does.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

llvm::StringRef lowbit::getLowbitVersion() { return LOWBIT_VERSION; }

llvm::Expected<FileDigest> lowbit::digestFile(llvm::StringRef path) {
  llvm::Expected<llvm::sys::fs::file_t> file =
      llvm::sys::fs::openNativeFileForRead(path);
  if (!file)
    return makeFileError(path, llvm::toString(file.takeError()));
  llvm::scope_exit close([&] { llvm::sys::fs::closeFile(*file); });
  llvm::BLAKE3 hasher;
  std::vector<char> buffer(1 << 18);
  while (true) {
    llvm::Expected<size_t> count = llvm::sys::fs::readNativeFile(*file, buffer);
    if (!count)
      return makeFileError(path, llvm::toString(count.takeError()));
    if (*count == 0)
      break;
    hasher.update(llvm::StringRef(buffer.data(), *count));
  }
  return FileDigest{llvm::sys::path::filename(path).str(),
                    llvm::toHex(hasher.final(), /*LowerCase=*/true)};
}

//===----------------------------------------------------------------------===//
// As an attribute
//===----------------------------------------------------------------------===//

static mlir::ArrayAttr toAttribute(llvm::ArrayRef<FileDigest> files,
                                   mlir::Builder &builder) {
  llvm::SmallVector<mlir::Attribute> list;
  for (const FileDigest &file : files)
    list.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("blake3", builder.getStringAttr(file.blake3)),
         builder.getNamedAttr("file", builder.getStringAttr(file.name))}));
  return builder.getArrayAttr(list);
}

static std::string getText(mlir::DictionaryAttr fields, llvm::StringRef key) {
  auto text = fields.getAs<mlir::StringAttr>(key);
  return text ? text.str() : std::string();
}

static std::vector<FileDigest> getFiles(mlir::DictionaryAttr fields,
                                        llvm::StringRef key) {
  std::vector<FileDigest> files;
  if (auto list = fields.getAs<mlir::ArrayAttr>(key))
    for (mlir::Attribute entry : list)
      if (auto file = llvm::dyn_cast<mlir::DictionaryAttr>(entry))
        files.push_back({getText(file, "file"), getText(file, "blake3")});
  return files;
}

std::optional<Provenance> lowbit::getProvenance(mlir::ModuleOp module) {
  auto fields =
      module->getAttrOfType<mlir::DictionaryAttr>(kProvenanceAttrName);
  if (!fields)
    return std::nullopt;
  return Provenance{getText(fields, "lowbit"), getText(fields, "recipe"),
                    getFiles(fields, "sources"), getFiles(fields, "data")};
}

void lowbit::setProvenance(mlir::ModuleOp module,
                           const Provenance &provenance) {
  mlir::Builder builder(module.getContext());
  mlir::NamedAttrList fields;
  fields.set("lowbit", builder.getStringAttr(provenance.version));
  fields.set("recipe", builder.getStringAttr(provenance.recipe));
  fields.set("sources", toAttribute(provenance.sources, builder));
  if (!provenance.data.empty())
    fields.set("data", toAttribute(provenance.data, builder));
  module->setAttr(kProvenanceAttrName,
                  fields.getDictionary(module.getContext()));
}

llvm::Error lowbit::recordProvenance(mlir::ModuleOp module,
                                     llvm::ArrayRef<std::string> files,
                                     llvm::StringRef recipe) {
  Provenance provenance = getProvenance(module).value_or(Provenance());
  provenance.version = getLowbitVersion();
  if (!recipe.empty())
    provenance.recipe += (provenance.recipe.empty() ? "" : "; ") + recipe.str();
  if (provenance.sources.empty())
    for (llvm::StringRef file : files) {
      llvm::Expected<FileDigest> digest = digestFile(file);
      if (!digest)
        return digest.takeError();
      provenance.sources.push_back(std::move(*digest));
    }
  setProvenance(module, provenance);
  return llvm::Error::success();
}

llvm::Error lowbit::recordData(mlir::ModuleOp module, llvm::StringRef path) {
  llvm::Expected<FileDigest> digest = digestFile(path);
  if (!digest)
    return digest.takeError();
  Provenance provenance = getProvenance(module).value_or(Provenance());
  if (!llvm::is_contained(provenance.data, *digest))
    provenance.data.push_back(std::move(*digest));
  setProvenance(module, provenance);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// As JSON
//===----------------------------------------------------------------------===//

static llvm::json::Array toJson(llvm::ArrayRef<FileDigest> files) {
  llvm::json::Array list;
  for (const FileDigest &file : files)
    list.push_back(llvm::json::Object{{"file", llvm::json::fixUTF8(file.name)},
                                      {"blake3", file.blake3}});
  return list;
}

llvm::json::Object lowbit::toJson(const Provenance &provenance) {
  return llvm::json::Object{{"lowbit", provenance.version},
                            {"recipe", llvm::json::fixUTF8(provenance.recipe)},
                            {"sources", ::toJson(provenance.sources)},
                            {"data", ::toJson(provenance.data)}};
}

std::string lowbit::printProvenance(const Provenance &provenance) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(toJson(provenance));
  return text;
}

static std::vector<FileDigest> readFiles(const llvm::json::Object &object,
                                         llvm::StringRef key) {
  std::vector<FileDigest> files;
  if (const llvm::json::Array *list = object.getArray(key))
    for (const llvm::json::Value &entry : *list)
      if (const llvm::json::Object *file = entry.getAsObject())
        files.push_back({file->getString("file").value_or("").str(),
                         file->getString("blake3").value_or("").str()});
  return files;
}

std::optional<Provenance> lowbit::parseProvenance(llvm::StringRef json) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(json);
  if (!value) {
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }
  const llvm::json::Object *object = value->getAsObject();
  if (!object || !object->getString("lowbit"))
    return std::nullopt;
  return Provenance{object->getString("lowbit")->str(),
                    object->getString("recipe").value_or("").str(),
                    readFiles(*object, "sources"), readFiles(*object, "data")};
}
