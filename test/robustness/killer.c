/*===- killer.c - ends a program in the middle of writing -----------------===*\
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Preloaded into quant-opt, it kills it just before its KILL_AT-th call that
 * writes, syncs, renames or removes a file: between any two such calls a file
 * system shows the same as at one of them. With KILL_AT=0 it prints them.
 *
\*===----------------------------------------------------------------------===*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int calls;

/* The linker that quant-opt starts is left alone. */
static void step(const char *call) {
  const char *at = getenv("KILL_AT");
  if (!at || strcmp(program_invocation_short_name, "quant-opt") != 0)
    return;
  if (atoi(at) == 0)
    fprintf(stderr, "call: %s\n", call);
  else if (atomic_fetch_add(&calls, 1) + 1 == atoi(at))
    kill(getpid(), SIGKILL);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t size) {
  struct stat status;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
    step("write");
  return NEXT(write)(file, bytes, size);
}

int fsync(int file) {
  step("fsync");
  return NEXT(fsync)(file);
}

int rename(const char *from, const char *to) {
  step("rename");
  return NEXT(rename)(from, to);
}

int unlink(const char *path) {
  step("unlink");
  return NEXT(unlink)(path);
}

int remove(const char *path) {
  step("remove");
  return NEXT(remove)(path);
}
