//===- Flags.cpp - values of command lines --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Flags.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/FatalErrors.h"
#include "lowbit/Tools/PrintableText.h"

using namespace lowbit;

void lowbit::rejectFlag(llvm::StringRef flag, const llvm::Twine &required,
                        llvm::StringRef found) {
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
