//===- IRMutator.h - other IR of the same kind ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bytes rarely get past a lexer. These mutations know what a token is,
// so that most of what they make reaches parsers of operations and verifiers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_FUZZ_IRMUTATOR_H
#define LOWBIT_TEST_FUZZ_IRMUTATOR_H

#include "llvm/ADT/StringRef.h"
#include <cstddef>
#include <cstdint>

namespace lowbit::fuzz {

/// Changes the text at `data` in place, to at most `maxSize` bytes; returns the
/// new size. The result depends on the arguments and on libFuzzer's state.
size_t mutateIR(uint8_t *data, size_t size, size_t maxSize, unsigned seed);

/// `first` with some lines of `second`, at `out`; returns the size.
size_t mixIR(llvm::StringRef first, llvm::StringRef second, uint8_t *out,
             size_t maxSize, unsigned seed);

} // namespace lowbit::fuzz

#endif // LOWBIT_TEST_FUZZ_IRMUTATOR_H
