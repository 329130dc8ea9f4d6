//===- Options.cpp - how the sanitizers run in fuzzers --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's libraries are not instrumented. Two checks of AddressSanitizer would
// blame this project's code for that: bump allocators that both use mark their
// memory in only one of them, and what MLIR's parser holds when a fault ends it
// is never freed (see IR.cpp). The rest is for speed: freed memory stays in
// quarantine for about one input, which fits into a processor's cache; and
// allocations have neither a stack nor a filling. Where a fault needs those,
// the input shows it again under other ASAN_OPTIONS.
//
//===----------------------------------------------------------------------===//

extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0:detect_leaks=0:quarantine_size_mb=1:"
         "thread_local_quarantine_size_kb=64:malloc_context_size=0:"
         "max_malloc_fill_size=0";
}
