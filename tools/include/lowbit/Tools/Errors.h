//===- Errors.h - Making llvm::Error from parts -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every reader reports bad input as an llvm::Error whose text is lower case
// and says where, what was required and what was found.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_ERRORS_H
#define LOWBIT_TOOLS_ERRORS_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// An error with this text.
inline llvm::Error makeError(const llvm::Twine &text) {
  return llvm::make_error<llvm::StringError>(
      text, std::make_error_code(std::errc::invalid_argument));
}

/// An error about a file: "path: text". A text that begins with the path, as
/// those with a position in the file do, stays as it is.
inline llvm::Error makeFileError(llvm::StringRef path,
                                 const llvm::Twine &text) {
  std::string message = text.str();
  if (llvm::StringRef(message).starts_with((path + ":").str()))
    return makeError(message);
  return makeError(path + ": " + message);
}

} // namespace lowbit

#endif // LOWBIT_TOOLS_ERRORS_H
