//===- WebRunner.cpp - web modules in browsers ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page of this program's loads the module, runs it, and sends back what it
// found. That works in every browser, and needs no protocol of any.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WebRunner.h"
#include "Browser.h"
#include "LocalServer.h"
#include "Page.inc"
#include "PageResult.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/PrintableText.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <atomic>
#include <chrono>

using namespace lowbit;

namespace {

/// The page's side of a run.
class PageHost {
public:
  explicit PageHost(const WebRunOptions &options)
      : options(options), name(llvm::sys::path::filename(options.module)),
        folder(llvm::sys::path::parent_path(options.module)) {}

  HttpResponse answer(const HttpRequest &request);

  /// What the page sent in the end; empty before.
  std::string result;
  /// What it was at, and whether it was there at all.
  std::string state;
  std::map<std::string, HostTensor> outputs;
  /// Why an output cannot be used; empty where all can.
  std::string failure;

private:
  HttpResponse answerPost(const HttpRequest &request);
  HttpResponse readFile(llvm::StringRef file) const;
  std::string describeJob() const;

  const WebRunOptions &options;
  llvm::StringRef name, folder;
};

} // namespace

static const char *getType(llvm::StringRef file) {
  return llvm::StringSwitch<const char *>(llvm::sys::path::extension(file))
      .Case(".js", "text/javascript")
      .Case(".json", "application/json")
      .Default("application/octet-stream");
}

/// The module's own files alone: those whose names begin with its.
HttpResponse PageHost::readFile(llvm::StringRef file) const {
  HttpResponse missing{404, "text/plain", "no such file\n"};
  llvm::StringRef stem = name.drop_back(llvm::StringRef("js").size());
  if (!file.starts_with(stem) || file.contains('/'))
    return missing;
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, file);
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return missing;
  return {200, getType(file), (*buffer)->getBuffer().str()};
}

std::string PageHost::describeJob() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream stream(os);
  stream.object([&] {
    stream.attribute("module", llvm::json::fixUTF8(name));
    stream.attribute("variant", llvm::json::fixUTF8(options.variant));
    stream.attribute("precision", llvm::json::fixUTF8(options.precision));
    stream.attribute("runs", options.runs);
    stream.attribute("warmUp", options.warmUp);
    stream.attribute("generate", options.generate);
    stream.attributeArray("tokens", [&] {
      for (uint32_t token : options.promptTokens)
        stream.value(token);
    });
    stream.attributeArray("inputs", [&] {
      for (const auto &[input, tensor] : options.inputs)
        stream.object([&, &input = input, &tensor = tensor] {
          stream.attribute("name", llvm::json::fixUTF8(input));
          stream.attribute("type", getName(tensor.getType()));
        });
    });
    stream.attributeArray("outputs", [&] {
      for (llvm::StringRef output : options.outputs)
        stream.value(llvm::json::fixUTF8(output));
    });
  });
  return text;
}

HttpResponse PageHost::answerPost(const HttpRequest &request) {
  if (request.path == "/state") {
    state = request.body;
  } else if (request.path == "/result") {
    result = request.body;
  } else if (request.path == "/output") {
    if (auto output = parsePageOutput(request.body))
      outputs.insert(std::move(*output));
    else
      failure = llvm::toString(output.takeError());
  } else {
    return {404, "text/plain", "no such thing\n"};
  }
  return {};
}

HttpResponse PageHost::answer(const HttpRequest &request) {
  llvm::StringRef path = request.path;
  if (request.method == "POST")
    return answerPost(request);
  if (path == "/")
    return {200, "text/html; charset=utf-8", kPage.str()};
  if (path == "/runner.js")
    return {200, "text/javascript", kScript.str()};
  if (path == "/run.json")
    return {200, "application/json", describeJob()};
  if (path == "/alive")
    return {200, "text/plain", "", /*isHeld=*/true};
  size_t index = 0;
  if (path.consume_front("/input/") && !path.getAsInteger(10, index) &&
      index < options.inputs.size()) {
    llvm::ArrayRef<char> bytes = options.inputs[index].second.getBytes();
    return {200, "application/octet-stream",
            std::string(bytes.begin(), bytes.end())};
  }
  return readFile(path.drop_front());
}

/// Set when the person at the terminal has had enough: the browser and its
/// profile must go, too.
static std::atomic<bool> isInterrupted{false};

/// Serves until the page has sent its result.
static llvm::Error waitForResult(LocalServer &server, PageHost &host,
                                 BrowserProcess &process, llvm::StringRef name,
                                 unsigned timeout) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::seconds(timeout);
  auto fail = [&](const llvm::Twine &what) {
    std::string words = process.readLastWords();
    return makeError(
        name + " " + what + "; " +
        (host.state.empty()
             ? std::string("its page did not begin")
             : "the last of its page: " + makePrintable(host.state)) +
        (words.empty() ? std::string()
                       : "; its last lines: " + makePrintable(words)));
  };
  bool hasResult = false;
  while (host.result.empty() || !server.isIdle()) {
    constexpr int kMilliseconds = 100;
    if (llvm::Error error = server.serve(kMilliseconds))
      return error;
    // A page that reads no further would keep answers waiting for good.
    if (!host.result.empty() && !hasResult)
      end = std::min(end, Clock::now() + std::chrono::seconds(1));
    hasResult = !host.result.empty();
    if (hasResult && Clock::now() > end)
      break;
    if (isInterrupted)
      return makeError("interrupted while " + name + " was running");
    if (hasResult)
      continue;
    if (auto ended = process.findEnd())
      return fail(*ended + " before the module was done");
    if (server.hasLostPage())
      return fail("left or lost its page before the module was done");
    if (Clock::now() > end)
      return fail("was not done within " + llvm::Twine(timeout) +
                  " seconds (--timeout)");
  }
  return host.failure.empty() ? llvm::Error::success()
                              : makeError(host.failure);
}

llvm::Expected<WebRunResult>
lowbit::runInBrowser(const WebRunOptions &options) {
  if (llvm::Error error = checkReadable(options.module))
    return std::move(error);
  bool isManual = options.browser == "any";
  Browser browser;
  if (!isManual) {
    auto found = findBrowser(options.browser);
    if (!found)
      return found.takeError();
    browser = std::move(*found);
  }
  PageHost host(options);
  auto server = LocalServer::create(
      [&](const HttpRequest &request) { return host.answer(request); });
  if (!server)
    return server.takeError();
  std::string url = (*server)->getUrl();
  std::string name = isManual ? "the browser" : browser.getName().str();
  isInterrupted = false;
  llvm::sys::SetInterruptFunction([] { isInterrupted = true; });
  if (options.log)
    *options.log << (isManual ? "open " + url + " in a browser on this machine"
                              : name + " runs " + url)
                 << "\n";
  BrowserProcess process;
  auto run = [&]() -> llvm::Error {
    if (!isManual)
      if (llvm::Error error = process.open(browser, url, options.isShown))
        return error;
    return waitForResult(**server, host, process, name, options.timeout);
  };
  llvm::Error failure = run();
  llvm::sys::SetInterruptFunction(nullptr);
  if (failure)
    return std::move(failure);
  auto result = parsePageResult(host.result, options.module, name);
  if (!result)
    return result.takeError();
  result->browser = browser.path;
  result->warmUp = options.warmUp;
  result->outputs = std::move(host.outputs);
  return result;
}
