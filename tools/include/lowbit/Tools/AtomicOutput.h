//===- AtomicOutput.h - Files that appear whole or not at all ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Output is written to a temporary file beside its target, flushed to disk and
// renamed. A failure, an interrupt or a full disk therefore never leaves a
// half-written file, and never destroys the one that was there before.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_ATOMICOUTPUT_H
#define LOWBIT_TOOLS_ATOMICOUTPUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>

namespace lowbit {

/// One output file in the making. Discarded unless `commit` succeeds.
class AtomicOutput {
public:
  /// Creates the temporary file. A target that exists and is no regular file
  /// (a pipe, /dev/null) is written in place.
  static llvm::Expected<AtomicOutput> create(llvm::StringRef path);

  AtomicOutput(AtomicOutput &&other);
  AtomicOutput &operator=(AtomicOutput &&) = delete;
  ~AtomicOutput();

  llvm::raw_ostream &os() { return *stream; }
  llvm::StringRef getPath() const { return path; }
  /// Where the bytes are before they are committed.
  llvm::StringRef getTemporaryPath() const {
    return temporary.empty() ? path : temporary;
  }

  /// Continues with a file that another program, a linker, has put at
  /// `getTemporaryPath`. What `os` has taken is lost.
  llvm::Error reopen();

  /// Flushes everything to disk and reports any error of writing so far, such
  /// as a full disk. After that, `rename` is all that is left to do.
  llvm::Error finish();

  /// `finish`, then renames onto the target.
  llvm::Error commit();

  /// Commits several outputs that belong together. All are flushed before the
  /// first is renamed; if a rename fails after all, those renamed before it
  /// are removed, so that no half of an artefact stays.
  static llvm::Error commitAll(llvm::ArrayRef<AtomicOutput *> outputs);

private:
  AtomicOutput(llvm::StringRef path, llvm::StringRef temporary, int descriptor);
  llvm::Error rename();
  void discard();

  std::string path;
  /// Empty when writing in place, and once nothing is left to discard.
  std::string temporary;
  int descriptor = -1;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_ATOMICOUTPUT_H
