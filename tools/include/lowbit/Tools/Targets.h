//===- Targets.h - what code can be for -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TARGETS_H
#define LOWBIT_TOOLS_TARGETS_H

#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "llvm/Support/raw_ostream.h"
#include <array>

namespace lowbit {

/// This machine, or one that has a name.
struct MachineDescription {
  /// LLVM's names of the processor and of its architecture (`x86_64`).
  std::string cpu, architecture;
  /// The instruction set of the kernels that serve it best.
  const CPUDescription *kernels = nullptr;
  /// Known of this machine alone: processors, bytes of memory, and of the data
  /// caches of levels 1 to 3; 0 where the system doesn't say.
  unsigned processors = 0;
  uint64_t memory = 0;
  std::array<uint64_t, 3> caches = {};
};

/// Bytes of this machine's memory; 0 where the system doesn't say.
uint64_t getMachineMemory();

/// Describes a processor, `native` for this machine's. Errors are those of
/// `findCPUDescription`.
llvm::Expected<MachineDescription> describeMachine(llvm::StringRef cpu,
                                                   llvm::StringRef triple);

/// Prints `machine`, the instruction sets with kernels of their own, the other
/// targets and the methods by which weights are quantized.
void printTargets(const MachineDescription &machine, llvm::raw_ostream &os,
                  bool json);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TARGETS_H
