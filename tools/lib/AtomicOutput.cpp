//===- AtomicOutput.cpp - Files that appear whole or not at all -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order matters: write, fsync, rename, fsync of the folder. Renaming
// before the data is on disk could leave an empty file after a power cut.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <fcntl.h>
#include <unistd.h>
#include <utility>

using namespace lowbit;

namespace fs = llvm::sys::fs;

/// Makes a rename in `path`'s folder durable. Some file systems cannot sync a
/// folder; the data itself is safe by then, so that is no error.
static void syncFolder(llvm::StringRef path) {
  llvm::SmallString<128> folder = llvm::sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0)
    return;
  (void)::fsync(descriptor);
  ::close(descriptor);
}

AtomicOutput::AtomicOutput(llvm::StringRef path, llvm::StringRef temporary,
                           int descriptor)
    : path(path), temporary(temporary), descriptor(descriptor),
      stream(std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                    /*shouldClose=*/true)) {}

AtomicOutput::AtomicOutput(AtomicOutput &&other)
    : path(std::move(other.path)),
      temporary(std::exchange(other.temporary, std::string())),
      descriptor(std::exchange(other.descriptor, -1)),
      stream(std::move(other.stream)) {}

llvm::Expected<AtomicOutput> AtomicOutput::create(llvm::StringRef path) {
  if (fs::is_directory(path))
    return makeFileError(path, "is a directory, a file name is required");
  int descriptor = -1;
  if (fs::exists(path) && !fs::is_regular_file(path)) {
    if (std::error_code error = fs::openFileForWrite(path, descriptor))
      return makeFileError(path, "cannot be written: " + error.message());
    return AtomicOutput(path, /*temporary=*/"", descriptor);
  }
  llvm::SmallString<128> temporary;
  if (std::error_code error = fs::createUniqueFile(
          path + ".%%%%%%.tmp", descriptor, temporary, fs::OF_None))
    return makeFileError(path, "cannot be created: " + error.message());
  llvm::sys::RemoveFileOnSignal(temporary);
  return AtomicOutput(path, temporary, descriptor);
}

AtomicOutput::~AtomicOutput() { discard(); }

void AtomicOutput::discard() {
  if (stream) {
    // A raw_fd_ostream that is destroyed with an error pending aborts.
    stream->close();
    stream->clear_error();
    stream.reset();
  }
  if (temporary.empty())
    return;
  fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
}

llvm::Error AtomicOutput::reopen() {
  stream->close();
  stream->clear_error();
  stream.reset();
  std::string current = getTemporaryPath().str();
  if (std::error_code error = fs::openFileForWrite(
          current, descriptor, fs::CD_OpenExisting, fs::OF_Append)) {
    discard();
    return makeFileError(path, "cannot be written: " + error.message());
  }
  stream = std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                  /*shouldClose=*/true);
  return llvm::Error::success();
}

llvm::Error AtomicOutput::finish() {
  if (!stream)
    return llvm::Error::success();
  stream->flush();
  std::error_code error = stream->error();
  if (!error && !temporary.empty() && ::fsync(descriptor) != 0)
    error = std::error_code(errno, std::generic_category());
  stream->close();
  if (!error)
    error = stream->error();
  stream->clear_error();
  stream.reset();
  if (!error)
    return llvm::Error::success();
  discard();
  return makeFileError(path, "cannot be written: " + error.message());
}

llvm::Error AtomicOutput::rename() {
  if (temporary.empty())
    return llvm::Error::success();
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    std::error_code error(errno, std::generic_category());
    discard();
    return makeFileError(path, "cannot be replaced: " + error.message());
  }
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  syncFolder(path);
  return llvm::Error::success();
}

llvm::Error AtomicOutput::commit() { return commitAll(this); }

llvm::Error AtomicOutput::commitAll(llvm::ArrayRef<AtomicOutput *> outputs) {
  for (AtomicOutput *output : outputs)
    if (llvm::Error error = output->finish())
      return error;
  for (size_t i = 0; i < outputs.size(); ++i) {
    bool inPlace = outputs[i]->temporary.empty();
    llvm::Error error = outputs[i]->rename();
    if (!error || inPlace)
      continue;
    for (AtomicOutput *renamed : outputs.take_front(i))
      fs::remove(renamed->path);
    return error;
  }
  return llvm::Error::success();
}
