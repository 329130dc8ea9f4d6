//===- AtomicOutput.h - Files that appear whole or not at all ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Output is written to a temporary file beside its target, flushed to disk and
// renamed. A failure, an interrupt or a full disk therefore never leaves a
// half-written file, and never destroys the one that was there before. What a
// program that is killed leaves of a target is removed when it is written next.
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

  /// Whether `path` could be written now: for work that takes long, before it
  /// begins. Leaves nothing behind.
  static llvm::Error check(llvm::StringRef path);

  /// Removes what programs that were killed have left of `path`, as `create`
  /// does. A program that is alive holds a lock on its temporary files until
  /// they are committed or discarded.
  static void removeLeftovers(llvm::StringRef path);

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

  /// The name of the file that this one replaces, while outputs that belong
  /// together are committed; else it is that of a temporary file.
  void keepReplacedAs(llvm::StringRef name) { keptName = name.str(); }

  /// Commits several outputs that belong together: all, or none if one fails.
  /// Null ones are left out.
  /// The last one is what the others are of no use without. A program that is
  /// killed meanwhile leaves the old files, or the new ones, or no last one; so
  /// files that don't belong together are never found. Of two programs that
  /// commit outputs of the same names one comes after the other: what is there
  /// in the end is that one's. With `lastStays` the old
  /// last one is there until the new one takes its place: for files that name
  /// what they belong to, whose readers look for it by `keepReplacedAs`, too.
  static llvm::Error commitAll(llvm::ArrayRef<AtomicOutput *> outputs,
                               bool lastStays = false);

private:
  AtomicOutput(llvm::StringRef path, llvm::StringRef temporary, int descriptor);
  llvm::Error setAside();
  llvm::Error rename();
  void restore();
  void discard();
  static llvm::Error exchange(llvm::ArrayRef<AtomicOutput *> files,
                              bool lastStays);

  std::string path;
  /// Empty when writing in place, and once nothing is left to discard.
  std::string temporary;
  std::string keptName;
  /// Where the file is that this one replaces, until all are committed.
  std::string replaced;
  int descriptor = -1;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_ATOMICOUTPUT_H
