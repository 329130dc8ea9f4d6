//===- Artefact.cpp - Modules on disk: IR and a sidecar -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR can leave the bytes of resources out of what it writes; what is left to
// do here is to keep them beside it, and to bring both together again without
// trusting either.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Artefact.h"
#include "ReplacedSidecar.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/ElementTypes.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/IRText.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Safetensors.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"

using namespace lowbit;

namespace {

/// A component of a global whose data are a resource.
struct Component {
  GlobalOp global;
  llvm::StringRef name;
  mlir::DenseResourceElementsAttr resource;

  std::string getTensorName() {
    return lowbit::getTensorName(global.getSymName(), name);
  }
  llvm::Error fail(const llvm::Twine &what) {
    return makeError("component '" + name + "' of global '@" +
                     global.getSymName() + "': " + what);
  }
};

/// All such components, in the module's order and then by name.
std::vector<Component> getComponents(mlir::ModuleOp module) {
  std::vector<Component> components;
  module.walk([&](GlobalOp global) {
    for (mlir::NamedAttribute named : global.getComponents())
      if (auto resource =
              llvm::dyn_cast<mlir::DenseResourceElementsAttr>(named.getValue()))
        components.push_back({global, named.getName().strref(), resource});
  });
  return components;
}

/// Fails at the first resource that is no component of a global.
llvm::Error checkNoOtherResources(mlir::ModuleOp module) {
  mlir::Operation *culprit = nullptr;
  module.walk([&](mlir::Operation *op) {
    if (llvm::isa<GlobalOp>(op))
      return mlir::WalkResult::advance();
    mlir::WalkResult result =
        op->getAttrDictionary().walk([](mlir::DenseResourceElementsAttr) {
          return mlir::WalkResult::interrupt();
        });
    if (result.wasInterrupted())
      culprit = op;
    return result;
  });
  if (!culprit)
    return llvm::Error::success();
  return makeError("'" + culprit->getName().getStringRef() +
                   "' holds a resource; only those of 'lowbit.global' can be "
                   "saved");
}

llvm::Expected<SafetensorsEntry> makeEntry(Component component) {
  mlir::ShapedType type = component.resource.getType();
  std::optional<ElementType> element = getElementType(type.getElementType());
  if (!element)
    return component.fail("element type cannot be stored in a sidecar");
  mlir::AsmResourceBlob *blob = component.resource.getRawHandle().getBlob();
  if (!blob)
    return component.fail("has no data; a sidecar must be bound first");
  SafetensorsEntry entry{component.getTensorName(), *element,
                         llvm::SmallVector<int64_t, 4>(type.getShape()),
                         blob->getData()};
  if (getByteSize(entry.type, entry.shape) != entry.bytes.size())
    return component.fail("has " + llvm::Twine(entry.bytes.size()) +
                          " bytes, not the size of " +
                          describe(entry.type, entry.shape));
  return entry;
}

llvm::Error writeModule(mlir::ModuleOp module, AtomicOutput &output,
                        ArtefactFormat format) {
  if (format == ArtefactFormat::Bytecode)
    return writeBytecode(module, output.os());
  printModule(module, output.os());
  return llvm::Error::success();
}

/// Makes `component` refer to the bytes of `entry` inside `file`.
llvm::Error bind(Component component, const SafetensorsFile &file) {
  const SafetensorsEntry *entry = file.lookup(component.getTensorName());
  if (!entry)
    return component.fail("sidecar '" + file.getSource() + "' has no tensor '" +
                          component.getTensorName() + "'");
  mlir::ShapedType type = component.resource.getType();
  std::optional<ElementType> element = getElementType(type.getElementType());
  if (!element)
    return component.fail("element type cannot be stored in a sidecar");
  if (*element != entry->type ||
      type.getShape() != llvm::ArrayRef(entry->shape))
    return component.fail("must be " + describe(*element, type.getShape()) +
                          ", sidecar '" + file.getSource() + "' has " +
                          describe(entry->type, entry->shape));
  size_t alignment = getByteSize(*element);
  mlir::AsmResourceBlob blob;
  if (reinterpret_cast<uintptr_t>(entry->bytes.data()) % alignment != 0)
    blob = mlir::HeapAsmResourceBlob::allocateAndCopyWithAlign(
        entry->bytes, alignment, /*dataIsMutable=*/false);
  else
    blob = mlir::UnmanagedAsmResourceBlob::allocateWithAlign(
        entry->bytes, alignment,
        [mapping = file.getFile()](void *, size_t, size_t) {});
  component.resource.getRawHandle().getResource()->setBlob(std::move(blob));
  return llvm::Error::success();
}

} // namespace

