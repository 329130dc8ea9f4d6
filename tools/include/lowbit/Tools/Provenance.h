//===- Provenance.h - where an artefact comes from --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every artefact says what made it: the version of Lowbit, the options that
// decide its numbers, and digests of the files that it was made from. A module
// has them as an attribute, a sidecar as metadata, an object as a line of its
// `.comment` section. No dates and no folders: the same files and options give
// the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_PROVENANCE_H
#define LOWBIT_TOOLS_PROVENANCE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

/// The module's attribute.
inline constexpr llvm::StringLiteral kProvenanceAttrName = "lowbit.provenance";
/// The key of a sidecar's metadata; the value is JSON.
inline constexpr llvm::StringLiteral kProvenanceKey = "provenance";

/// A file by its name without folders and the BLAKE3 digest of its bytes, as
/// `b3sum` prints it.
struct FileDigest {
  std::string name, blake3;

  bool operator==(const FileDigest &other) const {
    return name == other.name && blake3 == other.blake3;
  }
};

/// What an artefact was made of, and how.
struct Provenance {
  /// Version of Lowbit.
  std::string version;
  /// Options that decide numbers, as on the command line without dashes; empty
  /// for a model that nothing was done to.
  std::string recipe;
  /// The model's files: the one that was read first, then external data.
  std::vector<FileDigest> sources;
  /// Files of calibration data.
  std::vector<FileDigest> data;
};

/// The version of this build, such as `0.1.0`.
llvm::StringRef getLowbitVersion();

/// BLAKE3 of a file, 64 hexadecimal digits. Reads it piece by piece, so nothing
/// of it stays in memory.
llvm::Expected<FileDigest> digestFile(llvm::StringRef path);

/// The provenance of a module, or nothing where it has none or another form.
std::optional<Provenance> getProvenance(mlir::ModuleOp module);
void setProvenance(mlir::ModuleOp module, const Provenance &provenance);

/// Notes that `module` was read from `files` and is compiled by `recipe`. A
/// module that has a provenance keeps its sources, so a model that is stopped
/// at a phase and resumed says the same as one compiled at once; what it was
/// compiled by before stands first in the recipe.
llvm::Error recordProvenance(mlir::ModuleOp module,
                             llvm::ArrayRef<std::string> files,
                             llvm::StringRef recipe);

/// Adds a file of calibration data to the module's provenance.
llvm::Error recordData(mlir::ModuleOp module, llvm::StringRef path);

/// As a JSON object: `lowbit`, `recipe`, `sources`, `data`.
llvm::json::Object toJson(const Provenance &provenance);
/// The same on one line.
std::string printProvenance(const Provenance &provenance);
/// Reads it back; nothing for another text.
std::optional<Provenance> parseProvenance(llvm::StringRef json);

} // namespace lowbit

#endif // LOWBIT_TOOLS_PROVENANCE_H
