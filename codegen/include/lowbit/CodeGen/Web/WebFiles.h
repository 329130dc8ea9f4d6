//===- WebFiles.h - where the files of a web module go ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_WEBFILES_H
#define LOWBIT_CODEGEN_WEB_WEBFILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

/// What manifests of web modules say of themselves as `format`.
inline constexpr llvm::StringLiteral kWebManifestFormat("lowbit-web");

/// Takes the files of a web module one after the other, those that name others
/// after these. Each appears whole or not at all, and at once.
class WebFiles {
public:
  virtual ~WebFiles() = default;
  virtual llvm::Error write(llvm::StringRef path, llvm::StringRef bytes);
  /// Where what was written for `path` is meanwhile.
  virtual std::string find(llvm::StringRef path) const { return path.str(); }
  /// Says that a file that is there is of no use with what follows.
  virtual void retire(llvm::StringRef path);
};

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_WEBFILES_H
