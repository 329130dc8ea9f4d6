//===- FatalErrors.cpp - ends that no caller can handle -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's own handling prints in another form and may abort, which looks like a
// crash. Nothing but the handlers that remove files is run here: other threads
// may be in the middle of anything.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/FatalErrors.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>

static void exitWithError(void *tool, const char *reason, bool) {
  fprintf(stderr, "%s: error: %s\n", static_cast<const char *>(tool), reason);
  llvm::sys::RunInterruptHandlers();
  std::_Exit(EXIT_FAILURE);
}

static const char *toolName = "";

const char *lowbit::getToolName() { return toolName; }

void lowbit::exitOnFatalErrors(const char *tool) {
  toolName = tool;
  void *data = const_cast<char *>(tool);
  llvm::install_fatal_error_handler(exitWithError, data);
  // InitLLVM has its own for memory, which aborts.
  llvm::remove_bad_alloc_error_handler();
  llvm::install_bad_alloc_error_handler(exitWithError, data);
  // A file beyond the limit is an error of writing it, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  // For readers of files (see `parseModule`); elsewhere a crash stays a crash.
  llvm::CrashRecoveryContext::Enable();
}

void *lowbit::allocateForModel(size_t size) {
  if (void *memory = malloc(size != 0 ? size : 1))
    return memory;
  llvm::report_fatal_error("out of memory: the model asks for " +
                               llvm::Twine(size) +
                               " bytes at once; give it smaller inputs",
                           /*gen_crash_diag=*/false);
}
