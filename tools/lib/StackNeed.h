//===- StackNeed.h - how deep the stack of compiled code is -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_STACKNEED_H
#define LOWBIT_TOOLS_LIB_STACKNEED_H

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include <optional>

namespace lowbit {

/// Learns the frames of a module's functions while code is generated of it, and
/// adds them up along calls.
class StackNeed {
public:
  /// Watches what code generation says in the module's context; the module must
  /// outlive this.
  explicit StackNeed(llvm::Module &module);
  ~StackNeed();

  /// Bytes of the deepest calls, when code has been generated; nothing where
  /// only a run tells: of slots that are made in loops, calls by address, and
  /// functions that call themselves. A frame that is aligned to more than the
  /// stack's 16 bytes may take the difference in addition: the linker's share
  /// for the run time, 64 KiB, has room for that.
  std::optional<uint64_t> getBytes() const;

private:
  llvm::Module &module;
  /// Frames that aren't empty, by functions.
  llvm::StringMap<uint64_t> frames;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_STACKNEED_H