std::string lowbit::getTensorName(llvm::StringRef global,
                                  llvm::StringRef component) {
  return component == component::kData ? global.str()
                                       : (global + "." + component).str();
}

std::string lowbit::computeStructure(mlir::ModuleOp module) {
  std::vector<std::string> lines;
  module.walk([&](GlobalOp global) {
    std::string &line = lines.emplace_back(global.getSymName());
    llvm::raw_string_ostream(line) << ": " << global.getType() << "\n";
  });
  llvm::sort(lines);
  return llvm::utohexstr(llvm::xxh3_64bits(llvm::join(lines, "")),
                         /*LowerCase=*/true, /*Width=*/16);
}

std::map<std::string, std::string>
lowbit::makeSidecarMetadata(std::string checksum, mlir::ModuleOp module) {
  std::map<std::string, std::string> metadata = {
      {std::string(kChecksumKey), std::move(checksum)},
      {std::string(kStructureKey), computeStructure(module)}};
  if (std::optional<Provenance> provenance = getProvenance(module))
    metadata[std::string(kProvenanceKey)] = printProvenance(*provenance);
  return metadata;
}

std::string lowbit::getLibraryBase(llvm::StringRef path) {
  llvm::StringRef stem = llvm::sys::path::stem(path);
  llvm::StringRef name = stem;
  name.consume_front("lib");
  llvm::SmallString<128> base = llvm::sys::path::parent_path(path);
  llvm::sys::path::append(base, name.empty() ? stem : name);
  return std::string(base);
}

std::string lowbit::getSidecarPath(llvm::StringRef path) {
  llvm::SmallString<128> sidecar = path;
  llvm::sys::path::replace_extension(sidecar, "safetensors");
  return std::string(sidecar);
}

llvm::Error lowbit::checkResources(mlir::ModuleOp module) {
  for (Component component : getComponents(module))
    if (llvm::Error error = makeEntry(component).takeError())
      return error;
  return llvm::Error::success();
}

static llvm::Expected<std::vector<SafetensorsEntry>>
makeEntries(mlir::ModuleOp module) {
  std::vector<SafetensorsEntry> entries;
  for (Component component : getComponents(module)) {
    llvm::Expected<SafetensorsEntry> entry = makeEntry(component);
    if (!entry)
      return entry.takeError();
    entries.push_back(std::move(*entry));
  }
  return std::move(entries);
}

/// Whether there may be IR here, and if it has weights a sidecar beside it.
static llvm::Error checkPlace(llvm::StringRef path, bool hasWeights) {
  if (getSidecarPath(path) == path)
    return makeFileError(path, "is the name of a sidecar; IR is written to "
                               ".mlir or .mlirbc");
  // A device's folder is no place for a sidecar, and nothing would read it.
  if (hasWeights && llvm::sys::fs::exists(path) &&
      !llvm::sys::fs::is_regular_file(path) &&
      !llvm::sys::fs::is_directory(path))
    return makeFileError(path, "is no regular file; a module with weights "
                               "requires one, to put its sidecar beside it");
  return llvm::Error::success();
}

/// Saves a module without weights.
static llvm::Expected<ArtefactSize> saveAlone(mlir::ModuleOp module,
                                              AtomicOutput &ir,
                                              ArtefactFormat format,
                                              AtomicOutput *companion) {
  module->removeAttr(kSidecarAttrName);
  module->removeAttr(kSidecarChecksumAttr);
  if (llvm::Error error = writeModule(module, ir, format))
    return error;
  ArtefactSize size{ir.os().tell(), 0, 0};
  if (llvm::Error error = AtomicOutput::commitAll({companion, &ir}))
    return error;
  return size;
}

