//===- TextDecoder.h - A language model with a KV cache ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model that was compiled with a cache, and the text that it is in. Each
// token is computed once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TEXTDECODER_H
#define LOWBIT_TOOLS_TEXTDECODER_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/LanguageModel.h"
#include "lowbit/Tools/LoadModel.h"
#include <memory>

namespace lowbit {

class TextDecoder {
public:
  virtual ~TextDecoder() = default;

  /// Tokens of the longest text, and of the text so far.
  virtual size_t getMaxLength() const = 0;
  virtual size_t getLength() const = 0;
  /// Bytes of the cache, and of all that a step with one token computes in.
  virtual uint64_t getCacheBytes() const = 0;
  virtual uint64_t getWorkspaceBytes() const = 0;
  /// The most that buffers took at a time in any prompt so far, logits
  /// included.
  virtual uint64_t getPromptBytes() const = 0;
  virtual WeightSize getWeightSize() const = 0;

  /// Starts a new text.
  virtual void reset() = 0;

  /// Appends tokens to the text. Returns the logits behind the last of them, or
  /// behind each, if the model came with a prefill that computes all.
  /// Errors: no token, more than fit, a token that the model doesn't know, or
  /// logits that are not finite.
  virtual llvm::Expected<Logits> prefill(llvm::ArrayRef<uint32_t> tokens) = 0;

  /// Appends one token. Returns the logits behind it, which stand until the
  /// next call. Allocates nothing.
  virtual llvm::Expected<llvm::ArrayRef<float>> decode(uint32_t token) = 0;
};

/// Reads the model at `path` and compiles it with the cache that `options` ask
/// for (f32 where they don't say), or with the one that it has already.
llvm::Expected<std::unique_ptr<TextDecoder>>
compileToDecoder(llvm::StringRef path, CompileOptions options,
                 const LoadOptions &load);

/// How long a text took.
struct GenerationTimes {
  size_t promptTokens = 0, newTokens = 0;
  double promptSeconds = 0, newSeconds = 0;
};

/// Continues a text. `onToken` sees each token as soon as it is known. Returns
/// prompt and new tokens. Errors: those of the decoder, and a text that doesn't
/// fit, before anything is computed.
llvm::Expected<std::vector<uint32_t>>
generate(TextDecoder &decoder, llvm::ArrayRef<uint32_t> prompt,
         const GenerationOptions &options,
         llvm::function_ref<void(uint32_t)> onToken = nullptr,
         GenerationTimes *times = nullptr);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TEXTDECODER_H
