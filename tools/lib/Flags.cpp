//===- Flags.cpp - values of command lines --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Flags.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/PrintableText.h"
#include <unistd.h>
#include <utility>

using namespace lowbit;

/// Standard error while errors are kept, else -1.
static int standardError = -1;

CapturedErrors::CapturedErrors() : file(std::tmpfile()) {
  if (!file)
    return;
  standardError = ::dup(STDERR_FILENO);
  if (standardError >= 0)
    ::dup2(::fileno(file), STDERR_FILENO);
}

void CapturedErrors::release() {
  if (standardError < 0)
    return;
  ::dup2(standardError, STDERR_FILENO);
  ::close(std::exchange(standardError, -1));
}

std::string CapturedErrors::take() {
  release();
  std::string text;
  if (!file)
    return text;
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file))
    text += char(c);
  std::fclose(std::exchange(file, nullptr));
  return text;
}

void lowbit::rejectFlag(llvm::StringRef flag, const llvm::Twine &required,
                        llvm::StringRef found) {
  CapturedErrors::release();
  printError(getToolName(), makeError("--" + flag + ": requires " + required +
                                      ", found '" + found + "'"));
  std::exit(EXIT_FAILURE);
}

std::string lowbit::listAlternatives(llvm::ArrayRef<llvm::StringRef> names) {
  std::string list;
  // An empty name is that of no value.
  llvm::SmallVector<llvm::StringRef> shown;
  for (llvm::StringRef name : names)
    if (!name.empty())
      shown.push_back(name);
  for (auto [i, name] : llvm::enumerate(shown)) {
    if (i != 0)
      list += i + 1 == shown.size() ? " or " : ", ";
    list += name;
  }
  return list;
}
