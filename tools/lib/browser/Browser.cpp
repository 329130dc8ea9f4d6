//===- Browser.cpp - an installed browser, on a page ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Browser.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace lowbit;

namespace fs = llvm::sys::fs;

extern char **environ;

namespace {
/// A browser by the name that people use, and the programs that it may be.
struct KnownBrowser {
  llvm::StringLiteral name;
  BrowserFamily family;
  llvm::SmallVector<llvm::StringLiteral, 4> programs;
};
} // namespace

static llvm::ArrayRef<KnownBrowser> getKnownBrowsers() {
  static const KnownBrowser kBrowsers[] = {
      {"chrome",
       BrowserFamily::Chromium,
       {"google-chrome", "google-chrome-stable", "chrome"}},
      {"edge",
       BrowserFamily::Chromium,
       {"microsoft-edge", "microsoft-edge-stable"}},
      {"chromium", BrowserFamily::Chromium, {"chromium", "chromium-browser"}},
      {"firefox", BrowserFamily::Firefox, {"firefox", "firefox-esr"}},
  };
  return kBrowsers;
}

llvm::StringRef Browser::getName() const {
  return llvm::sys::path::filename(path);
}

static llvm::Expected<Browser> findByPath(llvm::StringRef path) {
  if (!fs::can_execute(path))
    return makeError("--browser: requires a program, found '" + path +
                     "', which cannot be executed");
  bool isFirefox =
      llvm::sys::path::filename(path).contains_insensitive("firefox");
  return Browser{path.str(),
                 isFirefox ? BrowserFamily::Firefox : BrowserFamily::Chromium};
}

llvm::Expected<Browser> lowbit::findBrowser(llvm::StringRef name) {
  if (name.contains('/'))
    return findByPath(name);
  llvm::SmallVector<llvm::StringRef> names, looked;
  for (const KnownBrowser &known : getKnownBrowsers()) {
    names.push_back(known.name);
    if (!name.empty() && name != known.name)
      continue;
    for (llvm::StringRef program : known.programs) {
      looked.push_back(program);
      if (auto path = llvm::sys::findProgramByName(program))
        return Browser{*path, known.family};
    }
  }
  if (looked.empty())
    return makeError("--browser: requires " + llvm::join(names, ", ") +
                     ", any, or the path of a browser, found '" + name + "'");
  return makeError(
      "--browser: requires a browser in PATH, found none of " +
      llvm::join(looked, ", ") +
      "; give its path with --browser=PATH, or open the page yourself with "
      "--browser=any");
}

/// What keeps a Firefox with a new profile from asking anything, and lets it
/// use WebGPU where it is still an experiment.
static constexpr llvm::StringLiteral kFirefoxPreferences =
    R"(user_pref("dom.webgpu.enabled", true);
user_pref("gfx.webgpu.ignore-blocklist", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
)";

static llvm::Error writePreferences(llvm::StringRef folder) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "user.js");
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return makeError(path + ": cannot be written: " + error.message());
  stream << kFirefoxPreferences;
  return llvm::Error::success();
}

static std::vector<std::string> getArguments(const Browser &browser,
                                             llvm::StringRef folder,
                                             llvm::StringRef url,
                                             bool isShown) {
  std::vector<std::string> arguments = {browser.path};
  auto add = [&](std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
  };
  if (browser.family == BrowserFamily::Firefox) {
    add({"--no-remote", "--profile", folder.str()});
    if (!isShown)
      add({"--headless"});
  } else {
    // WebGPU on Linux, and on software, is still an experiment in places.
    add({("--user-data-dir=" + folder).str(), "--no-first-run",
         "--no-default-browser-check", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--enable-precise-memory-info", "--enable-unsafe-webgpu"});
    if (!isShown)
      add({"--headless=new"});
    // Its sandbox refuses to be root's.
    if (::geteuid() == 0)
      add({"--no-sandbox"});
  }
  add({url.str()});
  return arguments;
}

llvm::Error BrowserProcess::open(const Browser &browser, llvm::StringRef url,
                                 bool isShown) {
  if (std::error_code error =
          fs::createUniqueDirectory("lowbit-browser", folder))
    return makeError("the browser's profile requires a temporary folder: " +
                     error.message());
  if (browser.family == BrowserFamily::Firefox)
    if (llvm::Error error = writePreferences(folder))
      return error;
  std::string log = (folder + "/log.txt").str();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  // A group of its own, so that all of its processes can be ended together.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> arguments =
      getArguments(browser, folder, url, isShown);
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int status = ::posix_spawn(&process, browser.path.c_str(), &files,
                             &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (status == 0)
    return llvm::Error::success();
  process = 0;
  return makeError(browser.path + ": cannot be started: " + strerror(status));
}

std::optional<std::string> BrowserProcess::findEnd() {
  int status = 0;
  if (process == 0 || ::waitpid(process, &status, WNOHANG) != process)
    return std::nullopt;
  // Its children may have outlived it.
  ::kill(-process, SIGKILL);
  process = 0;
  if (WIFSIGNALED(status))
    return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

std::string BrowserProcess::readLastWords() const {
  auto log = llvm::MemoryBuffer::getFile(folder + "/log.txt");
  if (!log)
    return "";
  llvm::SmallVector<llvm::StringRef> lines;
  (*log)->getBuffer().split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  constexpr size_t kLines = 3, kLength = 200;
  std::string words;
  for (llvm::StringRef line : llvm::ArrayRef(lines).take_back(kLines))
    words += (words.empty() ? "" : " / ") + line.take_front(kLength).str();
  return words;
}

BrowserProcess::~BrowserProcess() {
  using namespace std::chrono_literals;
  if (process) {
    ::kill(-process, SIGTERM);
    auto end = std::chrono::steady_clock::now() + 3s;
    while (!findEnd() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(20ms);
  }
  if (process) {
    ::kill(-process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  // Processes that are ending still write to it.
  for (int i = 0; i < 10 && !folder.empty() && fs::exists(folder); ++i) {
    if (!fs::remove_directories(folder, /*IgnoreErrors=*/false))
      break;
    std::this_thread::sleep_for(50ms);
  }
}
