//===- CountedMemory.h - what compiled code allocates -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The allocator of an executable that says how much of its memory was in use at
// a time. Code takes plain functions, so that there is one count for the
// process: of one model that runs at a time.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_COUNTEDMEMORY_H
#define LOWBIT_TOOLS_LIB_COUNTEDMEMORY_H

#include <cstddef>
#include <cstdint>

namespace lowbit {

struct ExecutableOptions;

/// Has code that is compiled with these options call the functions that count.
void countMemory(ExecutableOptions &options);

/// Begins a count; what is in use already isn't part of it.
void startMemoryCount();

/// The most bytes in use at a time since then.
int64_t getMostMemory();

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_COUNTEDMEMORY_H
