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
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace lowbit;

namespace fs = llvm::sys::fs;

static std::error_code lastError() {
  return std::error_code(errno, std::generic_category());
}

/// Closes a file, if it is open, which unlocks it.
static void closeFile(int &descriptor) {
  if (descriptor >= 0)
    ::close(std::exchange(descriptor, -1));
}

/// Temporary files of `path` are called `path`.XXXXXX.tmp, in hexadecimal
/// digits.
static constexpr llvm::StringLiteral kTemporaryEnd(".tmp");
static constexpr size_t kDigits = 6;

static std::string getTemporaryModel(llvm::StringRef path) {
  return (path + "." + std::string(kDigits, '%') + kTemporaryEnd).str();
}

static bool isTemporaryOf(llvm::StringRef name, llvm::StringRef target) {
  return name.consume_front(target) && name.consume_front(".") &&
         name.consume_back(kTemporaryEnd) && name.size() == kDigits &&
         llvm::all_of(name, llvm::isHexDigit);
}

static llvm::SmallString<128> getFolder(llvm::StringRef path) {
  llvm::SmallString<128> folder = llvm::sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  return folder;
}

/// Makes renames in a folder durable. Some file systems cannot sync a folder;
/// the data itself is safe by then, so that is no error.
static void syncFolder(const std::string &folder) {
  int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0)
    return;
  (void)::fsync(descriptor);
  ::close(descriptor);
}

namespace {
/// Holds folders for one program at a time: while files take their places, and
/// while leftovers are looked for, which files that are replaced look like.
/// Some file systems cannot lock a folder; there, two programs are not kept
/// apart.
class FolderLock {
public:
  /// In one order for all programs, so that none waits for another in a circle.
  explicit FolderLock(const std::set<std::string> &folders) {
    for (const std::string &folder : folders) {
      int descriptor =
          ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (descriptor < 0)
        continue;
      (void)::flock(descriptor, LOCK_EX);
      descriptors.push_back(descriptor);
    }
  }
  FolderLock(const FolderLock &) = delete;
  ~FolderLock() {
    for (int descriptor : descriptors)
      ::close(descriptor);
  }

private:
  llvm::SmallVector<int> descriptors;
};
} // namespace

/// One name for a folder, whatever it is called by.
static std::string getRealFolder(llvm::StringRef path) {
  llvm::SmallString<128> folder = getFolder(path), real;
  return std::string(fs::real_path(folder, real) ? folder : real);
}

void AtomicOutput::removeLeftovers(llvm::StringRef path) {
  FolderLock lock({getRealFolder(path)});
  llvm::StringRef target = llvm::sys::path::filename(path);
  std::error_code error;
  for (fs::directory_iterator it(getFolder(path), error), end;
       !error && it != end; it.increment(error)) {
    std::string found = it->path();
    if (!isTemporaryOf(llvm::sys::path::filename(found), target))
      continue;
    int descriptor = ::open(found.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
      continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0)
      ::unlink(found.c_str());
    ::close(descriptor);
  }
}

AtomicOutput::AtomicOutput(llvm::StringRef path, llvm::StringRef temporary,
                           int descriptor)
    : path(path), temporary(temporary), descriptor(descriptor),
      stream(std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                    /*shouldClose=*/false)) {}

AtomicOutput::AtomicOutput(AtomicOutput &&other)
    : path(std::move(other.path)),
      temporary(std::exchange(other.temporary, std::string())),
      keptName(std::move(other.keptName)), replaced(std::move(other.replaced)),
      descriptor(std::exchange(other.descriptor, -1)),
      stream(std::move(other.stream)) {}

/// A web module may have more files than a program may have open by default.
static bool raiseOpenFiles() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
      limit.rlim_cur == limit.rlim_max)
    return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// Creates a temporary file and locks it. Between the two, a program that looks
/// for leftovers may have taken it for one.
static std::error_code createLocked(llvm::StringRef path, int &descriptor,
                                    llvm::SmallString<128> &temporary) {
  for (;;) {
    std::error_code error = fs::createUniqueFile(
        getTemporaryModel(path), descriptor, temporary, fs::OF_None);
    if (error == std::errc::too_many_files_open && raiseOpenFiles())
      continue;
    if (error)
      return error;
    (void)::flock(descriptor, LOCK_EX);
    struct stat status;
    if (::fstat(descriptor, &status) != 0 || status.st_nlink != 0)
      return {};
    ::close(descriptor);
  }
}

llvm::Expected<AtomicOutput> AtomicOutput::create(llvm::StringRef path) {
  if (fs::is_directory(path))
    return makeFileError(path, "is a directory, a file name is required");
  int descriptor = -1;
  if (fs::exists(path) && !fs::is_regular_file(path)) {
    if (std::error_code error = fs::openFileForWrite(path, descriptor))
      return makeFileError(path, "cannot be written: " + error.message());
    return AtomicOutput(path, /*temporary=*/"", descriptor);
  }
  removeLeftovers(path);
  llvm::SmallString<128> temporary;
  if (std::error_code error = createLocked(path, descriptor, temporary))
    return makeFileError(path, "cannot be created: " + error.message());
  llvm::sys::RemoveFileOnSignal(temporary);
  return AtomicOutput(path, temporary, descriptor);
}

