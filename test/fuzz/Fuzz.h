//===- Fuzz.h - what the fuzzers share --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reader under test does more than survive: it refuses with one error that
// names the file, and what it accepts can be written and read again. Where that
// does not hold, the fuzzer stops like at a crash.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_FUZZ_FUZZ_H
#define LOWBIT_TEST_FUZZ_FUZZ_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

/// libFuzzer's own mutations of `size` bytes at `data`; returns the new size.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace lowbit::fuzz {

/// What errors call the input.
constexpr llvm::StringLiteral kSource("/fuzz/input");

inline llvm::StringRef toText(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

/// Stops unless `holds`.
inline void require(bool holds, const char *what,
                    llvm::StringRef details = "") {
  if (holds)
    return;
  fprintf(stderr, "fuzz: broken promise: %s\n%s\n", what,
          details.str().c_str());
  abort();
}

/// The text of a refusal, which names the file.
inline std::string refuse(llvm::Error error) {
  std::string text = llvm::toString(std::move(error));
  require(llvm::StringRef(text).starts_with(kSource), "errors name the file",
          text);
  return text;
}

/// The value, where an error would break a promise.
template <typename T> T expect(llvm::Expected<T> value, const char *promise) {
  if (!value)
    require(false, promise, llvm::toString(value.takeError()));
  return std::move(*value);
}

} // namespace lowbit::fuzz

#endif // LOWBIT_TEST_FUZZ_FUZZ_H
