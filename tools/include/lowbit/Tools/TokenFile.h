//===- TokenFile.h - Token ids as 16-bit integers ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text for evaluation comes as token ids, so that no tokenizer stands between
// a model and its perplexity: little-endian unsigned 16-bit ids, back to back.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TOKENFILE_H
#define LOWBIT_TOOLS_TOKENFILE_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace lowbit {

/// Reads a token file. An odd number of bytes is an error.
llvm::Expected<std::vector<uint16_t>> readTokens(llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TOKENFILE_H
