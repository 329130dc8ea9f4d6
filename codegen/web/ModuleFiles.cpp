//===- ModuleFiles.cpp - the files of a web module ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuleFiles.h"
#include "Runtime.inc"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;

std::string lowbit::getModuleFile(llvm::StringRef output,
                                  const llvm::Twine &extension) {
  return output.drop_back(llvm::StringRef(".js").size()).str() +
         extension.str();
}

llvm::Error WebFiles::write(llvm::StringRef path, llvm::StringRef bytes) {
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << bytes;
    return llvm::Error::success();
  });
  if (!error)
    return llvm::Error::success();
  return llvm::createStringError(
      "'" + path + "' cannot be written: " + llvm::toString(std::move(error)));
}

void WebFiles::retire(llvm::StringRef path) {
  (void)llvm::sys::fs::remove(path);
}

llvm::Error lowbit::writeRuntimeFiles(llvm::StringRef output, WebFiles &files) {
  std::string types = getModuleFile(output, ".d.ts");
  std::string script =
      llvm::formatv("// A model compiled by Lowbit; see {0} for its types.\n\n"
                    "const MANIFEST = \"{1}\";\n\n",
                    llvm::sys::path::filename(types),
                    llvm::sys::path::filename(getModuleFile(output, ".json")));
  if (llvm::Error error = files.write(output, script + kRuntime.str()))
    return error;
  return files.write(types, kDeclarations);
}
