//===- Json.cpp - JSON in files -------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Json.h"
#include "lowbit/Tools/MappedFile.h"

using namespace lowbit;

llvm::Expected<llvm::json::Value> lowbit::readJson(llvm::StringRef path,
                                                   const JsonLimits &limits) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  return parseJson((*file)->getBuffer(), path, limits);
}
