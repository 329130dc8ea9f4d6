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
#include <unistd.h>

using namespace lowbit;
namespace fs = llvm::sys::fs;

llvm::Error lowbit::checkEnds(llvm::StringRef path) {
  fs::file_status status;
  int descriptor;
  if (fs::status(path, status) ||
      (status.type() != fs::file_type::character_file &&
       status.type() != fs::file_type::block_file) ||
      fs::openFileForRead(path, descriptor))
    return llvm::Error::success();
  char byte;
  bool hasBytes = !::isatty(descriptor) && ::read(descriptor, &byte, 1) == 1;
  ::close(descriptor);
  if (!hasBytes)
    return llvm::Error::success();
  return makeFileError(path, "is a device, a file is required");
}

llvm::Expected<MappedFile> lowbit::mapFile(llvm::StringRef path) {
  if (fs::is_directory(path))
    return makeFileError(path, "is a directory, a file is required");
  if (llvm::Error error = checkEnds(path))
    return std::move(error);
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                  /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeFileError(path,
                         "cannot be read: " + buffer.getError().message());
  return MappedFile(std::move(*buffer));
}

llvm::Error lowbit::checkReadable(llvm::StringRef path) {
  if (llvm::Error error = checkEnds(path))
    return error;
  if (fs::exists(path) && !fs::is_regular_file(path) && !fs::is_directory(path))
    return llvm::Error::success();
  return mapFile(path).takeError();
}
