//===- MappedFile.h - A read-only file in memory ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Model files are mapped, never read into the heap: pages of weights that
// nobody touches cost nothing, and those that are touched can be dropped again.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_MAPPEDFILE_H
#define LOWBIT_TOOLS_MAPPEDFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace lowbit {

/// Shared ownership of a mapping. Whatever points into the bytes holds one.
using MappedFile = std::shared_ptr<const llvm::MemoryBuffer>;

/// Maps `path` for reading (small files are read instead). The error names the
/// file. The file must not be truncated while it is mapped; writers of this
/// project replace files by renaming, which leaves a mapping intact.
llvm::Expected<MappedFile> mapFile(llvm::StringRef path);

/// Refuses a device that gives bytes without end, as /dev/zero does. A terminal
/// ends where its user says so.
llvm::Error checkEnds(llvm::StringRef path);

/// Whether `mapFile` could read what is at `path`: for work that takes long,
/// before it begins. A pipe, which can be read once, is taken on trust.
llvm::Error checkReadable(llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_MAPPEDFILE_H
