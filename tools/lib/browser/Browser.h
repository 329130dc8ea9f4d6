//===- Browser.h - an installed browser, on a page --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Browsers are driven by their command line alone, which all of them have:
// a profile of its own for each run, without a window, and a page to open.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_BROWSER_BROWSER_H
#define LOWBIT_TOOLS_LIB_BROWSER_BROWSER_H

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <sys/types.h>

namespace lowbit {

/// Whose options a browser understands.
enum class BrowserFamily { Chromium, Firefox };

struct Browser {
  std::string path;
  BrowserFamily family;

  /// How messages call it.
  llvm::StringRef getName() const;
};

/// The browser that `name` says: chrome, edge, firefox, chromium, a path, or
/// the first of those four that is installed if it is empty. Fails with what
/// was looked for.
llvm::Expected<Browser> findBrowser(llvm::StringRef name);

/// A browser that runs, with a profile of its own that goes when it does.
class BrowserProcess {
public:
  BrowserProcess() = default;
  BrowserProcess(const BrowserProcess &) = delete;
  BrowserProcess &operator=(const BrowserProcess &) = delete;
  /// Ends the browser and all processes that it started.
  ~BrowserProcess();

  /// Opens `url`, in a window if `isShown`.
  llvm::Error open(const Browser &browser, llvm::StringRef url, bool isShown);

  /// How it ended, if it did: "ended with status 1" or "was ended by signal
  /// 11".
  std::optional<std::string> findEnd();

  /// The last lines that it wrote, each with its beginning.
  std::string readLastWords() const;

private:
  llvm::SmallString<128> folder;
  pid_t process = 0;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_BROWSER_BROWSER_H
