//===- Artefact.h - Modules on disk: IR and a sidecar -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artefact is two files: `X.mlir` (text) or `X.mlirbc` (bytecode) without
// the bytes of any weight, and `X.safetensors` with nothing but those bytes.
// So the IR stays readable, weights are mapped instead of parsed, and one file
// of weights serves every phase, process and target.
//
// Component `codes` of `lowbit.global @fc1` is the sidecar's tensor
// `fc1.codes`; the data of a plain global are `fc1`. Lowering splits globals by
// the same rule, so compiled code finds its weights in the same file. Resource
// keys play no part in that: MLIR renames a key when a context holds it
// already.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_ARTEFACT_H
#define LOWBIT_TOOLS_ARTEFACT_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>

namespace lowbit {

class AtomicOutput;

/// The module's attribute with the sidecar's checksum, by which a sidecar that
/// belongs to another artefact is found.
inline constexpr llvm::StringLiteral kSidecarChecksumAttr =
    "lowbit.sidecar_checksum";

/// Metadata of a sidecar: `computeChecksum` of its tensors.
inline constexpr llvm::StringLiteral kChecksumKey("checksum");

/// How the IR of an artefact is written.
enum class ArtefactFormat { Text, Bytecode };

/// Bytes of an artefact's files. `data` is the sum over all components;
/// `header` is what the sidecar needs besides.
struct ArtefactSize {
  uint64_t ir = 0;
  uint64_t header = 0;
  uint64_t data = 0;

  uint64_t getTotal() const { return ir + header + data; }
};

/// The name of a global's component in a sidecar.
std::string getTensorName(llvm::StringRef global, llvm::StringRef component);

/// Sixteen hexadecimal digits (XXH3) over names and types of all globals: what
/// code must know of its weights. Weights of one structure can replace each
/// other without a change of code.
std::string computeStructure(mlir::ModuleOp module);

/// What a sidecar says of itself: `checksum` (see `computeChecksum`), and the
/// `structure` and provenance of `module`, which it belongs to.
std::map<std::string, std::string> makeSidecarMetadata(std::string checksum,
                                                       mlir::ModuleOp module);

/// The sidecar that belongs to the IR file `path`: the same name with the
/// extension `.safetensors`.
std::string getSidecarPath(llvm::StringRef path);

/// What the names of a shared library's header and weights begin with: its own
/// name without the extension, and without a `lib` in front.
std::string getLibraryBase(llvm::StringRef path);

/// Whether the artefact at `path` reads its weights from the sidecar as that is
/// now: it says the sidecar's checksum. False if either file isn't there.
bool readsSidecar(llvm::StringRef path, llvm::StringRef sidecar);

/// Writes `module` to `path`, and the data of all its globals' resources to the
/// sidecar. Sets or removes the module's sidecar attribute. Both files appear
/// or neither; whenever the program is killed, the artefact that was there
/// before can be loaded, or the new one. Errors: a resource without data,
/// resources outside of globals (their bytes would be lost), files that cannot
/// be written. `companion`, if there is one, appears with them or not at all.
llvm::Expected<ArtefactSize> saveArtefact(mlir::ModuleOp module,
                                          llvm::StringRef path,
                                          ArtefactFormat format,
                                          AtomicOutput *companion = nullptr);

/// Reads an artefact, text or bytecode, and binds its sidecar. Diagnostics of
/// the parser become the error's text.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
loadArtefact(llvm::StringRef path, mlir::MLIRContext &context);

/// Binds the sidecar of a module that was parsed from `path`; without the
/// sidecar attribute there is nothing to bind. Bytes stay in the mapping, which
/// the context keeps alive; a tensor that is misaligned for its type is copied.
/// Missing tensors, tensors of another type or shape, and bytes that do not
/// match the sidecar's checksum (where it has one) are errors.
llvm::Error bindSidecar(mlir::ModuleOp module, llvm::StringRef path);

/// Fails if a component of any global is a resource without data.
llvm::Error checkResources(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_TOOLS_ARTEFACT_H
