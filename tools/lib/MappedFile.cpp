//===- MappedFile.cpp - A read-only file in memory ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thin layer over llvm::MemoryBuffer that names the file in its errors.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/Support/FileSystem.h"

using namespace lowbit;

llvm::Expected<MappedFile> lowbit::mapFile(llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return makeFileError(path, "is a directory, a file is required");
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                  /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeFileError(path,
                         "cannot be read: " + buffer.getError().message());
  return MappedFile(std::move(*buffer));
}

llvm::Error lowbit::checkReadable(llvm::StringRef path) {
  if (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path) &&
      !llvm::sys::fs::is_directory(path))
    return llvm::Error::success();
  return mapFile(path).takeError();
}
