//===- WebRunner.h - web modules in browsers --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WEBRUNNER_H
#define LOWBIT_TOOLS_WEBRUNNER_H

#include "lowbit/Tools/HostTensor.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// What a browser is to do with a module.
struct WebRunOptions {
  /// The module's `.js`; its manifest and shards lie beside it.
  std::string module;
  /// `chrome`, `edge`, `firefox`, `chromium` or a path; empty for the first of
  /// these that is installed; `any` for one that a person opens.
  std::string browser;
  /// Whether the browser has a window.
  bool isShown = false;
  /// Runs, or of decoders tokens, that are timed, and those before them.
  unsigned runs = 20, warmUp = 2;
  /// Seconds until the browser is given up.
  unsigned timeout = 300;
  /// One of the module's variants and of its precisions; empty for its own
  /// choice.
  std::string variant, precision;
  /// Inputs by name; without any, numbers are made up. Not for decoders.
  std::vector<std::pair<std::string, HostTensor>> inputs;
  /// Outputs to bring back.
  std::vector<std::string> outputs;
  /// Tokens to generate, and those to begin with, of decoders.
  unsigned generate = 0;
  std::vector<uint32_t> promptTokens;
  /// Where the page's address, and what it is about, is printed; null for
  /// nowhere.
  llvm::raw_ostream *log = nullptr;
};

/// What came out.
struct WebRunResult {
  /// The name that the browser gives itself, and its program; the latter is
  /// empty if a person opened it.
  std::string agent, browser;
  /// What the module says of itself, as its types declare.
  llvm::json::Object report;
  /// Milliseconds of runs, or of tokens but the first, in their order.
  std::vector<double> milliseconds;
  unsigned warmUp = 0;
  /// Of decoders: of the prompt, and what was generated.
  std::optional<double> promptMilliseconds;
  unsigned promptTokens = 0;
  std::vector<uint32_t> tokens;
  /// Bytes of the page's heap before and after loading, where the browser
  /// tells.
  std::optional<uint64_t> heapBefore, heapAfter;
  std::map<std::string, HostTensor> outputs;

  /// One line per figure, or one JSON object. `text` is what the tokens mean.
  void print(llvm::raw_ostream &os, bool json, llvm::StringRef text = "") const;
};

/// Opens the module in a browser, runs it there, and waits for what comes out.
/// Fails if there is no such browser, if it ends or its page goes away before
/// that, if the module fails (with its error), or if time is up.
llvm::Expected<WebRunResult> runInBrowser(const WebRunOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEBRUNNER_H
