//===- PageResult.h - what a page sends back --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A page is read as a file from elsewhere is: what isn't of the kind that a
// page of this program's sends is an error that names it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_BROWSER_PAGERESULT_H
#define LOWBIT_TOOLS_LIB_BROWSER_PAGERESULT_H

#include "lowbit/Tools/WebRunner.h"

namespace lowbit {

/// An output by its name: a line of JSON with name, type and shape, and the
/// bytes behind it.
llvm::Expected<std::pair<std::string, HostTensor>>
parsePageOutput(llvm::StringRef text);

/// The figures in a page's result, or the error in it, which is about `module`
/// in a browser called `browser`.
llvm::Expected<WebRunResult> parsePageResult(llvm::StringRef text,
                                             llvm::StringRef module,
                                             llvm::StringRef browser);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_BROWSER_PAGERESULT_H
