//===- JsonText.h - JSON that others wrote ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's JSON parser recurses once per nesting level and lets a repeated key
// replace the one before. Both matter for files from elsewhere: the first can
// overflow the stack, the second hides what a file really says. This wrapper
// refuses both before the parser runs.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_JSONTEXT_H
#define LOWBIT_TRANSFORMS_JSONTEXT_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace lowbit {

/// What a JSON text may not exceed.
struct JsonLimits {
  /// Nesting of arrays and objects.
  unsigned depth = 64;
  /// Bytes of text.
  uint64_t bytes = uint64_t(32) << 20;
};

/// Parses `text`. Errors read "`source`: line 3, column 7: ...".
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text,
                                            llvm::StringRef source,
                                            const JsonLimits &limits = {});

/// `value` where it is a number that an int64_t holds exactly, such as 3 or
/// 3e0; nothing for null pointers. LLVM's own getAsInteger converts 2^63, which
/// is undefined.
std::optional<int64_t> getJsonInteger(const llvm::json::Value *value);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_JSONTEXT_H
