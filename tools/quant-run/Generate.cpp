//===- Generate.cpp - texts that quant-run continues ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens go to standard output as soon as they are known.
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/LanguageModel.h"
#include "lowbit/Tools/TextDecoder.h"
#include "lowbit/Tools/Tokenizer.h"

using namespace lowbit;

namespace {
/// Prints tokens, as text where there is a tokenizer.
class Printer {
public:
  Printer(const RunOptions &options, const Tokenizer *tokenizer)
      : tokenizer(tokenizer), isQuiet(options.json) {}

  void print(uint32_t token) {
    if (isQuiet)
      return;
    if (tokenizer)
      llvm::outs() << tokenizer->decode(token);
    else
      llvm::outs() << (isFirst ? "" : " ") << token;
    isFirst = false;
    llvm::outs().flush();
  }
  /// Ends the line, before figures go to standard error.
  void end() {
    if (!isFirst)
      llvm::outs() << "\n";
    llvm::outs().flush();
  }

private:
  const Tokenizer *tokenizer;
  bool isQuiet;
  bool isFirst = true;
};
} // namespace

static std::string toText(llvm::ArrayRef<uint32_t> tokens,
                          const Tokenizer *tokenizer) {
  if (tokenizer)
    return tokenizer->decode(tokens);
  std::string text;
  for (uint32_t token : tokens)
    text += (text.empty() ? "" : " ") + std::to_string(token);
  return text;
}

/// The model of a text, compiled with a cache for it.
static llvm::Expected<std::unique_ptr<TextDecoder>>
loadDecoder(const RunOptions &options, llvm::StringRef path,
            size_t promptTokens) {
  CompileOptions compile;
  compile.reference = options.load.reference;
  compile.floatActivations = options.load.floatActivations;
  compile.machine = options.machine;
  compile.disabledPatterns = options.load.disabledPatterns;
  compile.kvCache = options.kvCache;
  compile.maxLength = options.maxLength
                          ? options.maxLength
                          : int64_t(promptTokens + options.generate);
  return compileToDecoder(path, compile, options.load);
}

static double getRate(size_t tokens, double seconds) {
  return seconds > 0.0 ? double(tokens) / seconds : 0.0;
}

llvm::Error lowbit::continuePrompt(const RunOptions &options,
                                   llvm::StringRef path, Model *model,
                                   RunFigures &figures) {
  std::optional<Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) {
    llvm::Expected<Tokenizer> read = Tokenizer::read(options.tokenizer);
    if (!read)
      return read.takeError();
    tokenizer = std::move(*read);
  }
  const Tokenizer *words = tokenizer ? &*tokenizer : nullptr;
  std::vector<uint32_t> prompt = options.promptTokens.empty()
                                     ? tokenizer->encode(options.prompt)
                                     : options.promptTokens;
  GenerationOptions generation;
  generation.count = options.generate;
  generation.temperature = options.temperature;
  generation.topK = options.topK;
  generation.seed = options.seed;
  generation.window = options.window;
  std::unique_ptr<TextDecoder> decoder;
  if (!model) {
    auto loaded = loadDecoder(options, path, prompt.size());
    if (!loaded)
      return loaded.takeError();
    decoder = std::move(*loaded);
    figures.bitsPerWeight = decoder->getWeightSize().getBitsPerWeight();
    figures.sizeBytes = decoder->getWeightSize().allBytes;
    figures.cacheBytes = decoder->getCacheBytes();
    if (decoder->getWorkspaceBytes())
      figures.workspaceBytes = decoder->getWorkspaceBytes();
  }
  Printer printer(options, words);
  // The prompt comes with the first token, so that an error has no text.
  bool isFirst = true;
  auto print = [&](uint32_t token) {
    if (isFirst)
      for (uint32_t given : prompt)
        printer.print(given);
    isFirst = false;
    printer.print(token);
  };
  GenerationTimes times;
  auto tokens = decoder ? generate(*decoder, prompt, generation, print, &times)
                        : generate(*model, prompt, generation, print);
  printer.end();
  if (!tokens)
    return tokens.takeError();
  if (decoder)
    figures.promptBytes = decoder->getPromptBytes();
  figures.text = toText(*tokens, words);
  if (!decoder)
    return llvm::Error::success();
  figures.promptTokensPerSecond =
      getRate(times.promptTokens, times.promptSeconds);
  // The first new token comes from the prompt's logits.
  if (times.newTokens > 1)
    figures.newTokensPerSecond = getRate(times.newTokens - 1, times.newSeconds);
  return llvm::Error::success();
}
