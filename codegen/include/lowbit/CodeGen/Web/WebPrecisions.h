//===- WebPrecisions.h - a model in several precisions ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_WEBPRECISIONS_H
#define LOWBIT_CODEGEN_WEB_WEBPRECISIONS_H

#include "lowbit/CodeGen/Web/WebFiles.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace lowbit {

/// One precision of a web module of several, whose manifest is written.
struct WebPrecision {
  /// How pages ask for it.
  std::string name;
  /// Its manifest, beside the module.
  std::string manifest;
  /// Share of first choices, of the float model or of labels, and mean
  /// divergence in nats (or relative error of outputs), where they were
  /// measured.
  std::optional<double> accuracy = {}, divergence = {};
};

/// The manifest of a precision of the module `output`: for `model.webgpu.js`
/// and `int4-g32` it is `model.webgpu.int4-g32.json`. What a name of files had
/// better not hold becomes `_`.
std::string getWebPrecisionManifest(llvm::StringRef output,
                                    llvm::StringRef precision);

/// Writes the module `output`, its types, and its manifest, which lists
/// `precisions` with what their own manifests say of size and memory. These
/// have been written to `files` by `lowbit-write-web-module` with `precision`.
llvm::Error writeWebPrecisions(llvm::StringRef output,
                               llvm::ArrayRef<WebPrecision> precisions,
                               WebFiles &files);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_WEBPRECISIONS_H
