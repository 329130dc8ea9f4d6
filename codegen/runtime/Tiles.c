/*===- Tiles.c - the system's leave to use tiles --------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

/* For syscall. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif

#include "lowbit/Runtime/Tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

int lowbit_request_tiles(void) {
  /* ARCH_REQ_XCOMP_PERM and XFEATURE_XTILEDATA of the kernel's
     Documentation/arch/x86/xstate.rst; headers before 5.16 lack them. */
  enum { request = 0x1023, tile_data = 18 };
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
}
#else
int lowbit_request_tiles(void) { return 0; }
#endif
