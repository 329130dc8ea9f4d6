//===- TestSupport.h - What the tests of the tools share --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A folder that goes away with its test, errors as text, and the mutations of
// a file that every reader must survive.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_TOOLS_TESTSUPPORT_H
#define LOWBIT_TEST_UNIT_TOOLS_TESTSUPPORT_H

#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <random>
#include <string>

namespace lowbit::testing {

/// A fresh folder, removed with everything in it.
class TemporaryFolder {
public:
  TemporaryFolder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("lowbit-test", folder));
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(folder); }

  std::string operator/(llvm::StringRef name) const {
    llvm::SmallString<128> path = folder;
    llvm::sys::path::append(path, name);
    return std::string(path);
  }

  /// Number of files in the folder.
  size_t countFiles() const {
    std::error_code error;
    size_t count = 0;
    for (llvm::sys::fs::directory_iterator it(folder, error), end;
         it != end && !error; it.increment(error))
      ++count;
    return count;
  }

private:
  llvm::SmallString<128> folder;
};

inline void writeBytes(llvm::StringRef path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  ASSERT_FALSE(error);
  os << bytes;
}

inline std::string readBytes(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// A file in memory, in a heap block of exactly its size so that a sanitizer
/// sees a read beyond the end.
inline MappedFile makeFile(llvm::StringRef bytes) {
  return MappedFile(llvm::MemoryBuffer::getMemBufferCopy(bytes));
}

/// Text of an error, "" for success.
inline std::string getText(llvm::Error error) {
  return llvm::toString(std::move(error));
}
template <typename T> std::string getText(llvm::Expected<T> value) {
  return value ? std::string() : llvm::toString(value.takeError());
}

/// Hands `check` every proper prefix of `bytes`, then `flips` copies with one
/// to eight random bits inverted (fixed seed).
inline void forEachMutation(llvm::StringRef bytes, unsigned flips,
                            llvm::function_ref<void(llvm::StringRef)> check) {
  for (size_t length = 0; length < bytes.size(); ++length)
    check(bytes.take_front(length));
  std::mt19937 generator(1);
  for (unsigned i = 0; i < flips; ++i) {
    std::string copy = bytes.str();
    for (unsigned n = generator() % 8 + 1; n > 0; --n)
      copy[generator() % copy.size()] ^= char(1 << generator() % 8);
    check(copy);
  }
}

} // namespace lowbit::testing

#endif // LOWBIT_TEST_UNIT_TOOLS_TESTSUPPORT_H
