/*===- OpenMP.h - the threads that compiled code runs on ----------*- C -*-===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Compiled code calls LLVM's OpenMP library. This loads it into the process, *|
|* for the just-in-time compiler and for hosts that link compiled objects.    *|
\*===----------------------------------------------------------------------===*/

#ifndef LOWBIT_RUNTIME_OPENMP_H
#define LOWBIT_RUNTIME_OPENMP_H

#ifdef __cplusplus
extern "C" {
#endif

/** Names that `lowbit_load_openmp` tries, for messages. */
#define LOWBIT_OPENMP_NAMES "libomp.so.5, libomp.so"

/**
 * Loads LLVM's OpenMP library with its symbols visible to code that is loaded
 * later. `address` lies in a library (libLLVM) beside which to look first, so
 * that the versions agree; it may be null. Then the loader's paths are
 * searched. Returns a handle for `dlsym`, or null where nothing was found. A
 * second call returns the same library.
 */
void *lowbit_load_openmp(const void *address);

#ifdef __cplusplus
}
#endif

#endif /* LOWBIT_RUNTIME_OPENMP_H */
