//===- Safetensors.h - Named tensors in one mapped file ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The weights of an artefact live in a .safetensors file beside the IR: eight
// bytes with the length of a JSON header, the header, then the tensors' bytes
// without holes. Format: https://github.com/huggingface/safetensors
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_SAFETENSORS_H
#define LOWBIT_TOOLS_SAFETENSORS_H

#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/HostTensor.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <map>
#include <vector>

namespace lowbit {

/// Name of an element type in a safetensors header, such as "BF16".
llvm::StringRef getSafetensorsName(ElementType type);

/// One tensor of a file: its bytes point into the mapping (or, when writing,
/// at whatever the caller keeps alive).
struct SafetensorsEntry {
  std::string name;
  ElementType type = ElementType::U8;
  llvm::SmallVector<int64_t, 4> shape;
  llvm::ArrayRef<char> bytes;
};

/// An open file. Everything the header says has been checked: each tensor's
/// shape, type and offsets agree, and together they cover the data exactly,
/// without overlap.
class SafetensorsFile {
public:
  static llvm::Expected<SafetensorsFile> open(llvm::StringRef path);
  static llvm::Expected<SafetensorsFile> parse(MappedFile file,
                                               llvm::StringRef source);

  /// Tensors in the order of their bytes.
  llvm::ArrayRef<SafetensorsEntry> getEntries() const { return entries; }
  /// The tensor of this name, or null.
  const SafetensorsEntry *lookup(llvm::StringRef name) const;
  /// The header's `__metadata__`.
  const std::map<std::string, std::string> &getMetadata() const {
    return metadata;
  }
  const MappedFile &getFile() const { return file; }
  llvm::StringRef getSource() const { return source; }
  /// Bytes before the first tensor, padding included.
  uint64_t getHeaderBytes() const { return headerBytes; }

private:
  MappedFile file;
  std::string source;
  std::vector<SafetensorsEntry> entries;
  llvm::StringMap<size_t> indices;
  std::map<std::string, std::string> metadata;
  uint64_t headerBytes = 0;
};

/// Sixteen hexadecimal digits (XXH3) over the bytes of all tensors, in the
/// order of their names. It finds damage, not forgery.
std::string computeChecksum(llvm::ArrayRef<SafetensorsEntry> entries);

/// The same over the metadata, too, but what is called `checksum` in them.
std::string computeChecksum(const std::map<std::string, std::string> &metadata,
                            llvm::ArrayRef<SafetensorsEntry> entries);

/// Sizes of a written file, in bytes.
struct SafetensorsSize {
  uint64_t header = 0;
  uint64_t data = 0;
};

/// The sizes that `writeSafetensors` would write. Names are not checked.
SafetensorsSize
measureSafetensors(std::vector<SafetensorsEntry> entries,
                   const std::map<std::string, std::string> &metadata = {});

/// Writes a file to `os`; errors name it `target`. The bytes depend on the
/// set of tensors only, not on the order in which they are given: tensors
/// whose size has the larger power of two as a factor (up to 64) come first,
/// then by name. So every tensor is aligned to that factor, and to its element
/// type, without any padding between them; the header is padded with spaces to
/// a multiple of 64 bytes.
llvm::Expected<SafetensorsSize>
printSafetensors(llvm::raw_ostream &os, llvm::StringRef target,
                 std::vector<SafetensorsEntry> entries,
                 const std::map<std::string, std::string> &metadata = {});

/// The same to `output`, which is not committed.
llvm::Expected<SafetensorsSize>
writeSafetensors(AtomicOutput &output, std::vector<SafetensorsEntry> entries,
                 const std::map<std::string, std::string> &metadata = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_SAFETENSORS_H
