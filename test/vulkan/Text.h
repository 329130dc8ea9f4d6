//===- Text.h - a decoder that extends a text -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_VULKAN_TEXT_H
#define LOWBIT_TEST_VULKAN_TEXT_H

#include "Program.h"

namespace lowbit {

/// @prefill and @decode of a model with a KV cache, which both update.
class Text {
public:
  static llvm::Expected<Text> create(ModelMemory &memory,
                                     const Manifest &manifest);

  /// An error where tokens of a file, to which `more` will be appended, can't
  /// be computed with: they must be integers in the table, and have room, as
  /// all must that are appended but the last.
  llvm::Error check(const HostTensor &file, uint64_t more) const;
  /// Appends tokens by @prefill, in pieces of its length. The last piece begins
  /// early enough to be whole, and computes some tokens again; a text shorter
  /// than a piece is followed by tokens that later ones take the places of.
  llvm::Error prefill(llvm::ArrayRef<int64_t> tokens);
  /// Appends a token.
  llvm::Error decode(int64_t token);
  /// The logits behind the last decoded token, and the likeliest one as the
  /// device found it, without logits being read.
  llvm::Expected<HostTensor> readLogits() {
    return decodeProgram.read("logits");
  }
  llvm::Expected<int64_t> readToken();
  /// Seconds of all runs of each function.
  double prefillSeconds = 0, decodeSeconds = 0;

private:
  Text(Program prefill, Program decode)
      : prefillProgram(std::move(prefill)), decodeProgram(std::move(decode)) {}
  /// Tokens that the cache has room for.
  int64_t getRoom() const;
  llvm::Error run(Program &program, llvm::ArrayRef<int64_t> tokens,
                  int64_t position, double &seconds);

  Program prefillProgram, decodeProgram;
  std::vector<int64_t> text;
};

} // namespace lowbit

#endif // LOWBIT_TEST_VULKAN_TEXT_H
