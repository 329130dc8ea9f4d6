//===- ManifestFormat.cpp - whose manifest a file is ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/ManifestFormat.h"
#include "lowbit/CodeGen/Web/WebFiles.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

/// The format that the manifest at `path` says it has; empty where it isn't
/// there, or is none.
static std::string readFormat(llvm::StringRef path) {
  if (!llvm::sys::fs::is_regular_file(path))
    return {};
  JsonLimits limits;
  // Manifests of web modules have the texts of all kernels.
  limits.bytes = uint64_t(1) << 30;
  auto manifest = readJson(path, limits);
  if (!manifest) {
    llvm::consumeError(manifest.takeError());
    return {};
  }
  const llvm::json::Object *fields = manifest->getAsObject();
  return fields ? fields->getString("format").value_or("").str()
                : std::string();
}

llvm::Error lowbit::checkSPIRVManifest(llvm::StringRef path) {
  if (readFormat(path) != kWebManifestFormat)
    return llvm::Error::success();
  return makeFileError(path, "holds the manifest of a web module, which that "
                             "of the SPIR-V kernels would replace; write the "
                             "kernels under another name");
}

llvm::Error lowbit::checkWebManifest(llvm::StringRef path,
                                     llvm::StringRef output) {
  // What is no file is refused where it would be written.
  if (!llvm::sys::fs::is_regular_file(path))
    return llvm::Error::success();
  std::string format = readFormat(path);
  if (format == kWebManifestFormat)
    return llvm::Error::success();
  llvm::StringRef found = format == kSPIRVManifestFormat
                              ? "holds the manifest of SPIR-V kernels"
                              : "is there, and is no manifest of a web module";
  return makeFileError(path, found + "; that of " +
                                 llvm::sys::path::filename(output) +
                                 " would replace it: write the module under "
                                 "another name");
}
