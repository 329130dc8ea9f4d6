//===- ReplacedSidecar.h - sidecars on their way out ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artefact is two files, and no system renames two at once. While a new
// sidecar has the name and the old IR is still there, the old sidecar has the
// name `SIDECAR.CHECKSUM.old`, so that the old IR finds it: whenever writing is
// stopped, one whole artefact is there.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_REPLACEDSIDECAR_H
#define LOWBIT_TOOLS_LIB_REPLACEDSIDECAR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>

namespace lowbit {

inline constexpr llvm::StringLiteral kStructureKey("structure");

/// What is about to take the place of a sidecar.
struct NewSidecar {
  /// The file that will read it.
  llvm::StringRef reader;
  /// The structure of the weights, which programs ask for; empty without.
  llvm::StringRef structure;
  /// What it says of itself. Where the sidecar says the same, nobody loses it.
  std::map<std::string, std::string> metadata;
};

/// An error where a file whose name differs from that of `sidecar` in the
/// extension alone (an artefact, a program, or a manifest of SPIR-V) reads it,
/// and would find weights in its place that aren't its own.
llvm::Error checkSidecarUnread(llvm::StringRef sidecar, const NewSidecar &next);

/// The name for the sidecar at `path` while it is replaced; empty if it isn't
/// there or carries no checksum.
std::string getReplacedSidecarName(llvm::StringRef path);

/// The file that holds the sidecar `path` with this checksum: that one, or,
/// where it is another and the replaced one is there, that.
std::string findSidecar(llvm::StringRef path, llvm::StringRef checksum);

/// Removes replaced forms of the sidecar `path`.
void removeReplacedSidecars(llvm::StringRef path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_REPLACEDSIDECAR_H
