//===- ReplacedSidecar.cpp - sidecars on their way out --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReplacedSidecar.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Safetensors.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

namespace fs = llvm::sys::fs;

static constexpr llvm::StringLiteral kEnd(".old");

/// The section of a program that needs no sidecar.
static constexpr llvm::StringLiteral kEmbeddedSection("lowbit.weights");

/// What a sidecar says of itself under `key`: hexadecimal digits, or nothing.
static std::string readKey(llvm::StringRef path, llvm::StringRef key) {
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file) {
    llvm::consumeError(file.takeError());
    return {};
  }
  const auto &metadata = file->getMetadata();
  auto value = metadata.find(std::string(key));
  // It becomes a part of a name, and files are not to be trusted.
  if (value == metadata.end() || !llvm::all_of(value->second, llvm::isHexDigit))
    return {};
  return value->second;
}

/// Whether the sidecar at `path` is there and says `metadata` of itself.
static bool says(llvm::StringRef path,
                 const std::map<std::string, std::string> &metadata) {
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (file)
    return !metadata.empty() && file->getMetadata() == metadata;
  llvm::consumeError(file.takeError());
  return false;
}

static std::string readChecksum(llvm::StringRef path) {
  return readKey(path, kChecksumKey);
}

/// Whether the file at `path` has `text`, which isn't empty, somewhere. Text,
/// bytecode and object files hold strings as they are.
static bool holds(llvm::StringRef path, llvm::StringRef text) {
  if (text.empty())
    return false;
  auto file = llvm::MemoryBuffer::getFile(path);
  return file && (*file)->getBuffer().contains(text);
}

bool lowbit::readsSidecar(llvm::StringRef path, llvm::StringRef sidecar) {
  return holds(path, readChecksum(sidecar));
}

/// The file of those that have the name of `sidecar`, and read it, that would
/// find weights of something else in `next`; empty if there is none.
static std::string findOtherReader(llvm::StringRef sidecar,
                                   const NewSidecar &next) {
  std::string checksum = readChecksum(sidecar),
              structure = readKey(sidecar, kStructureKey);
  // Data of SPIR-V say nothing of themselves: their manifest names the file.
  std::string data =
      checksum.empty() && fs::exists(sidecar)
          ? ("\"data\": \"" + llvm::sys::path::filename(sidecar) + "\"").str()
          : std::string();
  // Programs take all weights of their structure, such as those of the IR that
  // they are made of, trained further. IR takes its own only.
  if (structure == next.structure)
    structure.clear();
  const std::tuple<llvm::StringRef, llvm::StringRef, llvm::StringRef> files[] =
      {{"", ".mlir", checksum},   {"", ".mlirbc", checksum},
       {"", ".o", structure},     {"", ".so", structure},
       {"lib", ".so", structure}, {"", ".wasm", structure},
       {"", ".json", data}};
  for (const auto &[prefix, extension, text] : files) {
    llvm::SmallString<128> path = llvm::sys::path::parent_path(sidecar);
    llvm::sys::path::append(path, prefix + llvm::sys::path::stem(sidecar) +
                                      extension);
    if (path != next.reader && holds(path, text) &&
        (text != structure || !holds(path, kEmbeddedSection)))
      return path.str().str();
  }
  return {};
}

llvm::Error lowbit::checkSidecarUnread(llvm::StringRef sidecar,
                                       const NewSidecar &next) {
  if (says(sidecar, next.metadata))
    return llvm::Error::success();
  std::string reader = findOtherReader(sidecar, next);
  if (reader.empty())
    return llvm::Error::success();
  return makeFileError(sidecar, "holds the weights of " + reader +
                                    ", which those of " + next.reader +
                                    " would replace; write it under another "
                                    "name");
}

static std::string makeName(llvm::StringRef path, llvm::StringRef checksum) {
  return (path + "." + checksum + kEnd).str();
}

std::string lowbit::getReplacedSidecarName(llvm::StringRef path) {
  std::string checksum = readChecksum(path);
  return checksum.empty() ? std::string() : makeName(path, checksum);
}

std::string lowbit::findSidecar(llvm::StringRef path,
                                llvm::StringRef checksum) {
  if (checksum.empty() || !llvm::all_of(checksum, llvm::isHexDigit))
    return path.str();
  std::string replaced = makeName(path, checksum);
  bool isReplaced = fs::exists(replaced) && readChecksum(path) != checksum;
  return isReplaced ? replaced : path.str();
}

void lowbit::removeReplacedSidecars(llvm::StringRef path) {
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  llvm::StringRef target = llvm::sys::path::filename(path);
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, error), end;
       !error && it != end; it.increment(error)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    if (name.consume_front(target) && name.consume_front(".") &&
        name.consume_back(kEnd) && !name.empty() &&
        llvm::all_of(name, llvm::isHexDigit))
      fs::remove(it->path());
  }
}
