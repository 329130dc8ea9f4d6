//===- CPUTables.h - what kernels know of each instruction set --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One description for each name in `#lowbit.cpu<...>`. Kernels, tiling and the
// tools ask it; none of them knows an instruction set by name. All targets read
// the same packed bytes, so a packed model runs on each of them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_CPUTABLES_H
#define LOWBIT_CODEGEN_CPU_CPUTABLES_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"

namespace mlir {
class ModuleOp;
}

namespace lowbit {

class ByteDot;
class ByteLookup;

/// An instruction set as kernels see it.
struct CPUDescription {
  CPUTable table;
  /// The name in `#lowbit.cpu<...>`.
  llvm::StringLiteral name;
  /// The architecture that has it; UnknownArch stands for all.
  llvm::Triple::ArchType arch;
  /// LLVM's names of the features that it needs, comma-separated.
  llvm::StringLiteral features;
  /// A processor that has them and little more, for examples and tests.
  llvm::StringLiteral exampleCPU;
  /// Bits of a vector register, and how many of them there are.
  int64_t vectorBits, registers;
  /// Codes that lie above bit 0 of their byte are multiplied there, masked but
  /// not shifted, while the byte stays within this bound.
  unsigned inPlaceLimit;
  /// Whether a code of 8 bits is multiplied as a signed number, 128 less.
  bool signedBytes;
  /// Whether loads and stores take a mask of lanes.
  bool hasMasks;
  /// Whether half-precision numbers convert in vectors.
  bool hasHalf;
  /// The four-way dot product.
  const ByteDot &(*dot)();
  /// Tables of bytes.
  const ByteLookup &(*lookup)();
  /// Whether it has a fused multiply-add. Where it hasn't, vector code
  /// multiplies and adds.
  bool hasFMA = true;
  /// Whether it multiplies tiles of bytes (AMX), which many rows of activations
  /// are worth.
  bool hasTiles = false;
  /// Whether it multiplies pairs of bf16 in vectors, exactly before they are
  /// added to f32.
  bool hasBFloat = false;
  /// Whether pairs of 16-bit numbers are multiplied and added as fast as bytes
  /// are: activations are then such numbers, and codes are widened.
  bool hasWords = false;
  /// Columns of an innermost loop's body, at most. The compilers of engines
  /// load all that a long one multiplies before they multiply, and have no
  /// registers for it.
  int64_t mostColumns = 256;

  /// 32-bit lanes of a register.
  int64_t lanes() const { return vectorBits / 32; }
  llvm::SmallVector<llvm::StringRef> getFeatures() const;
};

/// All descriptions, the best of each architecture first.
llvm::ArrayRef<CPUDescription> getCPUDescriptions();

/// The description of one table.
const CPUDescription &getCPUDescription(CPUTable table);

/// The description for the module's `lowbit.target`; that of `portable` without
/// one.
const CPUDescription &getCPUDescription(mlir::ModuleOp module);

/// A processor as LLVM's code generators are told of it.
struct ProcessorName {
  std::string cpu;
  /// What it has beyond that, comma-separated, each with a plus sign.
  std::string features;
};

/// What `cpu` stands for: LLVM's own name; `portable`, the baseline of the
/// triple's architecture; or for WebAssembly, which has no processors, the
/// names of extensions, `simd128` and `relaxed-simd` (which includes it).
ProcessorName getProcessorName(llvm::StringRef cpu, const llvm::Triple &triple);

/// The description that serves a processor best. `cpu` is LLVM's name for it
/// (`znver5`, `neoverse-n1`, `x86-64-v3`), or `native` for this machine, or
/// `portable`, which wants no instruction beyond the baseline, or an extension
/// of WebAssembly. An empty `triple` is this machine's. Errors: an unknown
/// triple or name, one that compiled code can't be for, `native` for another
/// architecture.
llvm::Expected<const CPUDescription *>
findCPUDescription(llvm::StringRef cpu, llvm::StringRef triple);

/// Whether this machine has what `description` needs.
bool isSupportedHere(const CPUDescription &description);

/// Prints a line for each description: name, architecture, features, registers,
/// and a star at the one for this machine.
void printCPUDescriptions(llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_CPUTABLES_H