llvm::Expected<ArtefactSize> lowbit::saveArtefact(mlir::ModuleOp module,
                                                  llvm::StringRef path,
                                                  ArtefactFormat format,
                                                  AtomicOutput *companion) {
  if (llvm::Error error = checkNoOtherResources(module))
    return error;
  auto entries = makeEntries(module);
  if (!entries)
    return entries.takeError();
  if (llvm::Error error = checkPlace(path, !entries->empty()))
    return error;
  llvm::Expected<AtomicOutput> ir = AtomicOutput::create(path);
  if (!ir)
    return ir.takeError();
  if (entries->empty())
    return saveAlone(module, *ir, format, companion);
  std::string sidecarPath = getSidecarPath(path);
  std::string checksum = computeChecksum(*entries);
  auto metadata = makeSidecarMetadata(checksum, module);
  if (llvm::Error error = checkSidecarUnread(
          sidecarPath, {path, metadata[std::string(kStructureKey)], metadata}))
    return error;
  llvm::Expected<AtomicOutput> sidecar = AtomicOutput::create(sidecarPath);
  if (!sidecar)
    return sidecar.takeError();
  llvm::Expected<SafetensorsSize> data =
      writeSafetensors(*sidecar, *entries, metadata);
  if (!data)
    return data.takeError();
  module->setAttr(
      kSidecarAttrName,
      mlir::StringAttr::get(module.getContext(),
                            llvm::sys::path::filename(sidecarPath)));
  module->setAttr(kSidecarChecksumAttr,
                  mlir::StringAttr::get(module.getContext(), checksum));
  if (llvm::Error error = writeModule(module, *ir, format))
    return error;
  ArtefactSize size{ir->os().tell(), data->header, data->data};
  sidecar->keepReplacedAs(getReplacedSidecarName(sidecarPath));
  if (llvm::Error error = AtomicOutput::commitAll({companion, &*sidecar, &*ir},
                                                  /*lastStays=*/true))
    return error;
  removeReplacedSidecars(sidecarPath);
  return size;
}

/// The sidecar's bytes must match the checksum that it carries, if it does.
static llvm::Error checkDamage(const SafetensorsFile &file) {
  const auto &metadata = file.getMetadata();
  auto checksum = metadata.find(std::string(kChecksumKey));
  if (checksum == metadata.end() ||
      checksum->second == computeChecksum(file.getEntries()))
    return llvm::Error::success();
  return makeFileError(file.getSource(), "is damaged: its bytes do not match "
                                         "their checksum");
}

/// The sidecar must be the one that was written with the IR: two artefacts
/// whose names differ in the extension alone share its name.
static llvm::Error checkPair(mlir::ModuleOp module, const SafetensorsFile &file,
                             llvm::StringRef path) {
  auto expected = module->getAttrOfType<mlir::StringAttr>(kSidecarChecksumAttr);
  if (!expected)
    return llvm::Error::success();
  std::string actual = computeChecksum(file.getEntries());
  if (expected.getValue() == actual)
    return llvm::Error::success();
  return makeFileError(path, "requires the sidecar with checksum " +
                                 expected.getValue() + ", found '" +
                                 file.getSource() + "' with " + actual +
                                 ": another artefact has replaced it");
}

llvm::Error lowbit::bindSidecar(mlir::ModuleOp module, llvm::StringRef path) {
  mlir::Attribute attribute = module->getAttr(kSidecarAttrName);
  if (!attribute)
    return llvm::Error::success();
  auto name = llvm::dyn_cast<mlir::StringAttr>(attribute);
  // A path here could make a model from elsewhere map any file of its user.
  if (!name || name.empty() ||
      llvm::sys::path::filename(name.strref()) != name.strref())
    return makeFileError(path, "'" + kSidecarAttrName +
                                   "' must be the name of a file beside the "
                                   "IR, without folders");
  llvm::SmallString<128> sidecar = llvm::sys::path::parent_path(path);
  llvm::sys::path::append(sidecar, name.strref());
  auto checksum = module->getAttrOfType<mlir::StringAttr>(kSidecarChecksumAttr);
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(
      findSidecar(sidecar, checksum ? checksum.strref() : ""));
  if (!file)
    return file.takeError();
  if (llvm::Error error = checkDamage(*file))
    return error;
  // Another artefact's data are no reason to name what is wrong with them.
  if (llvm::Error error = checkPair(module, *file, path))
    return error;
  for (Component component : getComponents(module))
    if (llvm::Error error = bind(component, *file))
      return makeFileError(path, llvm::toString(std::move(error)));
  return llvm::Error::success();
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::loadArtefact(llvm::StringRef path, mlir::MLIRContext &context) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  context.loadDialect<LowbitDialect>();
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> parsed =
      parseModule((*file)->getBuffer(), path, context);
  if (!parsed)
    return parsed.takeError();
  mlir::OwningOpRef<mlir::ModuleOp> module = std::move(*parsed);
  if (llvm::Error error = bindSidecar(*module, path))
    return std::move(error);
  if (llvm::Error error = checkResources(*module))
    return makeFileError(path, llvm::toString(std::move(error)));
  return std::move(module);
}
