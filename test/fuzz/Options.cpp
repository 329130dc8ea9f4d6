//===- Options.cpp - how the sanitizers run in fuzzers --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's libraries are not instrumented. Two checks of AddressSanitizer would
// blame this project's code for that: bump allocators that both use mark their
// memory in only one of them, and what MLIR's parser holds when a fault ends it
// is never freed (see IR.cpp). A small quarantine and short stacks of
// allocations are for speed.
//
//===----------------------------------------------------------------------===//

extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_leaks=0:"
         "quarantine_size_mb=16:malloc_context_size=4";
}
