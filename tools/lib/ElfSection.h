//===- ElfSection.h - a section added to an object --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights enter an object past LLVM, which would hold them several times over
// on their way: a constant of 128 MiB took 360 to 460 MB of memory.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_ELFSECTION_H
#define LOWBIT_TOOLS_LIB_ELFSECTION_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace lowbit {

/// Data of a new section.
struct ElfSection {
  llvm::StringRef name;
  /// The undefined symbol of the object that is the section's first byte.
  llvm::StringRef symbol;
  uint64_t size = 0;
};

/// Writes `object`, a relocatable object of 64-bit little-endian ELF, to `os`
/// with one more section of read-only data, aligned to 64 bytes. The section
/// comes last; what `writeData` writes, which must be `section.size` bytes,
/// goes straight to `os`. On x86-64 it is a large section: linkers put it where
/// it separates no code from its data. Other objects, and objects without the
/// symbol, are errors.
llvm::Error appendElfSection(llvm::StringRef object, const ElfSection &section,
                             llvm::raw_ostream &os,
                             llvm::function_ref<llvm::Error()> writeData);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_ELFSECTION_H
