//===- PrintableText.h - text that a terminal can show ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of files, tensors and keys come from elsewhere. In a message they are
// shown, and do nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_PRINTABLETEXT_H
#define LOWBIT_TOOLS_PRINTABLETEXT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

/// `text` with each byte that is no UTF-8, and each control character but line
/// ends and tabs, as `\xNN`.
std::string makePrintable(llvm::StringRef text);

/// Says on standard error what went wrong: `TOOL: error: TEXT`.
void printError(llvm::StringRef tool, llvm::Error error);

} // namespace lowbit

#endif // LOWBIT_TOOLS_PRINTABLETEXT_H
