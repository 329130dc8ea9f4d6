//===- ManifestFormat.h - whose manifest a file is --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SPIR-V models and web modules have manifests with the extension .json, so
// that `-o model.js` and `-o model.json` name the same one.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_MANIFESTFORMAT_H
#define LOWBIT_TOOLS_MANIFESTFORMAT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// What manifests of SPIR-V models say of themselves as `format`.
inline constexpr llvm::StringLiteral kSPIRVManifestFormat("lowbit-spirv");

/// An error where a SPIR-V model's manifest is to go to `path`, and that of a
/// web module is there.
llvm::Error checkSPIRVManifest(llvm::StringRef path);

/// An error where the manifest of the web module `output` is to go to `path`,
/// and anything else is there: nobody has given that name.
llvm::Error checkWebManifest(llvm::StringRef path, llvm::StringRef output);

} // namespace lowbit

#endif // LOWBIT_TOOLS_MANIFESTFORMAT_H
