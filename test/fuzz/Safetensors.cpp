//===- Safetensors.cpp - hostile .safetensors files -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both readers there are: that of the tools, in C++, and that of compiled
// programs, in C. What the tools accept is written and read again as the same
// tensors, and a tensor that both readers know is the same to both. The
// mutations keep the length of the header right in most inputs, and one in four
// has the checksum of its data.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Safetensors.h"
#include "Fuzz.h"
#include "Internal.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cstring>

using namespace lowbit;

static constexpr size_t kLengthBytes = 8;

static MappedFile makeFile(llvm::StringRef bytes) {
  return MappedFile(llvm::MemoryBuffer::getMemBuffer(
      bytes, fuzz::kSource, /*RequiresNullTerminator=*/false));
}

static void testWriting(const SafetensorsFile &file) {
  std::string written;
  llvm::raw_string_ostream os(written);
  SafetensorsSize size =
      fuzz::expect(printSafetensors(os, fuzz::kSource, file.getEntries(),
                                    file.getMetadata()),
                   "what is read can be written");
  fuzz::require(size.header + size.data == written.size(),
                "the size that is told is the size of the file");
  SafetensorsFile again =
      fuzz::expect(SafetensorsFile::parse(makeFile(written), fuzz::kSource),
                   "what is written can be read");
  fuzz::require(file.getMetadata() == again.getMetadata() &&
                    file.getEntries().size() == again.getEntries().size(),
                "a file that is written and read is the same");
  for (const SafetensorsEntry &entry : file.getEntries()) {
    const SafetensorsEntry *other = again.lookup(entry.name);
    fuzz::require(other && other->type == entry.type &&
                      other->shape == entry.shape &&
                      other->bytes == entry.bytes,
                  "a tensor that is written and read is the same", entry.name);
  }
  fuzz::require(computeChecksum(file.getEntries()) ==
                    computeChecksum(again.getEntries()),
                "a checksum does not depend on the order of tensors");
}

/// Tensors of the file as the run time knows them, if it takes the file.
static void testRuntime(const uint8_t *data, size_t size,
                        const SafetensorsFile *file) {
  lowbit_file other;
  if (lowbit_parse_file(data, size, &other) != LOWBIT_OK) {
    fuzz::require(*lowbit_message() != '\0', "refusals have a message");
    return;
  }
  if (file) {
    fuzz::require(file->getEntries().size() == other.count,
                  "both readers find the same tensors");
    for (const SafetensorsEntry &entry : file->getEntries()) {
      const lowbit_entry *found = lowbit_find_entry(&other, entry.name.c_str());
      fuzz::require(found && getSafetensorsName(entry.type) == found->type &&
                        llvm::ArrayRef(entry.shape) ==
                            llvm::ArrayRef(found->shape, found->rank) &&
                        reinterpret_cast<const char *>(other.data) +
                                found->begin ==
                            entry.bytes.data() &&
                        found->end - found->begin == entry.bytes.size(),
                    "both readers find the same tensor", entry.name);
    }
  }
  bool isIntact = lowbit_check_file(&other) == LOWBIT_OK;
  if (file && other.checksum)
    fuzz::require(isIntact ==
                      (computeChecksum(file->getEntries()) == other.checksum),
                  "both readers compute the same checksum");
  lowbit_free_file(&other);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::Expected<SafetensorsFile> file =
      SafetensorsFile::parse(makeFile(fuzz::toText(data, size)), fuzz::kSource);
  if (!file) {
    fuzz::refuse(file.takeError());
    testRuntime(data, size, nullptr);
    return 0;
  }
  testWriting(*file);
  testRuntime(data, size, &*file);
  return 0;
}

/// Puts the checksum of the data where the header has sixteen digits.
static void mendChecksum(uint8_t *data, size_t size) {
  constexpr llvm::StringLiteral kKey("\"checksum\":\"");
  constexpr size_t kDigits = 16;
  size_t key = fuzz::toText(data, size).find(kKey);
  if (key == llvm::StringRef::npos || key + kKey.size() + kDigits > size)
    return;
  llvm::Expected<SafetensorsFile> file =
      SafetensorsFile::parse(makeFile(fuzz::toText(data, size)), fuzz::kSource);
  if (file)
    std::memcpy(data + key + kKey.size(),
                computeChecksum(file->getEntries()).data(), kDigits);
  else
    llvm::consumeError(file.takeError());
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  size_t end = fuzz::toText(data, size).rfind('}');
  if (seed % 4 != 0 && end != llvm::StringRef::npos && end >= kLengthBytes)
    llvm::support::endian::write64le(data, end + 1 - kLengthBytes);
  if (seed % 16 < 4)
    mendChecksum(data, size);
  return size;
}
