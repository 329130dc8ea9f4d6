//===- Json.h - JSON in files -----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_JSON_H
#define LOWBIT_TOOLS_JSON_H

#include "lowbit/Transforms/JsonText.h"

namespace lowbit {

/// Maps the file at `path` and parses it.
llvm::Expected<llvm::json::Value> readJson(llvm::StringRef path,
                                           const JsonLimits &limits = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_JSON_H
