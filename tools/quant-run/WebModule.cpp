//===- WebModule.cpp - web modules that quant-run runs in browsers --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/Tokenizer.h"

using namespace lowbit;

/// Reads inputs, and the prompt's tokens by `tokenizer`.
static llvm::Expected<WebRunOptions> readWebInputs(const RunOptions &options,
                                                   const Tokenizer *tokenizer) {
  WebRunOptions web = *options.web;
  for (const NamedFile &file : options.inputs) {
    auto tensor = readNpy(file.path);
    if (!tensor)
      return tensor.takeError();
    if (tensor->getType() == ElementType::F16)
      return makeFileError(file.path, "an input in a browser requires f32, "
                                      "f64, integers or booleans, found " +
                                          tensor->describe());
    web.inputs.emplace_back(file.name, std::move(*tensor));
  }
  for (const NamedFile &file : options.outputs)
    web.outputs.push_back(file.name);
  if (web.promptTokens.empty() && tokenizer)
    web.promptTokens = tokenizer->encode(options.prompt);
  // Standard output is for what came out.
  web.log = &llvm::errs();
  return std::move(web);
}

static llvm::Error writeOutputs(const RunOptions &options,
                                const WebRunResult &result) {
  std::vector<AtomicOutput> files;
  std::vector<AtomicOutput *> pointers;
  for (const NamedFile &file : options.outputs) {
    auto found = result.outputs.find(file.name);
    if (found == result.outputs.end())
      return makeError("the browser sent no output '" + file.name +
                       "': a decoder with a cache has tokens alone");
    auto prepared = prepareNpy(file.path, found->second);
    if (!prepared)
      return prepared.takeError();
    files.push_back(std::move(*prepared));
  }
  for (AtomicOutput &file : files)
    pointers.push_back(&file);
  return AtomicOutput::commitAll(pointers);
}

llvm::Error lowbit::runWebModule(const RunOptions &options) {
  if (llvm::Error error = checkFiles(options))
    return error;
  std::optional<Tokenizer> tokenizer;
  if (!options.tokenizer.empty()) {
    auto read = Tokenizer::read(options.tokenizer);
    if (!read)
      return read.takeError();
    tokenizer = std::move(*read);
  }
  auto web = readWebInputs(options, tokenizer ? &*tokenizer : nullptr);
  if (!web)
    return web.takeError();
  auto result = runInBrowser(*web);
  if (!result)
    return result.takeError();
  if (llvm::Error error = writeOutputs(options, *result))
    return error;
  std::string text;
  if (options.generate != 0 && tokenizer)
    text = tokenizer->decode(result->tokens);
  // Text that was generated has standard output to itself.
  bool isText = options.generate != 0 && !options.json;
  if (isText && tokenizer)
    llvm::outs() << options.prompt << text << "\n";
  else if (isText) {
    std::string separator;
    for (uint32_t token : web->promptTokens)
      llvm::outs() << std::exchange(separator, " ") << token;
    for (uint32_t token : result->tokens)
      llvm::outs() << std::exchange(separator, " ") << token;
    llvm::outs() << "\n";
  }
  result->print(isText ? llvm::errs() : llvm::outs(), options.json, text);
  return llvm::Error::success();
}