llvm::Error AtomicOutput::check(llvm::StringRef path) {
  // Opening a pipe twice would end what its reader reads.
  if (fs::exists(path) && !fs::is_regular_file(path) && !fs::is_directory(path))
    return ::access(path.str().c_str(), W_OK) == 0
               ? llvm::Error::success()
               : makeFileError(path,
                               "cannot be written: " + lastError().message());
  return create(path).takeError();
}

AtomicOutput::~AtomicOutput() { discard(); }

void AtomicOutput::discard() {
  if (stream) {
    // A raw_fd_ostream that is destroyed with an error pending aborts.
    stream->flush();
    stream->clear_error();
    stream.reset();
  }
  if (!temporary.empty()) {
    fs::remove(temporary);
    llvm::sys::DontRemoveFileOnSignal(temporary);
    temporary.clear();
  }
  closeFile(descriptor);
}

llvm::Error AtomicOutput::reopen() {
  stream->flush();
  stream->clear_error();
  stream.reset();
  closeFile(descriptor);
  std::string current = getTemporaryPath().str();
  if (std::error_code error = fs::openFileForWrite(
          current, descriptor, fs::CD_OpenExisting, fs::OF_Append)) {
    discard();
    return makeFileError(path, "cannot be written: " + error.message());
  }
  if (!temporary.empty())
    (void)::flock(descriptor, LOCK_EX | LOCK_NB);
  stream = std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                  /*shouldClose=*/false);
  return llvm::Error::success();
}

llvm::Error AtomicOutput::finish() {
  if (!stream)
    return llvm::Error::success();
  stream->flush();
  std::error_code error = stream->error();
  if (!error && !temporary.empty() && ::fsync(descriptor) != 0)
    error = lastError();
  stream->clear_error();
  stream.reset();
  // The lock of a temporary file stays: it isn't in its place yet.
  if (temporary.empty() && ::close(std::exchange(descriptor, -1)) != 0 &&
      !error)
    error = lastError();
  if (!error)
    return llvm::Error::success();
  discard();
  return makeFileError(path, "cannot be written: " + error.message());
}

//===----------------------------------------------------------------------===//
// Committing
//===----------------------------------------------------------------------===//

/// Gives the file that is to be replaced, if there is one, another name.
llvm::Error AtomicOutput::setAside() {
  if (!fs::exists(path))
    return llvm::Error::success();
  llvm::SmallString<128> name(keptName);
  std::error_code error;
  if (fs::is_directory(path))
    error = std::make_error_code(std::errc::is_a_directory);
  else if (name.empty())
    error = fs::getPotentiallyUniqueFileName(getTemporaryModel(path), name);
  if (!error && ::rename(path.c_str(), name.c_str()) != 0)
    error = lastError();
  if (error)
    return makeFileError(path, "cannot be replaced: " + error.message());
  replaced = std::string(name);
  return llvm::Error::success();
}

llvm::Error AtomicOutput::rename() {
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return makeFileError(path, "cannot be replaced: " + lastError().message());
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  closeFile(descriptor);
  return llvm::Error::success();
}

/// Undoes `setAside` and `rename`.
void AtomicOutput::restore() {
  if (!replaced.empty())
    (void)::rename(replaced.c_str(), path.c_str());
  else if (temporary.empty())
    fs::remove(path);
  replaced.clear();
  discard();
}

llvm::Error AtomicOutput::commit() { return commitAll(this); }

llvm::Error AtomicOutput::exchange(llvm::ArrayRef<AtomicOutput *> files,
                                   bool lastStays) {
  // The last one first and, below, last.
  for (AtomicOutput *file : llvm::reverse(files))
    if (file != files.back() || (files.size() > 1 && !lastStays))
      if (llvm::Error error = file->setAside())
        return error;
  for (AtomicOutput *file : files)
    if (llvm::Error error = file->rename())
      return error;
  return llvm::Error::success();
}

llvm::Error AtomicOutput::commitAll(llvm::ArrayRef<AtomicOutput *> outputs,
                                    bool lastStays) {
  for (AtomicOutput *output : outputs)
    if (output)
      if (llvm::Error error = output->finish())
        return error;
  // What is written in place is there already.
  auto files = llvm::to_vector(
      llvm::make_filter_range(outputs, [](AtomicOutput *output) {
        return output && !output->temporary.empty();
      }));
  std::set<std::string> folders;
  for (AtomicOutput *file : files)
    folders.insert(getRealFolder(file->path));
  FolderLock lock(folders);
  if (llvm::Error error = exchange(files, lastStays)) {
    for (AtomicOutput *file : files)
      file->restore();
    return error;
  }
  for (const std::string &folder : folders)
    syncFolder(folder);
  for (AtomicOutput *file : files)
    if (!file->replaced.empty())
      fs::remove(file->replaced);
  return llvm::Error::success();
}
