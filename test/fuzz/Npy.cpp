//===- Npy.cpp - hostile .npy files ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is accepted is written and read again as the same tensor. The mutations
// keep the length of the header right in most inputs, for all that lies behind
// that check.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Npy.h"
#include "Fuzz.h"
#include "llvm/Support/Endian.h"

using namespace lowbit;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::Expected<HostTensor> tensor =
      parseNpy(fuzz::toText(data, size), fuzz::kSource);
  if (!tensor) {
    fuzz::refuse(tensor.takeError());
    return 0;
  }
  std::string written;
  llvm::raw_string_ostream os(written);
  if (llvm::Error error = printNpy(os, *tensor, fuzz::kSource)) {
    fuzz::refuse(std::move(error));
    abort(); // Each type that is read can be written.
  }
  HostTensor again = fuzz::expect(parseNpy(written, fuzz::kSource),
                                  "what is written can be read");
  fuzz::require(again.getType() == tensor->getType() &&
                    again.getShape() == tensor->getShape() &&
                    again.getBytes() == tensor->getBytes(),
                "a tensor that is written and read is the same");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, maxSize);
  constexpr size_t kHeader = 10; // Behind magic, version 1 and length.
  llvm::StringRef text = fuzz::toText(data, size);
  size_t end = text.find('\n', kHeader);
  if (seed % 4 != 0 && size > kHeader && end != llvm::StringRef::npos)
    llvm::support::endian::write16le(data + kHeader - 2, end + 1 - kHeader);
  return size;
}
