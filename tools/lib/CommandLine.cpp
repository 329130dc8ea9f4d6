//===- GivenOnce.cpp - options of which one value counts ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/GivenOnce.h"
#include "lowbit/Tools/Errors.h"

using namespace lowbit;
namespace cl = llvm::cl;

llvm::Error
lowbit::checkGivenOnce(llvm::function_ref<bool(const cl::Option &)> isOurs) {
  const cl::Option *repeated = nullptr;
  for (const auto &entry : cl::getRegisteredOptions()) {
    const cl::Option *option = entry.second;
    if (option->getNumOccurrences() < 2 ||
        option->getNumOccurrencesFlag() != cl::Optional || !isOurs(*option))
      continue;
    // The options are in no order; of several, name always the same one.
    if (!repeated || option->ArgStr < repeated->ArgStr)
      repeated = option;
  }
  if (!repeated)
    return llvm::Error::success();
  llvm::StringRef dashes = repeated->ArgStr.size() == 1 ? "-" : "--";
  return makeError(dashes + repeated->ArgStr +
                   " requires one value, found it " +
                   llvm::Twine(repeated->getNumOccurrences()) +
                   " times; leave all but one out");
}
