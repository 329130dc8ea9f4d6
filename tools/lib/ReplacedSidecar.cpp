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

/// The checksum that a sidecar says it has; empty without one.
static std::string readChecksum(llvm::StringRef path) {
  llvm::Expected<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file) {
    llvm::consumeError(file.takeError());
    return {};
  }
  const auto &metadata = file->getMetadata();
  auto checksum = metadata.find(std::string(kChecksumKey));
  // It becomes a part of a name, and files are not to be trusted.
  if (checksum == metadata.end() ||
      !llvm::all_of(checksum->second, llvm::isHexDigit))
    return {};
  return checksum->second;
}

bool lowbit::readsSidecar(llvm::StringRef path, llvm::StringRef sidecar) {
  std::string checksum = readChecksum(sidecar);
  auto artefact = llvm::MemoryBuffer::getFile(path);
  // Text and bytecode both hold strings as they are.
  return !checksum.empty() && artefact &&
         (*artefact)->getBuffer().contains(checksum);
}

llvm::Error lowbit::checkSidecarUnread(llvm::StringRef sidecar,
                                       llvm::StringRef what) {
  for (llvm::StringRef extension : {"mlir", "mlirbc"}) {
    llvm::SmallString<128> artefact(sidecar);
    llvm::sys::path::replace_extension(artefact, extension);
    if (readsSidecar(artefact, sidecar))
      return makeFileError(sidecar, "holds the weights of " + artefact +
                                        ", which " + what +
                                        "'s would replace; write " + what +
                                        " under another name");
  }
  return llvm::Error::success();
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
